"""The page that looks into the search and repairs it: every repair is shown with its effect before it is saved."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

import msgspec
from fastapi import Query, Request, Response
from jinja2 import Environment

from shipmate.curation import CURATION, Change, Curation, Place
from shipmate.curator import LAST_QUESTIONS, Effect
from shipmate.errors import Invalid, ProjectError, ShipmateError, Unauthorised, UsageError
from shipmate.knowledge.repair import PIN
from shipmate.messages import Hit
from shipmate.server.forms import form_headers, sent_form
from shipmate.server.lobby import Lobby
from shipmate.server.problems import ProblemDetails, refusal_headers
from shipmate.text import WORD, stem, stems

__all__ = ["SearchPage", "told_as_invalid"]

LONGEST = 1024
SHOWN_CHARACTERS = 900
Words = Annotated[str, Query(max_length=LONGEST)]
# The legs of a search as people call them, in the order in which they are shown.
LEGS = {"lexical": "words", "dense": "meaning", "graph": "graph"}


class Piece(NamedTuple):
    """A part of a passage's text; one that the question names is marked."""

    text: str
    is_marked: bool


class Result(NamedTuple):
    """A passage as the page shows it."""

    hit: Hit
    passage: str
    pieces: Sequence[Piece]
    legs: Sequence[tuple[str, float]]
    is_pinned: bool


class Seen(NamedTuple):
    """What a visit of the page has to show."""

    question: str = ""
    results: Sequence[Result] = ()
    curation: Curation | None = None
    change: Change | None = None
    effect: Effect | None = None
    trouble: ProblemDetails | None = None
    is_locked: bool = False
    may_repair: bool = False
    is_saved: bool = False


@contextmanager
def told_as_invalid() -> Iterator[None]:
    """Raise what is wrong with a repair, or with the file of all repairs, as an answer to a request."""
    try:
        yield
    except UsageError as error:
        raise Invalid(error.what, do=error.do) from error
    except ProjectError as error:
        first = error.problems[0]
        raise Invalid(f"{first.file}:{first.line}: {first.what}", do=first.do) from error


class SearchPage:
    """Renders results and effects; who needs a key and sends none gets a page that asks for one and tells nothing."""

    def __init__(self, lobby: Lobby, templates: Environment, headers: Mapping[str, str]) -> None:
        self._lobby = lobby
        self._template = templates.get_template("search.html")
        self._headers = form_headers(headers, acts=True)

    async def show(self, request: Request, *, q: Words = "", saved: Words = "") -> Response:
        """Show what a question finds, and the repairs that hold."""
        return await self._answered(request, Seen(question=q.strip(), is_saved=saved == "yes"))

    async def act(self, request: Request) -> Response:
        """Show the effect of a repair, or save it."""
        form = await sent_form(request, self._lobby.settings)
        return await self._answered(request, Seen(question=form.get("q", "")[:LONGEST]), form)

    async def _answered(self, request: Request, seen: Seen, form: Mapping[str, str] | None = None) -> Response:
        lobby = self._lobby
        try:
            caller = lobby.access.caller(dict(request.headers.raw))
            seen = seen._replace(may_repair=lobby.access.may_repair(caller))
            with told_as_invalid():
                if form is None:
                    return self._page(200, await self._found(seen, caller))
                lobby.access.check_repairs(caller)
                change = _change(form)
                if form.get("step") == "save":
                    lobby.curator.make(change, caller)
                    place = urlencode({"q": seen.question, "saved": "yes"})
                    return Response(status_code=303, headers={**self._headers, "location": f"/search?{place}"})
                effect = await lobby.curator.effect(change, caller)
            return self._page(200, seen._replace(change=change, effect=effect))
        except ShipmateError as error:
            details = lobby.problem(error)
            is_locked = isinstance(error, Unauthorised)
            response = self._page(details.status, seen._replace(trouble=details, is_locked=is_locked))
            response.raw_headers += refusal_headers(error)
            return response

    async def _found(self, seen: Seen, caller: str) -> Seen:
        curator = self._lobby.curator
        hits = await curator.search(seen.question, caller) if seen.question else []
        marked = frozenset(stems(seen.question))
        results = [_result(hit, marked) for hit in hits]
        return seen._replace(results=results, curation=curator.curation() if seen.may_repair else None)

    def _page(self, status: int, seen: Seen) -> Response:
        page = self._template.render(
            assistant=self._lobby.assistant, file=CURATION, last=LAST_QUESTIONS, place=Place.of, **seen._asdict()
        )
        return Response(page, status_code=status, media_type="text/html", headers=self._headers)


def _change(form: Mapping[str, str]) -> Change:
    """Return the repair that a form asks for; raise `Invalid` for none."""
    words = tuple(filter(None, map(str.strip, form.get("words", "").split(","))))
    fields: dict[str, Any] = {name: form[name].strip() for name in ("passage", "question", "reason") if name in form}
    try:
        return msgspec.convert({"action": form.get("action"), "words": words, **fields}, Change)
    except msgspec.ValidationError as error:
        raise Invalid("The form asks for no repair that is known.", do="Load the page again.") from error


def _result(hit: Hit, marked: frozenset[str]) -> Result:
    passage = hit.passage
    return Result(
        hit=hit,
        passage=f"{passage.source}#{passage.start}-{passage.end}",
        pieces=list(_pieces(passage.text, marked)),
        legs=[(name, hit.legs[leg]) for leg, name in LEGS.items() if leg in hit.legs],
        is_pinned=PIN in hit.legs,
    )


def _pieces(text: str, marked: frozenset[str]) -> Iterator[Piece]:
    shown = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS].rstrip()} …"
    end = 0
    for word in WORD.finditer(shown):
        if stem(word[0]) in marked:
            yield Piece(shown[end : word.start()], is_marked=False)
            yield Piece(word[0], is_marked=True)
            end = word.end()
    yield Piece(shown[end:], is_marked=False)
