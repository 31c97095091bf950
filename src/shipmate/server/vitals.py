"""What a machine asks again and again: whether the server lives, is ready, and what it counted.

Plain ASGI, so that a probe's first question does not wait for the import of FastAPI.
"""

from collections.abc import Callable

from starlette.types import Receive, Send

from shipmate.errors import NotReady
from shipmate.server.lobby import Lobby
from shipmate.server.wire import Headers, send_answer

__all__ = ["PLAIN", "TextDoor", "vital_doors"]

PLAIN = b"text/plain; charset=utf-8"
PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"


class TextDoor:
    """A door that answers GET with a text."""

    method = "GET"

    def __init__(self, tell: Callable[[], str], media_type: bytes = PLAIN) -> None:
        self._tell = tell
        self._media_type = media_type

    async def __call__(self, headers: Headers, receive: Receive, send: Send, *, caller: str) -> None:  # noqa: ARG002 - as each door is called
        """Answer one request; raise only before anything was sent."""
        await send_answer(send, self._tell().encode(), media_type=self._media_type)


def vital_doors(lobby: Lobby) -> dict[str, TextDoor]:
    """Return the doors by their paths."""

    def readiness() -> str:
        if reason := lobby.not_ready():
            raise NotReady(reason, do="Ask again in a moment.")
        return "ready\n"

    def metrics() -> str:
        return lobby.metrics.render(name=lobby.assistant.name, release=lobby.assistant.release)

    return {
        "/healthz": TextDoor(lambda: "ok\n"),
        "/readyz": TextDoor(readiness),
        "/metrics": TextDoor(metrics, PROMETHEUS),
    }
