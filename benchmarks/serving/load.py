"""The load: open and closed loops over one door of a server, with the times of each answer."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import cast

import httptools
import msgspec

__all__ = ["Answer", "Door", "closed_loop", "exchange_once", "get", "open_loop", "post"]

PATIENCE_S = 30.0


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server is asked, and how its answers read."""

    port: int
    path: str
    # The JSON body of a question.
    ask: Callable[[str], bytes]
    # The answer's text in a JSON body.
    read: Callable[[bytes], str]
    # The text in one SSE event's data; empty when it brings none.
    read_event: Callable[[bytes], str]

    def request(self, question: str, *, streamed: bool) -> bytes:
        """Return the whole HTTP request."""
        return post(self.path, self.ask(question), accept="text/event-stream" if streamed else "application/json")


class Answer(msgspec.Struct, kw_only=True):
    """One exchange; times are seconds on the machine's monotonic clock."""

    question: str
    # When it was to be asked.
    due_at: float
    status: int = 0
    text: str = ""
    first_text: str = ""
    first_text_at: float = 0.0
    # What broke the exchange off; empty when it came to its end.
    broken: str = ""


def post(path: str, body: bytes, *, accept: str = "application/json") -> bytes:
    """Return a POST request with a JSON body."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\naccept: {accept}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def get(path: str) -> bytes:
    """Return a GET request."""
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request in flight; notes when the first text of a stream came."""

    def __init__(self) -> None:
        self._done: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpResponseParser(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done and not self._done.done():
            self._done.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body
        if self._read_event and not self.first_text_at:
            self._find_first_text(self._read_event)

    def on_message_complete(self) -> None:
        if self._done and not self._done.done():
            self._done.set_result(self._body)

    async def exchange(self, request: bytes, read_event: Callable[[bytes], str] | None) -> tuple[int, bytes]:
        """Send the request and return status and body; `read_event` finds the text in a stream's events."""
        self._body = b""
        self._looked_until = 0
        self._read_event = read_event
        self.first_text, self.first_text_at = "", 0.0
        self._parser = httptools.HttpResponseParser(self)
        self._done = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        body = await asyncio.wait_for(self._done, PATIENCE_S)
        return self._parser.get_status_code(), body

    def _find_first_text(self, read_event: Callable[[bytes], str]) -> None:
        end = self._body.rfind(b"\n\n") + 2
        if end <= self._looked_until:
            return
        text = stream_text(self._body[self._looked_until : end], read_event)
        self._looked_until = end
        if text:
            self.first_text, self.first_text_at = text, time.monotonic()


def stream_text(stream: bytes, read_event: Callable[[bytes], str]) -> str:
    """Return the text of all events of a stream."""
    return "".join(
        read_event(line[6:])
        for line in stream.split(b"\n")
        if line.startswith(b"data: ") and not line.startswith(b"data: [DONE]")
    )


class Pool:
    """Idle connections to one port."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []

    async def ask(self, door: Door, question: str, due_at: float, *, streamed: bool) -> Answer:
        """Ask on an idle or new connection; a broken exchange is an answer too."""
        answer = Answer(question=question, due_at=due_at)
        connection: Connection | None = None
        try:
            connection = await self._connection()
            request = door.request(question, streamed=streamed)
            answer.status, body = await connection.exchange(request, door.read_event if streamed else None)
            answer.first_text, answer.first_text_at = connection.first_text, connection.first_text_at
            answer.text = stream_text(body, door.read_event) if streamed else door.read(body)
            self._idle.append(connection)
        except (OSError, TimeoutError, httptools.HttpParserError, msgspec.MsgspecError) as broken:
            answer.broken = f"{type(broken).__name__}: {broken}"
            if connection:
                connection.transport.abort()
        return answer

    def close(self) -> None:
        """Give back the connections."""
        for connection in self._idle:
            connection.transport.close()

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.transport.is_closing():
                return connection
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self._port)
        return connection


async def closed_loop(
    door: Door, questions: Sequence[str], *, clients: int, duration_s: float, streamed: bool = False
) -> list[Answer]:
    """Let each client ask the next question as soon as it has its answer, and at least one."""
    pool = Pool(door.port)
    answers: list[Answer] = []
    end = time.monotonic() + duration_s

    async def client(number: int) -> None:
        for turn in count(number, clients):
            question = questions[turn % len(questions)]
            answers.append(await pool.ask(door, question, time.monotonic(), streamed=streamed))
            if time.monotonic() >= end:
                return

    await asyncio.gather(*(client(number) for number in range(clients)))
    pool.close()
    return answers


async def open_loop(
    door: Door, questions: Sequence[str], *, per_s: float, duration_s: float, arrivals: random.Random
) -> list[Answer]:
    """Ask for streams at Poisson arrivals, whether or not earlier ones have ended."""
    pool = Pool(door.port)
    asked: list[Awaitable[Answer]] = []
    due_at = time.monotonic() + arrivals.expovariate(per_s)
    end = time.monotonic() + duration_s
    first = arrivals.randrange(len(questions))
    while due_at < end:
        await asyncio.sleep(due_at - time.monotonic())
        question = questions[(first + len(asked)) % len(questions)]
        asked.append(asyncio.ensure_future(pool.ask(door, question, due_at, streamed=True)))
        due_at += arrivals.expovariate(per_s)
    answers = await asyncio.gather(*asked)
    pool.close()
    return answers


async def exchange_once(port: int, request: bytes) -> tuple[int, bytes]:
    """Send one request on a connection of its own."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    try:
        return await connection.exchange(request, None)
    finally:
        connection.transport.close()
