"""By hand: the openai SDK in FastAPI."""

from collections.abc import AsyncIterator

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from benchmarks.serving.peers.api import SYSTEM, Answer, serve
from benchmarks.serving.peers.passages import Found, Passages


class ByHand:
    """Search, prompt, call."""

    def __init__(self, passages: Passages, model_url: str) -> None:
        self._passages = passages
        self._client = AsyncOpenAI(base_url=model_url, api_key="none")

    async def answer(self, question: str) -> Answer:
        """Return the whole answer."""
        found = self._passages.search(question)
        completion = await self._client.chat.completions.create(model="fake", messages=prompt(question, found))
        return Answer(answer=completion.choices[0].message.content or "", sources=[passage.source for passage in found])

    async def stream(self, question: str) -> AsyncIterator[str]:
        """Yield the answer's text as it comes."""
        messages = prompt(question, self._passages.search(question))
        async for chunk in await self._client.chat.completions.create(model="fake", messages=messages, stream=True):
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content


def prompt(question: str, found: list[Found]) -> list[ChatCompletionMessageParam]:
    context = "\n\n".join(passage.text for passage in found)
    return [
        {"role": "system", "content": f"{SYSTEM}\n\nContext:\n{context}"},
        {"role": "user", "content": question},
    ]


if __name__ == "__main__":
    serve(ByHand)
