"""The doors for outcomes: thumbs, what a team brings along, and the report."""

from typing import Annotated, Literal

import msgspec
from fastapi import Query, Request, Response
from msgspec import Meta

from shipmate.errors import Invalid, ProjectError
from shipmate.insight.outcomes import BroughtOutcome, checked
from shipmate.messages import Record
from shipmate.server.lobby import Lobby
from shipmate.server.wire import ENCODER, decode, read_json

__all__ = ["Days", "Feedback", "InsightDoors", "Taken"]

HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
# Of one request.
MOST_OUTCOMES = 1000
Days = Annotated[float | None, Query(gt=0, le=3650, description="Only of so many last days; otherwise of all.")]


class Feedback(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody thinks of an answer of theirs; the last word counts."""

    turn_id: Annotated[str, Meta(min_length=1, max_length=128)]
    # Thumbs up or down.
    value: Literal[1, -1]
    # Why down; a label, because the journal holds nobody's words.
    reason: Literal["", "wrong", "incomplete", "outdated", "not_what_i_asked", "other"] = ""


class Taken(Record, frozen=True, kw_only=True):
    """How many outcomes were new, and how many were there before."""

    new: int
    known: int


FEEDBACK = msgspec.json.Decoder(Feedback)
BROUGHT = msgspec.json.Decoder(list[BroughtOutcome])


class InsightDoors:
    """What these doors answer."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby

    async def feedback(self, request: Request) -> Response:
        """Take what somebody thinks of an answer of theirs."""
        said = decode(FEEDBACK, await self._body(request))
        await self._lobby.insight.feedback(said.turn_id, request.scope["caller"], value=said.value, reason=said.reason)
        return _json(said)

    async def outcomes(self, request: Request) -> Response:
        """Take in outcomes that a team measures itself: all of them, or none where one is bad."""
        self._lobby.access.check_reports(request.scope["caller"])
        brought = decode(BROUGHT, await self._body(request))
        if len(brought) > MOST_OUTCOMES:
            raise Invalid(
                f"There are {len(brought):,} outcomes; {MOST_OUTCOMES:,} are taken at once.", do="Send fewer."
            )
        try:
            good = checked("outcome", enumerate(map(msgspec.to_builtins, brought), start=1))
        except ProjectError as error:
            first = error.problems[0]
            raise Invalid(f"{first.file} {first.line}: {first.what}", do=first.do) from error
        new, known = await self._lobby.insight.bring(good)
        return _json(Taken(new=new, known=known))

    async def report(self, request: Request, days: Days = None) -> Response:
        """Return how the assistant does: five figures with their targets, for all releases and each, and day by day."""
        self._lobby.access.check_reports(request.scope["caller"])
        return _json(await self._lobby.insight.report(days))

    async def _body(self, request: Request) -> bytes:
        settings = self._lobby.settings
        return await read_json(
            dict(request.headers.raw),
            request.receive,
            limit_bytes=settings.body_bytes,
            timeout_s=settings.body_timeout_s,
        )


def _json(record: Record) -> Response:
    return Response(ENCODER.encode(record), media_type="application/json", headers=HEADERS)
