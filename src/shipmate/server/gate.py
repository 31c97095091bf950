"""The gate before every door: how many may be connected, how long and how large the head of a request may be."""

import asyncio
from typing import Any, cast

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from shipmate.errors import Malformed
from shipmate.server.app import Application
from shipmate.server.problems import PROBLEMS, problem, written

__all__ = ["Gate"]

# Status, name and title of what is refused before any door is reached.
Kind = tuple[int, str, str]
LATE: Kind = (408, "late", "The request came too slowly")
LARGE: Kind = (431, "large-headers", "The headers are too large")
FULL: Kind = (503, "full", "Too many connections are open")


class Gate(HttpToolsProtocol):
    """uvicorn's HTTP connection, with limits; what it refuses is told as a problem, and the connection ends."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._lobby = cast(Application, config.app).lobby
        self._settings = self._lobby.settings
        self._head_open = True
        # Bytes that came in a row and are no body: a head, trailers, or the frames of chunks.
        self._bare_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Let a client in, unless too many are in."""
        super().connection_made(transport)
        limit = self._settings.connections
        if len(self.connections) > limit:
            self._refuse(FULL, f"{limit} connections are open. Try again in a moment.")
        else:
            self._await()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; what is no body may neither grow nor last without end."""
        self._bare_bytes += len(data)
        super().data_received(data)
        if self._bare_bytes > self._settings.head_bytes:
            self._refuse_large()
        elif self._head_open and self._bare_bytes and self._deadline is None:
            self._await()

    def on_message_begin(self) -> None:
        """Begin a head, perhaps in the middle of what was received."""
        super().on_message_begin()
        self._bare_bytes = self._bare_bytes or 1

    def on_headers_complete(self) -> None:
        """Hand a whole head to its door, if it is small enough."""
        if self._bare_bytes > self._settings.head_bytes and self._head_size() > self._settings.head_bytes:
            self._refuse_large()
            # Ends the reading of what else was received.
            raise ConnectionAbortedError
        self._head_open = False
        self._arrived()
        super().on_headers_complete()
        if not self.parser.should_upgrade():
            # What comes from now on are trailers: they must not pass for headers.
            self.headers = []

    def on_body(self, body: bytes) -> None:
        """Hand on a part of a body, which the doors bound."""
        self._bare_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Be open for the next head."""
        self._bare_bytes = 0
        self._head_open = True
        self._arrived()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Let what is left of an answered request come in the same time as a head."""
        super().on_response_complete()
        if not self._head_open and self._deadline is None:
            self._await()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the same sentence for everything
        """Refuse what is no HTTP, or is HTTP that two readers may read in two ways."""
        self._refuse(PROBLEMS[Malformed], "The request is not valid HTTP/1.1. Send it with an HTTP library.")

    def _await(self) -> None:
        self._deadline = self.loop.call_later(self._settings.head_timeout_s, self._missed)

    def _arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _missed(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            # The client waits for an answer, which is more urgent than its next request.
            self._await()
        elif self._head_open and self._bare_bytes:
            detail = f"The headers did not arrive within {self._settings.head_timeout_s:g} s. Send them in one go."
            self._refuse(LATE, detail)
        else:
            self.transport.close()

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _refuse_large(self) -> None:
        detail = f"The headers are over {self._settings.head_bytes} bytes. Send fewer, or shorter ones."
        self._refuse(LARGE, detail)

    def _refuse(self, kind: Kind, detail: str) -> None:
        """Tell why, unless an answer is under way, and end the connection."""
        if self.transport.is_closing():
            return
        status, _, _ = kind
        self._lobby.metrics.errors[status] += 1
        if not self._answers():
            media_type, body = written(problem(*kind, detail), "")
            head = (
                b"content-type: %b\r\ncontent-length: %d\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n"
                b"connection: close\r\n\r\n" % (media_type, len(body))
            )
            self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()

    def _answers(self) -> bool:
        """Return whether a part of an answer is out, so that nothing else may be said."""
        begun = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        return begun or bool(self.pipeline)
