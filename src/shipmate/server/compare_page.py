"""The page that shows two versions side by side, or two turns: what differs between them is marked."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Annotated, Any, NamedTuple

from fastapi import Query, Request, Response
from jinja2 import Environment

from shipmate.errors import Forbidden, ShipmateError, Unauthorised
from shipmate.messages import Trace
from shipmate.release.compare import Comparison, Pair, Summary, summary
from shipmate.release.kept import Entry
from shipmate.release.replay import Answered
from shipmate.server.forms import form_headers
from shipmate.server.lobby import Lobby
from shipmate.server.problems import ProblemDetails, refusal_headers

__all__ = ["ComparePage"]

LONGEST = 1024
Words = Annotated[str, Query(max_length=LONGEST)]
# Longer texts are shown without marks: to find them takes quadratic time.
MOST_WORDS = 600
PAIRS_SHOWN = 200
WORD = re.compile(r"\S+|\s+")


class Piece(NamedTuple):
    """A part of an answer; one that the other answer lacks is marked."""

    text: str
    is_marked: bool


class SideShown(NamedTuple):
    """An answer as the page shows it."""

    answer: Answered
    pieces: Sequence[Piece]
    sources: Sequence[str]
    is_preferred: bool


class PairShown(NamedTuple):
    """A question with both answers."""

    question: str
    is_changed: bool
    a: SideShown
    b: SideShown


class Seen(NamedTuple):
    """What a visit of the page has to show."""

    entries: Sequence[Entry] = ()
    chosen: str = ""
    comparison: Comparison | None = None
    figures: Summary | None = None
    pairs: Sequence[PairShown] = ()
    left_out: int = 0
    shows_all: bool = False
    turns: tuple[str, str] = ("", "")
    trouble: ProblemDetails | None = None
    is_locked: bool = False


class ComparePage:
    """Renders comparisons for admins; who needs a key and sends none gets a page that asks for one and tells nothing."""

    def __init__(self, lobby: Lobby, templates: Environment, headers: Mapping[str, str]) -> None:
        self._lobby = lobby
        self._template = templates.get_template("compare.html")
        self._headers = form_headers(headers)

    async def show(
        self, request: Request, *, found: Words = "", show: Words = "", turn: Words = "", other: Words = ""
    ) -> Response:
        """Show a kept comparison, the newest one if none is named, or two turns of the caller's own."""
        seen = Seen(chosen=found, shows_all=show == "all", turns=(turn.strip(), other.strip()))
        lobby = self._lobby
        try:
            caller = lobby.access.caller(dict(request.headers.raw))
            if not lobby.access.may_repair(caller):
                do = "Put the name of your key among the admins, or run `shipmate compare` beside the folder."
                raise Forbidden("Only an admin may compare answers.", do=do)
            if all(seen.turns):
                return self._page(200, await self._two_turns(seen, caller))
            return self._page(200, await self._kept(seen, caller))
        except ShipmateError as error:
            details = lobby.problem(error)
            seen = seen._replace(trouble=details, is_locked=isinstance(error, Unauthorised))
            response = self._page(details.status, seen)
            response.raw_headers += refusal_headers(error)
            return response

    async def _kept(self, seen: Seen, caller: str) -> Seen:
        compared = self._lobby.compared
        entries = compared.entries() if compared else []
        if not compared or not (entries or seen.chosen):
            return seen
        chosen = seen.chosen or entries[0].id
        comparison = await compared.comparison(chosen, caller)
        shown = [pair for pair in comparison.pairs if pair.past.may_be_shown and (pair.is_changed or seen.shows_all)]
        return seen._replace(
            entries=entries,
            chosen=chosen,
            comparison=comparison,
            figures=summary(comparison),
            pairs=[_shown(pair) for pair in shown[:PAIRS_SHOWN]],
            left_out=max(0, len(shown) - PAIRS_SHOWN),
        )

    async def _two_turns(self, seen: Seen, caller: str) -> Seen:
        one, other = [await self._lobby.assistant.trace(turn, caller) for turn in seen.turns]
        question = one.standalone if one.standalone == other.standalone else f"{one.standalone} / {other.standalone}"
        a, b = _answered(one), _answered(other)
        return seen._replace(pairs=[PairShown(question, a.says() != b.says(), *_sides(a, b, ""))])

    def _page(self, status: int, seen: Seen) -> Response:
        page = self._template.render(assistant=self._lobby.assistant, **seen._asdict())
        return Response(page, status_code=status, media_type="text/html", headers=self._headers)


def _answered(trace: Trace) -> Answered:
    reply = trace.reply
    return Answered(
        kind=reply.kind,
        text=reply.text,
        citations=reply.citations,
        confidence=reply.confidence,
        usage=reply.usage,
        latency_ms=reply.latency_ms,
        fault=trace.fault,
    )


def _shown(pair: Pair) -> PairShown:
    return PairShown(pair.past.question.standalone, pair.is_changed, *_sides(pair.a, pair.b, pair.verdict))


def _sides(a: Answered, b: Answered, verdict: str) -> tuple[SideShown, SideShown]:
    pieces_a, pieces_b = _pieces(a.text, b.text)
    return _side(a, pieces_a, is_preferred=verdict == "a"), _side(b, pieces_b, is_preferred=verdict == "b")


def _side(answer: Answered, pieces: Sequence[Piece], *, is_preferred: bool) -> SideShown:
    return SideShown(answer, pieces, list(dict.fromkeys(cited.source for cited in answer.citations)), is_preferred)


def _pieces(a: str, b: str) -> tuple[list[Piece], list[Piece]]:
    """Return both texts, with what the other lacks marked."""
    words_a, words_b = WORD.findall(a), WORD.findall(b)
    if a == b or max(len(words_a), len(words_b)) > MOST_WORDS:
        return [Piece(a, is_marked=False)], [Piece(b, is_marked=False)]
    matcher: Any = SequenceMatcher(None, words_a, words_b, autojunk=False)
    codes = matcher.get_opcodes()
    return (
        list(_marked((tag, words_a[start:end]) for tag, start, end, _, _ in codes)),
        list(_marked((tag, words_b[start:end]) for tag, _, _, start, end in codes)),
    )


def _marked(runs: Iterator[tuple[str, Sequence[str]]]) -> Iterator[Piece]:
    for tag, words in runs:
        if words:
            yield Piece("".join(words), is_marked=tag != "equal")
