"""The server asks itself: every 15 seconds a real answer with its citation, through its own door; the journal keeps the minutes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from starlette.types import Receive, Send

from shipmate.errors import NotReady, ShipmateError
from shipmate.insight.uptime import MINUTE, PROBE_EVERY_S, STARTED, STOPPED
from shipmate.server.lobby import Lobby
from shipmate.server.vitals import PLAIN
from shipmate.server.wire import Headers, send_answer

__all__ = ["PROBE_PATH", "ProbeDoor", "probing"]

log = logging.getLogger(__name__)

PROBE_PATH = "/probez"
# So many probes are one event.
A_MINUTE = 4
PATIENCE_S = 5.0
# The same answer is shown again for so long, so that nobody can make the server work by asking for it.
KEPT_S = 5.0
HEAD_BYTES = 64
# Who listens everywhere also listens here.
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound to it


class ProbeDoor:
    """The door that answers one of the suggested questions from the documents, and journals nothing."""

    method = "GET"

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._good_until_s = 0.0
        # The suggestion that was answered last; without any that is, to be ready is enough.
        self._question = ""

    async def __call__(self, headers: Headers, receive: Receive, send: Send, *, caller: str) -> None:  # noqa: ARG002 - as each door is called
        """Answer one request; raise `NotReady` where nothing is answered."""
        if self._lobby.clock.elapsed() >= self._good_until_s:
            await self._probe()
            self._good_until_s = self._lobby.clock.elapsed() + KEPT_S
        await send_answer(send, b"answers\n", media_type=PLAIN)

    async def _probe(self) -> None:
        if reason := self._lobby.not_ready():
            raise NotReady(reason, do="Ask again in a moment.")
        for question in dict.fromkeys(filter(None, (self._question, *self._lobby.assistant.suggestions))):
            shown = await self._lobby.curator.answer(question)
            if shown.passages and shown.answer:
                self._question = question
                return
        if self._question:
            raise NotReady("None of the suggested questions is answered.", do="Look into the index: `shipmate doctor`.")


@asynccontextmanager
async def probing(lobby: Lobby) -> AsyncIterator[Callable[[str], None]]:
    """Keep account of the server's life beside a `with` block, once what it yields was told the server's address."""
    tasks: list[asyncio.Task[None]] = []
    account = _Account(lobby)
    try:
        yield lambda address: tasks.append(asyncio.ensure_future(account.keep(address)))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if tasks:
        await account.close()


class _Account:
    """Probes that were due, and those that were answered well, since the last minute was written down."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._began_s = self._minute_s = lobby.clock.elapsed()
        self._due = self._good = 0

    async def keep(self, address: str) -> None:
        """Probe for ever; what stops it is told by `close`."""
        place = urlsplit(address)
        host, port = LOOPBACK.get(place.hostname or "", place.hostname or ""), place.port or 0
        await self._tell(STARTED, {})
        while True:
            next_s = self._lobby.clock.elapsed() + PROBE_EVERY_S
            good = await _answers(host, port)
            self._due += 1
            self._good += good
            if self._due == A_MINUTE:
                await self._write(MINUTE)
            await asyncio.sleep(max(0.0, next_s - self._lobby.clock.elapsed()))

    async def close(self) -> None:
        """Write down that the server was stopped on purpose."""
        await self._write(STOPPED)

    async def _write(self, name: str) -> None:
        now_s = self._lobby.clock.elapsed()
        told = {
            "due": self._due,
            "good": self._good,
            "span_s": round(now_s - self._minute_s, 3),
            "up_s": round(now_s - self._began_s, 3),
        }
        self._due = self._good = 0
        self._minute_s = now_s
        await self._tell(name, dict(told))

    async def _tell(self, name: str, data: dict[str, object]) -> None:
        try:
            await self._lobby.insight.record(name, data, self._lobby.assistant.release)
        except ShipmateError as error:
            log.warning("The server's life is not kept account of: %s", error.what)


async def _answers(host: str, port: int) -> bool:
    """Tell whether the server answers its own question, as anybody on this machine would ask it."""
    shown = f"[{host}]" if ":" in host else host
    request = f"GET {PROBE_PATH} HTTP/1.1\r\nhost: {shown}:{port}\r\nconnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(request.encode())
                head = await reader.read(HEAD_BYTES)
            finally:
                writer.close()
    except OSError:
        return False
    return head.startswith(b"HTTP/1.1 200 ")
