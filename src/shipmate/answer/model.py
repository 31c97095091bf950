"""Answers in a model's own words, of which only the sentences leave that the passages bear out."""

import hashlib
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

from shipmate.answer.check.grounding import Grounding
from shipmate.answer.check.hold_back import HoldBack
from shipmate.answer.check.plain import plain
from shipmate.messages import Cut, Hit, Message, Passage, Question, Recalled, Role, Sentence, Usage
from shipmate.ports import ChatModel

__all__ = ["CITED", "checked_answer", "conversation"]

# Bounds on what is sent, in characters.
PASSAGES_CHARS = 12_000
HISTORY_CHARS = 4_000
QUESTION_CHARS = 8_000
# Of each question and each reply of an example.
EXAMPLE_CHARS = 600
# A server that goes on beyond its tokens is stopped at so many characters for each.
TOKEN_CHARS = 8
# What refers to a citation.
CITED = re.compile(r"\s*\[\d+\]")
# A last sentence without one of these was cut off when the tokens ran out.
SENTENCE_ENDS = tuple(".!?…。！？:)]\"'”’`|*")


async def checked_answer(
    model: ChatModel,
    question: Question,
    hits: Sequence[Hit],
    recalled: Sequence[Recalled] = (),
    *,
    max_tokens: int,
    deadline_s: float,
    assistant_prompt: str,
) -> AsyncGenerator[Sentence | Cut | Usage, None]:
    """Yield the model's sentences as they are checked, what was cut, and at last the usage.

    White space before a sentence is part of it, so that the texts joined keep the model's layout. Closing it cancels
    the model. Raises what the model raises; until then, only whole sentences were given out.
    """
    grounding: Grounding | None = None
    held = HoldBack()
    messages = conversation(question, hits, recalled, assistant_prompt=assistant_prompt)
    usage = Usage(model=model.name)
    room = max_tokens * TOKEN_CHARS
    async with aclosing(model.stream(messages, max_tokens=max_tokens, deadline_s=deadline_s)) as pieces:
        async for piece in pieces:
            if not isinstance(piece, str):
                usage = piece
                continue
            # Made when the first piece has come: the model writes on meanwhile.
            grounding = grounding or Grounding(question, hits)
            for sentence in held.feed(piece[:room]):
                yield grounding.check(sentence)
            room -= len(piece)
            if room < 0:
                break
    rest = held.flush()
    if room < 0 or (usage.output_tokens >= max_tokens and not rest.rstrip().endswith(SENTENCE_ENDS)):
        yield Cut(text=rest, rule="unfinished", reason=f"The model had used its {max_tokens} tokens.")
    elif rest.strip():
        yield (grounding or Grounding(question, hits)).check(rest)
    yield usage


def conversation(
    question: Question, hits: Sequence[Hit], recalled: Sequence[Recalled] = (), *, assistant_prompt: str
) -> list[Message]:
    """Return what the model is sent: the charter's words, the conversation so far, and as quoted data the passages.

    Before them, replies to others that were asked the like, fenced as data too.
    """
    passages = "\n\n".join(_passages(hits))
    examples = "\n\n".join(_examples(recalled))
    # Neither passages nor examples can close what their own content has named.
    named = b"".join((question.text.encode(), examples.encode(), *(_quoted(hit.passage).digest for hit in hits)))
    seal = hashlib.sha256(named).hexdigest()[:12]
    opening, closing = f"<passages {seal}>", f"</passages {seal}>"
    system = _template("cited_answer").format(assistant=assistant_prompt.strip(), opening=opening, closing=closing)
    if examples:
        first, last = f"<examples {seal}>", f"</examples {seal}>"
        system = f"{system.strip()}\n{_template('examples').format(opening=first, closing=last)}"
        opening = f"{first}\n{examples}\n{last}\n\n{opening}"
    asked = question.text[:QUESTION_CHARS]
    if question.standalone not in ("", question.text):
        asked = f"{asked}\n(That is: {question.standalone[:QUESTION_CHARS]})"
    return [
        _message(Role.SYSTEM, system.strip()),
        *_recent(question.history),
        _message(Role.USER, f"{opening}\n{passages}\n{closing}\n\nQuestion: {asked}"),
    ]


def _passages(hits: Sequence[Hit]) -> Iterator[str]:
    """Yield the passages with their numbers, until the room is used up."""
    room = PASSAGES_CHARS
    for number, hit in enumerate(hits, start=1):
        text = f"[{number}] {_quoted(hit.passage).text}"[:room]
        room -= len(text)
        yield text
        if room <= 0:
            break


def _examples(recalled: Sequence[Recalled]) -> Iterator[str]:
    """Yield what others asked and were told, without the numbers that cite passages of theirs."""
    for example in recalled:
        asked, told = plain(example.exchange.question), plain(CITED.sub("", example.exchange.reply))
        yield f"Asked: {asked[:EXAMPLE_CHARS]}\nTold: {told[:EXAMPLE_CHARS]}"


class _Quoted(NamedTuple):
    """A passage as it is sent."""

    text: str
    digest: bytes


@lru_cache(maxsize=1024)
def _quoted(passage: Passage) -> _Quoted:
    """Return the passage below its title and headings."""
    above = " > ".join(dict.fromkeys((passage.title, *passage.headings)))
    text = plain(f"{above}\n{passage.text}")
    return _Quoted(text, hashlib.sha256(text.encode()).digest())


def _recent(history: Sequence[Message]) -> list[Message]:
    """Return the last messages that fit, oldest first. Those of other roles than user and assistant are left out."""
    room = HISTORY_CHARS
    kept: list[Message] = []
    for message in reversed(history):
        room -= len(message.text)
        if room < 0:
            break
        if message.role in (Role.USER, Role.ASSISTANT, Role.HUMAN):
            kept.append(_message(Role.USER if message.role is Role.USER else Role.ASSISTANT, message.text))
    return kept[::-1]


def _message(role: Role, text: str) -> Message:
    return Message(role=role, text=text, at=0.0)


@cache
def _template(name: str) -> str:
    return files("shipmate").joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")
