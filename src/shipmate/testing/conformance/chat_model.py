"""What every `ChatModel` promises, as checks over an open one: `for check in CHECKS: await check(model)`.

The model must have at least two pieces of text to say, the same for the same question.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from shipmate.errors import ModelTimeout
from shipmate.messages import Message, Role, Usage
from shipmate.ports import ChatModel

__all__ = ["CHECKS"]

QUESTION = (Message(role=Role.USER, text="How do I reset my password?", at=0.0),)
TOKENS = 16
DEADLINE_S = 20.0


async def yields_text_and_then_its_usage(model: ChatModel) -> None:
    """Text comes in pieces, none empty; one usage comes last and counts what was said."""
    parts = await _answer(model)
    *texts, usage = parts
    assert texts
    assert all(isinstance(text, str) and text for text in texts)
    assert isinstance(usage, Usage)
    assert usage.model == model.name
    assert usage.input_tokens > 0
    assert usage.output_tokens > 0


async def keeps_to_the_tokens_it_may_use(model: ChatModel) -> None:
    """No more tokens are said than were granted."""
    usage = (await _answer(model, max_tokens=1))[-1]
    assert isinstance(usage, Usage)
    assert usage.output_tokens <= 1


async def stops_when_it_is_closed(model: ChatModel) -> None:
    """Closing after the first piece ends the answer, and the next one is whole."""
    async with aclosing(model.stream(QUESTION, max_tokens=TOKENS, deadline_s=DEADLINE_S)) as answer:
        assert isinstance(await anext(answer), str)
    assert [part async for part in answer] == []
    assert isinstance((await _answer(model))[-1], Usage)


async def ends_when_its_deadline_passes(model: ChatModel) -> None:
    """A deadline that cannot be met raises `ModelTimeout`, with what to do about it."""
    late = None
    try:
        async for _ in model.stream(QUESTION, max_tokens=TOKENS, deadline_s=0.0):
            pass
    except ModelTimeout as error:
        late = error
    assert late is not None
    assert late.do


async def answers_several_at_once(model: ChatModel) -> None:
    """Answers that run beside each other are the same as one that runs alone."""
    alone = _text(await _answer(model))
    together = await asyncio.gather(*(_answer(model) for _ in range(4)))
    assert [_text(parts) for parts in together] == [alone] * 4


async def closes_twice(model: ChatModel) -> None:
    """Closing what is closed does nothing."""
    await model.close()
    await model.close()


CHECKS: tuple[Callable[[ChatModel], Awaitable[None]], ...] = (
    yields_text_and_then_its_usage,
    keeps_to_the_tokens_it_may_use,
    stops_when_it_is_closed,
    ends_when_its_deadline_passes,
    answers_several_at_once,
    closes_twice,
)


async def _answer(model: ChatModel, *, max_tokens: int = TOKENS) -> list[str | Usage]:
    return [part async for part in model.stream(QUESTION, max_tokens=max_tokens, deadline_s=DEADLINE_S)]


def _text(parts: list[str | Usage]) -> str:
    return "".join(part for part in parts if isinstance(part, str))
