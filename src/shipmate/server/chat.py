"""`POST /chat`: one message in; the reply as JSON, or its events as they come."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from starlette.types import Receive, Send

from shipmate.messages import Ask, Card, Cited, Finished, Started, StreamEvent, Token
from shipmate.server.access import consent, language
from shipmate.server.flow import Presence
from shipmate.server.lobby import Lobby
from shipmate.server.problems import Failed, ProblemDetails
from shipmate.server.sse import relay, retry_header, wait_s
from shipmate.server.wire import ENCODER, Headers, RawHeaders, decode, read_json, send_answer

__all__ = ["ChatDoor", "ChatRequest", "ConversationId", "MessageText"]

MessageText = Annotated[
    str, msgspec.Meta(min_length=1, description="The user's words.", extra_json_schema={"pattern": r"\S"})
]
ConversationId = Annotated[
    str, msgspec.Meta(max_length=64, description="From an earlier reply, to go on with it. Empty: a new conversation.")
]


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message of a user."""

    message: MessageText
    conversation_id: ConversationId = ""


DECODER = msgspec.json.Decoder(ChatRequest)
EVENT_STREAM = b"text/event-stream"
NAMES: dict[type[StreamEvent], bytes] = {
    Started: b"started",
    Token: b"token",
    Cited: b"citation",
    Card: b"card",
    Finished: b"finished",
}


class ChatDoor:
    """The project's own door."""

    method = "POST"

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby

    async def __call__(self, headers: Headers, receive: Receive, send: Send, *, caller: str) -> None:
        """Answer one request; raise only before anything was sent."""
        settings = self._lobby.settings
        body = await read_json(headers, receive, limit_bytes=settings.body_bytes, timeout_s=settings.body_timeout_s)
        request = decode(DECODER, body)
        ask = Ask(
            text=request.message,
            conversation_id=request.conversation_id,
            caller=caller,
            language=language(headers.get(b"accept-language", b"").decode("latin-1")),
            consent_id=consent(headers.get(b"x-consent-id", b"").decode("latin-1")),
            channel="chat",
        )
        self._lobby.admit()
        if EVENT_STREAM in headers.get(b"accept", b""):
            await relay(self._lobby, ask, EventFraming(), receive, send)
        else:
            await self._answer(ask, receive, send)

    async def _answer(self, ask: Ask, receive: Receive, send: Send) -> None:
        with Presence(receive) as presence, self._lobby.metrics.turn(ask.channel) as counted:
            reply, retry_after_s = await self._lobby.complete(ask, counted)
        if not presence.gone:
            await send_answer(send, ENCODER.encode(reply), headers=retry_header(retry_after_s))


class EventFraming:
    """Named, numbered events; each event's data is its record as JSON."""

    def __init__(self) -> None:
        self._sent = 0

    def headers(self, first: Sequence[StreamEvent]) -> RawHeaders:
        """Tell a client that only reads headers when to come back."""
        return retry_header(wait_s(first))

    def batch(self, events: Sequence[StreamEvent]) -> bytes:
        """Return each event under its name."""
        return b"".join(self._frame(NAMES[type(event)], ENCODER.encode(event)) for event in events)

    def failed(self, details: ProblemDetails) -> bytes:
        """Return an error event."""
        return self._frame(b"error", ENCODER.encode(Failed(problem=details)))

    def end(self) -> bytes:
        """Return nothing: `finished` was the last word."""
        return b""

    def _frame(self, name: bytes, data: bytes) -> bytes:
        self._sent += 1
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (self._sent, name, data)
