"""The server's life: bind, listen, drain, close."""

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any, cast

import uvicorn

from shipmate.errors import PortTaken, UsageError
from shipmate.server.app import Application
from shipmate.server.gate import Gate
from shipmate.server.settings import ServerSettings

__all__ = ["HouseServer", "bind", "serve"]

BACKLOG = 2048
DRAIN_TICK_S = 0.02
LAST_WRITES_S = 1


class HouseServer(uvicorn.Server):
    """uvicorn, which lets running turns end before it closes their connections, and then exits with 0."""

    def __init__(self, app: Application, settings: ServerSettings, *, listening: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=Gate,
                ws=cast("type[asyncio.Protocol]", _socket_protocol),
                ws_max_size=settings.body_bytes,
                ws_ping_interval=settings.ws_ping_s,
                ws_ping_timeout=settings.ws_ping_s,
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=LAST_WRITES_S,
            )
        )
        self._lobby = app.lobby
        self._grace_s = settings.shutdown_grace_s
        self._listening = listening

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as signals call it
        """Begin the shutdown; a second Ctrl-C ends it at once."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
        self._lobby.leaving = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and tell."""
        await super().startup(sockets)
        self._listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing new, let running turns end within the grace, and close."""
        self._lobby.leaving = True
        for server in self.servers:
            server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace_s):
                while self._lobby.metrics.active and not self.force_exit:  # noqa: ASYNC110 - once in a life
                    await asyncio.sleep(DRAIN_TICK_S)
        if self._lobby.metrics.active:
            for task in self.server_state.tasks:
                task.cancel()
        await super().shutdown(sockets)
        # A turn that was cut off still commits what it said.
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)


def _socket_protocol(**made_with: Any) -> asyncio.Protocol:
    """Return the protocol of a fresh WebSocket, imported when the first one comes: most servers wait long for it."""
    from uvicorn.protocols.websockets.websockets_sansio_impl import (  # noqa: PLC0415 - as late as it can be
        WebSocketsSansIOProtocol,
    )

    return WebSocketsSansIOProtocol(**made_with)


def bind(settings: ServerSettings) -> socket.socket:
    """Take the address; raise `PortTaken` or `UsageError`."""
    place = f"{settings.host}:{settings.port}"
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host or None, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"Another program listens on {place}.", do="Stop it, or choose another --port.") from None
        raise UsageError(f"{place} cannot be listened on: {error.strerror}.", do="Choose --host and --port.") from None


async def serve(app: Application, settings: ServerSettings, *, listening: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; `listening` is told the address. Raises `PortTaken`."""
    with bind(settings) as sock:
        host, port = sock.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        server = HouseServer(app, settings, listening=lambda: listening(f"http://{shown}:{port}"))
        await server.serve(sockets=[sock])
