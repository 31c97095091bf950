"""Server-sent events: a turn relayed in batches, under headers that no proxy buffers."""

import math
from collections.abc import Sequence
from contextlib import aclosing
from typing import Protocol

from starlette.types import Receive, Send

from shipmate.messages import Ask, Card, Finished, Reply, ReplyKind, StreamEvent
from shipmate.server.flow import Presence, batches
from shipmate.server.lobby import Lobby
from shipmate.server.problems import ProblemDetails
from shipmate.server.wire import RawHeaders

__all__ = ["Framing", "relay", "retry_header", "wait_s"]

KEEPALIVE = b": keepalive\n\n"
HEADERS: RawHeaders = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
)


class Framing(Protocol):
    """How one door writes a turn's events."""

    def headers(self, first: Sequence[StreamEvent]) -> RawHeaders:
        """Return headers for a stream that begins so, or raise what is answered in its place."""

    def batch(self, events: Sequence[StreamEvent]) -> bytes:
        """Return the events as one piece; empty when this door shows none of them."""

    def failed(self, details: ProblemDetails) -> bytes:
        """Return the last word of a stream that broke."""

    def end(self) -> bytes:
        """Return the last word of a whole stream."""


async def relay(lobby: Lobby, ask: Ask, framing: Framing, receive: Receive, send: Send) -> None:
    """Stream one turn, one write for each batch; raise only before anything was sent."""
    turn = batches(lobby.assistant.turn(ask), keepalive_s=lobby.settings.keepalive_s)
    with Presence(receive), lobby.metrics.turn(ask.channel) as counted:
        async with aclosing(turn):
            batch: Sequence[StreamEvent] = await anext(turn, [])
            await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, *framing.headers(batch)]})
            try:
                await _send(send, framing.batch(batch) or KEEPALIVE)
                counted.reply = _reply(batch)
                async for batch in turn:
                    await _send(send, framing.batch(batch) or KEEPALIVE)
                    counted.reply = _reply(batch) or counted.reply
                last = framing.end()
            except Exception as error:  # noqa: BLE001 - whatever broke, the client is told
                last = framing.failed(lobby.problem(error))
            await _send(send, last, more=False)


def wait_s(events: Sequence[StreamEvent]) -> float:
    """Return the seconds that a wait card among the events asks for; 0 without one."""
    cards = (event for event in events if isinstance(event, Card))
    return max((card.retry_after_s for card in cards if card.kind is ReplyKind.WAIT), default=0.0)


def retry_header(retry_after_s: float) -> RawHeaders:
    """Return Retry-After in whole seconds; nothing for 0."""
    return ((b"retry-after", b"%d" % math.ceil(retry_after_s)),) if retry_after_s else ()


def _reply(events: Sequence[StreamEvent]) -> Reply | None:
    return events[-1].reply if events and isinstance(events[-1], Finished) else None


async def _send(send: Send, piece: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": more})
