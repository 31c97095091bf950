"""The page that shows people how an answer, a name or a passage hangs together with the rest."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request, Response
from jinja2 import Environment

from shipmate.errors import Missing, NoEntity, ShipmateError, Unauthorised
from shipmate.knowledge.graph.surroundings import MOST_PASSAGES
from shipmate.neighbourhood import Centre, Neighbourhood, Where
from shipmate.server.forms import form_headers
from shipmate.server.lobby import Lobby
from shipmate.server.picture import NARROW, WIDE, picture
from shipmate.server.problems import ProblemDetails, refusal_headers

__all__ = ["GraphPage", "centre"]

LONGEST = 1024
LARGEST = 2**53
Words = Annotated[str, Query(max_length=LONGEST)]
Offset = Annotated[int, Query(ge=0, le=LARGEST)]


def centre(turn: str, name: str, source: str, start: int, end: int) -> Centre | None:
    """Return what was asked for: a turn's answer before a name before a place; None for nothing."""
    if turn:
        return Centre(turn_id=turn)
    if name.strip():
        return Centre(name=name.strip())
    return Centre(source=source, start=start, end=end) if source else None


class GraphPage:
    """Renders a neighbourhood; who needs a key and sends none gets a page that asks for one and tells nothing."""

    def __init__(self, lobby: Lobby, templates: Environment, headers: dict[str, str]) -> None:
        self._lobby = lobby
        self._template = templates.get_template("graph.html")
        # The page asks for a name in a form of its own.
        self._headers = form_headers(headers)

    async def show(
        self,
        request: Request,
        *,
        turn: Words = "",
        name: Words = "",
        source: Words = "",
        start: Offset = 0,
        end: Offset = 0,
    ) -> Response:
        """Show what stands around an answer, a name or a passage."""
        asked = centre(turn, name, source, start, end)
        try:
            caller = self._lobby.access.caller(dict(request.headers.raw))
            found = await self._lobby.assistant.neighbourhood(asked, caller) if asked else None
        except ShipmateError as error:
            return self._refused(error, asked)
        return self._page(200, asked, found=found)

    def _refused(self, error: ShipmateError, asked: Centre | None) -> Response:
        """Say why there is nothing to see, and what comes near."""
        details = self._lobby.problem(error)
        alike = error.alike if isinstance(error, NoEntity) else ()
        response = self._page(
            details.status,
            asked,
            trouble=details,
            alike=alike,
            is_locked=isinstance(error, Unauthorised),
            is_missing=isinstance(error, Missing),
        )
        response.raw_headers += refusal_headers(error)
        return response

    def _page(
        self,
        status: int,
        asked: Centre | None,
        *,
        found: Neighbourhood | None = None,
        trouble: ProblemDetails | None = None,
        **more: Any,
    ) -> Response:
        pictures = [("wide", picture(found, WIDE)), ("narrow", picture(found, NARROW))] if found else []
        page = self._template.render(
            assistant=self._lobby.assistant,
            asked=asked,
            found=found,
            trouble=trouble,
            pictures=pictures,
            most_passages=MOST_PASSAGES,
            link_to_name=_link_to_name,
            link_to_place=_link_to_place,
            **more,
        )
        return Response(page, status_code=status, media_type="text/html", headers=self._headers)


def _link_to_name(name: str) -> str:
    return f"/graph?{urlencode({'name': name})}"


def _link_to_place(where: Where) -> str:
    """Return where a passage is shown; a declared relation is shown by its own line."""
    if where.line:
        return ""
    return f"/graph?{urlencode({'source': where.source, 'start': where.start, 'end': where.end})}"
