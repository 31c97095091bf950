"""A language model that is a Python function: what it says is written in the test."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

from shipmate.errors import ModelError, ModelTimeout
from shipmate.messages import Message, Usage

__all__ = ["ScriptedModel"]

# What one answer is made of: pieces of text, pauses in seconds, and a failure to end with.
Step = str | float | ModelError
Script = Callable[[Sequence[Message]], Iterable[Step]]


class ScriptedModel:
    """A `ChatModel` that follows a script; it counts one token for each piece of text."""

    def __init__(self, script: Script | Iterable[Step], *, name: str = "scripted") -> None:
        """`script` is what every answer is made of, or a function from the conversation to that."""
        self.name = name
        # The conversations that it was sent, oldest first.
        self.asked: list[tuple[Message, ...]] = []
        # Answers that were closed before their end.
        self.cancelled = 0
        self._script: Script = script if callable(script) else _always(tuple(script))

    async def stream(
        self, messages: Sequence[Message], *, max_tokens: int, deadline_s: float
    ) -> AsyncGenerator[str | Usage, None]:
        """Yield the script's texts, with its pauses, until `max_tokens` of them were said."""
        self.asked.append(tuple(messages))
        deadline = asyncio.get_running_loop().time() + deadline_s
        said = 0
        try:
            for step in self._script(messages):
                if isinstance(step, ModelError):
                    raise step
                if isinstance(step, float):
                    await _pause(step, deadline)
                elif said < max_tokens:
                    await _pause(0.0, deadline)
                    said += 1
                    yield step
            sent = sum(len(message.text.split()) for message in messages)
            yield Usage(model=self.name, input_tokens=sent, output_tokens=said)
        except (GeneratorExit, asyncio.CancelledError):
            self.cancelled += 1
            raise

    async def close(self) -> None:
        """Do nothing: there is nothing to give back."""


def _always(steps: Iterable[Step]) -> Script:
    return lambda _: steps


async def _pause(seconds: float, deadline: float) -> None:
    """Wait, and raise `ModelTimeout` when the deadline passes meanwhile."""
    try:
        async with asyncio.timeout_at(deadline):
            await asyncio.sleep(seconds)
    except TimeoutError as error:
        raise ModelTimeout("The scripted model did not finish within its deadline.", do="Script it faster.") from error
