"""`POST /chat`: one message in; the reply as JSON, or its events as they come."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from shipmate.messages import Ask, Card, Cited, Finished, Reply, Started, StreamEvent, Token
from shipmate.server.access import consent_in, language_in
from shipmate.server.problems import Failed, ProblemDetails
from shipmate.server.sse import Framing, retry_header, wait_s
from shipmate.server.wire import ENCODER, Headers, RawHeaders, decode

__all__ = ["ChatForm", "ChatRequest", "ConversationId", "MessageText"]

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


class ChatForm:
    """The form of the project's own door."""

    def read(self, body: bytes, headers: Headers, caller: str) -> tuple[Ask, Framing | None]:
        """Return the message, and named events for who accepts them."""
        request = decode(DECODER, body)
        ask = Ask(
            text=request.message,
            conversation_id=request.conversation_id,
            caller=caller,
            language=language_in(headers),
            consent_id=consent_in(headers),
            channel="chat",
        )
        return ask, EventFraming() if EVENT_STREAM in headers.get(b"accept", b"") else None

    def whole(self, reply: Reply, retry_after_s: float) -> tuple[bytes, RawHeaders]:
        """Return the reply as it is; a wait card is one, with the time to wait in a header."""
        return ENCODER.encode(reply), retry_header(retry_after_s)


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
