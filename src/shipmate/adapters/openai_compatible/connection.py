"""One HTTP/1.1 connection to a server: one request at a time, its response read as it comes."""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

__all__ = ["HEAD_BYTES", "Connection"]

# A server may send so much in a row that belongs to no body: a head, interim responses, trailers.
HEAD_BYTES = 64 * 1024
# The server is held up while so much of a response has not been read.
UNREAD_BYTES = 256 * 1024


class Connection(asyncio.Protocol):
    """A client's end of a connection, which a `Pool` opens and keeps.

    What the server does wrong is raised as `ConnectionError` when it goes away, and as `ValueError` when it does not
    speak HTTP.
    """

    def __init__(self, *, free: Callable[["Connection"], None], connected: set["Connection"]) -> None:
        """`free` is told when another request may be sent; while it is open, the connection is in `connected`."""
        # Of the response; 0 while its head has not come.
        self.status = 0
        # By names in lower case.
        self.headers: dict[str, str] = {}
        # The response has come to its end.
        self.is_complete = True
        # A byte has come since the request was sent.
        self.has_begun = False
        self._free = free
        self._connected = connected
        self._parser: httptools.HttpResponseParser | None = None
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._keeps_alive = True
        self._parts: list[bytes] = []
        # For the parser, which calls it for each chunk: that is, for each token.
        self.on_body = self._parts.append
        self._unread_bytes = 0
        self._bodiless_bytes = 0

    @property
    def is_reusable(self) -> bool:
        """Tell whether another request may be sent."""
        return self.is_complete and self._keeps_alive and not self._error and not self._transport.is_closing()

    async def send(self, request: bytes) -> None:
        """Send a request and return when the head of its response has come."""
        # A new one for each response: it has no way to forget the last.
        self._parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.is_complete = self.has_begun = self._keeps_alive = False
        self._bodiless_bytes = 0
        self._take()
        self._transport.write(request)
        while not self.status:
            await self._news()

    async def read(self) -> bytes:
        """Return what has come of the body; nothing at its end."""
        while not self._parts:
            if self.is_complete:
                return b""
            await self._news()
        return self._take()

    def release(self) -> None:
        """Leave the connection to others when its response was complete, and drop it otherwise."""
        if self.is_reusable:
            self._free(self)
        else:
            self.drop()

    def drop(self) -> None:
        """Close the connection at once; whoever reads from it is told."""
        self._fail(ConnectionError("the connection was dropped"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connected.add(self)

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self.is_complete:
            self._fail(ValueError("it answers what was not asked"))
            return
        self.has_begun = True
        self._unread_bytes += len(data)
        parts = len(self._parts)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ValueError(str(error)))
        except httptools.HttpParserUpgrade:
            self._fail(ValueError("it changes to another protocol"))
        self._bodiless_bytes = 0 if len(self._parts) > parts else self._bodiless_bytes + len(data)
        if self._bodiless_bytes > HEAD_BYTES:
            self._fail(ValueError(f"more than {HEAD_BYTES} bytes of headers"))
        if self._unread_bytes > UNREAD_BYTES and not self._error:
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None and self._error is None and self.status and self._ends_with_connection():
            self.is_complete = True
        self._error = self._error or ConnectionError(str(exc or "the server closed the connection"))
        self._wake()
        self._connected.discard(self)

    def on_message_begin(self) -> None:
        if self.is_complete:
            raise ValueError("a second response to one request")
        self.headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        # Behind the body they are trailers, which nobody reads.
        if not self.status:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code() if self._parser else 0
        # Those below 200 announce the response.
        self.status = status if status >= 200 else 0

    def on_message_complete(self) -> None:
        if self.status and self._parser:
            self.is_complete = True
            self._keeps_alive = self._parser.should_keep_alive()

    def _ends_with_connection(self) -> bool:
        codings = self.headers.get("transfer-encoding", "").lower()
        return "content-length" not in self.headers and not codings.endswith("chunked")

    def _take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        if self._unread_bytes > UNREAD_BYTES and not self._error:
            self._transport.resume_reading()
        self._unread_bytes = 0
        return data

    async def _news(self) -> None:
        if self._error:
            raise self._error
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        self._transport.abort()
        self._wake()
