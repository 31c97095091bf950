"""The whole model path against llama.cpp's server, with a small model of our own."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from importlib import util
from pathlib import Path
from typing import TypeVar

import pytest

from shipmate.adapters.openai_compatible import OpenAICompatible, OpenAICompatibleSettings
from shipmate.answer.model import checked_answer
from shipmate.errors import ModelUnavailable
from shipmate.messages import Cut, Hit, Message, Passage, Question, Role, Sentence, Usage
from shipmate.testing.llama_server import llama_server

pytestmark = pytest.mark.real

T = TypeVar("T")
GGUF = Path(__file__).parents[1] / "fixtures" / "tiny-faq.gguf"


@pytest.fixture(scope="module")
def llama(required: Callable[[bool, str], None]) -> Iterator[str]:
    required(util.find_spec("xllamacpp") is not None, "xllamacpp")
    with llama_server(GGUF) as url:
        yield url


def with_model(url: str, use: Callable[[OpenAICompatible], Awaitable[T]]) -> T:
    async def run() -> T:
        model = OpenAICompatible(OpenAICompatibleSettings(base_url=url, model="tiny-faq"))
        try:
            return await use(model)
        finally:
            await model.close()

    return asyncio.run(run())


async def say(model: OpenAICompatible, question: str, *, max_tokens: int = 40) -> tuple[str, Usage]:
    asked = (Message(role=Role.USER, text=question, at=0.0),)
    *texts, usage = [part async for part in model.stream(asked, max_tokens=max_tokens, deadline_s=30)]
    assert isinstance(usage, Usage)
    return "".join(str(text) for text in texts), usage


def test_it_answers_and_counts_its_tokens(llama: str) -> None:
    text, usage = with_model(llama, lambda model: say(model, "How do I reset my password?"))
    assert "password" in text.lower()
    assert not usage.estimated
    assert usage.input_tokens > 0
    assert 0 < usage.output_tokens <= 40


def test_it_stops_at_the_tokens_that_it_may_use(llama: str) -> None:
    _, usage = with_model(llama, lambda model: say(model, "How do I reset my password?", max_tokens=3))
    assert usage.output_tokens == 3


def test_it_answers_again_after_it_was_cancelled(llama: str) -> None:
    async def use(model: OpenAICompatible) -> str:
        asked = (Message(role=Role.USER, text="How do I reset my password?", at=0.0),)
        async with aclosing(model.stream(asked, max_tokens=500, deadline_s=30)) as pieces:
            await anext(pieces)
        return (await say(model, "How do I reset my password?"))[0]

    assert with_model(llama, use)


def test_more_than_it_can_hold_is_refused_with_its_reason(llama: str) -> None:
    with pytest.raises(ModelUnavailable, match="context size") as error:
        with_model(llama, lambda model: say(model, "password " * 20_000))
    assert error.value.do


class Brief:
    """The same model, asked the bare question: it holds 256 tokens, fewer than the rules and passages take."""

    def __init__(self, model: OpenAICompatible) -> None:
        self._model = model
        self.name = model.name

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, deadline_s: float
    ) -> AsyncGenerator[str | Usage, None]:
        asked = messages[-1].text.rpartition("Question: ")[2]
        return self._model.stream(
            (Message(role=Role.USER, text=asked, at=0.0),), max_tokens=max_tokens, deadline_s=deadline_s
        )

    async def close(self) -> None:
        await self._model.close()


def test_its_sentences_leave_only_where_a_passage_bears_them_out(llama: str) -> None:
    said, _ = with_model(llama, lambda model: say(model, "How do I reset my password?"))

    async def answer(model: OpenAICompatible, text: str) -> list[Sentence | Cut | Usage]:
        hits = [Hit(passage=Passage(source="a.md", title="Help", text=text, start=0, end=len(text)), score=1.0)]
        question = Question(text="How do I reset my password?", standalone="How do I reset my password?")
        checked = checked_answer(Brief(model), question, hits, max_tokens=40, deadline_s=30, assistant_prompt="Help.")
        return [part async for part in checked]

    *borne_out, usage = with_model(llama, lambda model: answer(model, said))
    assert isinstance(usage, Usage)
    assert "".join(part.text for part in borne_out if isinstance(part, Sentence)).strip() == said.strip()
    assert all(part.citations for part in borne_out if isinstance(part, Sentence))
    *unrelated, _ = with_model(llama, lambda model: answer(model, "The harbour freezes in winter."))
    assert all(isinstance(part, Cut) for part in unrelated)
