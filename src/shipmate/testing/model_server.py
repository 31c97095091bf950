"""An OpenAI-compatible server on loopback that does what a test scripts, faults included."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self, cast

import httptools

__all__ = ["Behaviour", "Fault", "ModelServer", "Stream"]

PATH = b"/v1/chat/completions"
HEAD = "HTTP/1.1 {status} {phrase}\r\nContent-Type: {kind}\r\n{framing}\r\n\r\n"

Body = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Answer with an event stream."""

    tokens: Sequence[str] = ("Hello", " from", " the", " scripted", " server.")
    first_token_after_s: float = 0.0
    token_every_s: float = 0.0
    # Drop the connection after so many tokens.
    cut_after: int | None = None
    # Say nothing more after so many tokens, and keep the connection open.
    hang_after: int | None = None
    # Sent as they are, after the tokens and instead of the regular end.
    then: bytes | None = None
    # Count the tokens, as far as the client asks for it.
    counts: bool = True
    # End with finish_reason and [DONE].
    ends: bool = True
    # Write everything at once.
    at_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Answer with something else than a stream."""

    status: int = 200
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


Behaviour = Stream | Fault | Callable[[Body], "Stream | Fault"]


class ModelServer:
    """An async context manager: inside, `url` is the base URL of a server.

    Each request takes the next behaviour of the script; when that is used up, the last one stays.
    """

    def __init__(self, *script: Behaviour) -> None:
        self._script = deque(script or (Stream(),))
        self._server: asyncio.Server | None = None
        self._open: set[_Connection] = set()
        self.url = ""
        # What the clients sent, oldest first.
        self.bodies: list[Body] = []
        self.headers: list[dict[str, str]] = []
        # The addresses from which they came: one for each connection.
        self.clients: set[str] = set()
        # Streams that a client left before their end.
        self.abandoned = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self._answer, self._open), "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
        for connection in tuple(self._open):
            connection.transport.abort()
        # They are told so in the loop's next turn.
        await asyncio.sleep(0)

    @property
    def requests(self) -> int:
        """Return how many requests came."""
        return len(self.bodies)

    async def _answer(self, connection: "_Connection") -> None:
        if connection.path != PATH:
            connection.transport.write(_whole(Fault(status=HTTPStatus.NOT_FOUND)))
            return
        body = json.loads(connection.body)
        self.bodies.append(body)
        self.headers.append(connection.headers)
        self.clients.add(str(connection.transport.get_extra_info("peername")))
        behaviour = self._script[0] if len(self._script) == 1 else self._script.popleft()
        if callable(behaviour):
            behaviour = behaviour(body)
        if isinstance(behaviour, Fault):
            connection.transport.write(_whole(behaviour))
            return
        try:
            await _stream(connection.transport, behaviour, body)
        except asyncio.CancelledError:
            self.abandoned += 1
            raise


class _Connection(asyncio.Protocol):
    """One client's connection; what answers a request ends when the client leaves."""

    def __init__(
        self, answer: Callable[["_Connection"], Coroutine[Any, Any, None]], connected: set["_Connection"]
    ) -> None:
        self._answer = answer
        self._connected = connected
        self._answering: asyncio.Task[None] | None = None
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._connected.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # the protocol's signature
        self._connected.discard(self)
        if self._answering:
            self._answering.cancel()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.path = url
        self.body = b""
        self.headers: dict[str, str] = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self._answering = asyncio.get_running_loop().create_task(self._answer(self))


async def _stream(transport: asyncio.Transport, script: Stream, body: Body) -> None:
    await asyncio.sleep(script.first_token_after_s)
    transport.write(_head(HTTPStatus.OK, "text/event-stream", "Transfer-Encoding: chunked"))
    tokens = script.tokens[: body.get("max_tokens", len(script.tokens))]
    if script.at_once:
        transport.write(_chunk(b"".join(map(_token, tokens)) + _end(script, tokens, body)) + _chunk(b""))
        return
    for number, token in enumerate(tokens):
        if number == script.cut_after:
            transport.abort()
            return
        if number == script.hang_after:
            await asyncio.Event().wait()
        transport.write(_chunk(_token(token)))
        await asyncio.sleep(script.token_every_s)
    end = _end(script, tokens, body)
    transport.write((_chunk(end) if end else b"") + _chunk(b""))


def _whole(fault: Fault) -> bytes:
    body = fault.body.encode()
    framing = "\r\n".join(f"{name}: {value}" for name, value in (*fault.headers.items(), ("Content-Length", len(body))))
    return _head(fault.status, fault.content_type, framing) + body


def _head(status: int, kind: str, framing: str) -> bytes:
    return HEAD.format(status=int(status), phrase=HTTPStatus(status).phrase, kind=kind, framing=framing).encode()


def _chunk(data: bytes) -> bytes:
    """Return data in HTTP's chunked coding; none ends a response."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def _token(text: str) -> bytes:
    return _event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})


def _end(script: Stream, tokens: Sequence[str], body: Body) -> bytes:
    if script.then is not None:
        return script.then
    if not script.ends:
        return b""
    end = _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if script.counts and (body.get("stream_options") or {}).get("include_usage"):
        sent = sum(len(message["content"].split()) for message in body["messages"])
        end += _event({"choices": [], "usage": {"prompt_tokens": sent, "completion_tokens": len(tokens)}})
    return end + b"data: [DONE]\n\n"


def _event(chunk: Body) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"
