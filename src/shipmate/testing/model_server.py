"""An OpenAI-compatible server on loopback that does what a test scripts, faults included."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

__all__ = ["Behaviour", "Fault", "ModelServer", "Stream"]

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
        self._runner: web.AppRunner | None = None
        self.url = ""
        # What the clients sent, oldest first.
        self.bodies: list[Body] = []
        self.headers: list[dict[str, str]] = []
        # The addresses from which they came: one for each connection.
        self.clients: set[str] = set()
        # Streams that a client left before their end.
        self.abandoned = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner:
            await self._runner.cleanup()

    @property
    def requests(self) -> int:
        """Return how many requests came."""
        return len(self.bodies)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        if request.transport:
            self.clients.add(str(request.transport.get_extra_info("peername")))
        behaviour = self._script[0] if len(self._script) == 1 else self._script.popleft()
        if callable(behaviour):
            behaviour = behaviour(body)
        if isinstance(behaviour, Fault):
            return web.Response(
                status=behaviour.status,
                text=behaviour.body,
                content_type=behaviour.content_type,
                headers=behaviour.headers,
            )
        try:
            return await self._stream(request, behaviour, body)
        except (ConnectionError, asyncio.CancelledError):
            self.abandoned += 1
            raise

    async def _stream(self, request: web.Request, script: Stream, body: Body) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await asyncio.sleep(script.first_token_after_s)
        await response.prepare(request)
        tokens = script.tokens[: body.get("max_tokens", len(script.tokens))]
        if script.at_once:
            await response.write(b"".join(map(_token, tokens)) + _end(script, tokens, body))
            return response
        for number, token in enumerate(tokens):
            if number == script.cut_after and request.transport:
                request.transport.abort()
            if number == script.hang_after:
                await asyncio.Event().wait()
            await response.write(_token(token))
            await asyncio.sleep(script.token_every_s)
        await response.write(_end(script, tokens, body))
        return response


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
