"""A door that takes one message and answers it, whole or as a stream; in which form is each door's own."""

from typing import Protocol

from starlette.types import Receive, Send

from shipmate.messages import Ask, Reply
from shipmate.server.flow import Presence
from shipmate.server.lobby import Lobby
from shipmate.server.sse import Framing, relay
from shipmate.server.wire import Headers, RawHeaders, read_json, send_answer

__all__ = ["Form", "TurnDoor"]


class Form(Protocol):
    """How one door reads a message and writes the reply."""

    def read(self, body: bytes, headers: Headers, caller: str) -> tuple[Ask, Framing | None]:
        """Return what is asked, and how to write the stream if one is wanted; raise a `RequestError`."""

    def whole(self, reply: Reply, retry_after_s: float) -> tuple[bytes, RawHeaders]:
        """Return body and headers of a whole answer, or raise what is answered in its place."""


class TurnDoor:
    """One of the hot doors."""

    method = "POST"

    def __init__(self, lobby: Lobby, form: Form) -> None:
        self._lobby = lobby
        self._form = form

    async def __call__(self, headers: Headers, receive: Receive, send: Send, *, caller: str) -> None:
        """Answer one request; raise only before anything was sent."""
        settings = self._lobby.settings
        body = await read_json(headers, receive, limit_bytes=settings.body_bytes, timeout_s=settings.body_timeout_s)
        ask, framing = self._form.read(body, headers, caller)
        self._lobby.admit()
        if framing:
            await relay(self._lobby, ask, framing, receive, send)
            return
        with Presence(receive) as presence, self._lobby.metrics.turn(ask.channel) as counted:
            reply, retry_after_s = await self._lobby.complete(ask, counted)
        if not presence.gone:
            answer, more = self._form.whole(reply, retry_after_s)
            await send_answer(send, answer, headers=more)
