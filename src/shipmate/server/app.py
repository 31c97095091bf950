"""All doors under one roof: the hot ones as plain ASGI, in front of FastAPI."""

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from shipmate.errors import Missing, ShipmateError
from shipmate.ports import Clock
from shipmate.server.access import PREFLIGHT, check_single, is_public
from shipmate.server.chat import ChatForm
from shipmate.server.lobby import Assistant, Compared, Curator, Insight, Lobby, Trials
from shipmate.server.openai_door import CompletionForm
from shipmate.server.probe import PROBE_PATH, ProbeDoor
from shipmate.server.problems import ProblemDetails, problem, refusal_headers, written
from shipmate.server.settings import ServerSettings
from shipmate.server.turn_door import TurnDoor
from shipmate.server.vitals import vital_doors
from shipmate.server.websocket import Session
from shipmate.server.wire import Headers, RawHeaders, send_answer

__all__ = ["Application", "create_app"]

SOCKET_PATH = "/ws"


class Door(Protocol):
    """One hot door."""

    @property
    def method(self) -> str:
        """Return the one method that it takes; HEAD counts as GET."""

    def __call__(self, headers: Headers, receive: Receive, send: Send, *, caller: str) -> Awaitable[None]:
        """Answer one request; raise only before anything was sent."""


class Application:
    """The ASGI application; its `lobby` tells whether turns are running."""

    def __init__(self, lobby: Lobby, doors: Mapping[str, Door], routes: ASGIApp) -> None:
        self.lobby = lobby
        self._access = lobby.access
        self._doors = doors
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one socket."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = dict(scope["headers"])
        if b"origin" in headers:
            send = _shared(send, self._access.shared_with(headers))
        path = scope["path"]
        # HEAD is GET without the body, which the server leaves out.
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        door = self._doors.get(path)
        try:
            check_single(headers, scope["headers"])
            self._access.check_host(headers)
            if door is not None and method == door.method:
                if method == "POST":
                    self._access.check_origin(headers)
                await door(headers, receive, send, caller="" if is_public(path) else self._access.caller(headers))
            else:
                await self._quiet({**scope, "method": method}, headers, receive, send)
        except ConnectionError:
            # The client left before its request was complete: nobody is there to be told.
            return
        except Exception as error:  # noqa: BLE001 - whatever broke, the client is told
            await self._refuse(path, self.lobby.problem(error), send, refusal_headers(error))

    async def _quiet(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        """Serve what is not hot: preflights, wrong methods, and everything that FastAPI knows."""
        path, method = scope["path"], scope["method"]
        if method == "OPTIONS" and b"access-control-request-method" in headers:
            self._access.check_origin(headers)
            await send_answer(send, b"", status=204, headers=PREFLIGHT)
        elif path in self._doors or path == SOCKET_PATH:
            await self._wrong_method(path, method, send)
        else:
            if method == "POST":
                self._access.check_origin(headers)
            caller = "" if is_public(path) else self._access.caller(headers)
            await self._routes({**scope, "caller": caller}, receive, send)

    async def _wrong_method(self, path: str, method: str, send: Send) -> None:
        if path == SOCKET_PATH and method == "GET":
            details = problem(426, "upgrade-required", "This door speaks WebSocket", "Connect with a WebSocket client.")
            self.lobby.metrics.errors[426] += 1
            await self._refuse(path, details, send, [(b"upgrade", b"websocket"), (b"connection", b"upgrade")])
        else:
            allowed = "GET" if path == SOCKET_PATH else self._doors[path].method
            await self._refuse(path, self.lobby.wrong_method(path, allowed), send, [(b"allow", allowed.encode())])

    async def _refuse(self, path: str, details: ProblemDetails, send: Send, headers: RawHeaders) -> None:
        media_type, body = written(details, path)
        await send_answer(send, body, status=details.status, media_type=media_type, headers=headers)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = dict(scope["headers"])
        try:
            check_single(headers, scope["headers"])
            self._access.check_host(headers)
            self._access.check_origin(headers)
            if scope["path"] != SOCKET_PATH:
                raise Missing(f"There is no WebSocket at {scope['path']}.", do=f"Connect to {SOCKET_PATH}.")
            session = Session(self.lobby, headers, receive, send)
        except ShipmateError as error:
            await self._refuse_handshake(self.lobby.problem(error), send)
        else:
            await session.run()

    async def _refuse_handshake(self, details: ProblemDetails, send: Send) -> None:
        media_type, body = written(details, SOCKET_PATH)
        headers = [(b"content-type", media_type)]
        await send({"type": "websocket.http.response.start", "status": details.status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})


class LateRoutes:
    """FastAPI's doors, made when somebody first knocks: importing FastAPI costs more than all hot doors together."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._making = asyncio.Lock()
        self._routes: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; whatever breaks in there is answered and logged in there."""
        async with self._making:
            if self._routes is None:
                self._routes = await asyncio.to_thread(self._make)
        with contextlib.suppress(Exception):
            await self._routes(scope, receive, send)

    def _make(self) -> ASGIApp:
        from shipmate.server.routes import create_routes  # noqa: PLC0415 - as late as it can be

        return create_routes(self._lobby)


def create_app(
    assistant: Assistant,
    settings: ServerSettings,
    *,
    clock: Clock,
    curator: Curator | None = None,
    trials: Trials | None = None,
    compared: Compared | None = None,
    insight: Insight | None = None,
) -> Application:
    """Return the ASGI application with every door of one assistant, and of what looks after it."""
    lobby = Lobby(assistant, settings, clock=clock, curator=curator, trials=trials, compared=compared, insight=insight)
    doors: dict[str, Door] = {
        "/chat": TurnDoor(lobby, ChatForm()),
        "/v1/chat/completions": TurnDoor(lobby, CompletionForm(lobby)),
        PROBE_PATH: ProbeDoor(lobby),
        **vital_doors(lobby),
    }
    return Application(lobby, doors, LateRoutes(lobby))


def _shared(send: Send, shared: RawHeaders) -> Send:
    """Let an allowed foreign page read whatever is answered."""
    if not shared:
        return send

    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *shared]}
        await send(message)

    return sending
