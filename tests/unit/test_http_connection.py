"""A connection reads a response that comes in any pieces, and none that is not one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.adapters.openai_compatible.connection import HEAD_BYTES, UNREAD_BYTES, Connection

T = TypeVar("T")
BODY = b"data: one\n\ndata: two\n\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"


class Line(asyncio.Transport):
    """A transport whose other end is the test."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.sent = b""
        self.is_paused = self._is_closing = False
        self._connection = connection

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def is_closing(self) -> bool:
        return self._is_closing

    def abort(self) -> None:
        self.end()

    def end(self) -> None:
        """Close, as either side may."""
        if not self._is_closing:
            self._is_closing = True
            asyncio.get_running_loop().call_soon(self._connection.connection_lost, None)


def connected(use: Callable[[Connection, Line], Awaitable[T]]) -> T:
    async def run() -> T:
        connection = Connection(free=lambda _: None, connected=set())
        line = Line(connection)
        connection.connection_made(line)
        return await use(connection, line)

    return asyncio.run(run())


async def come(connection: Connection, line: Line, pieces: Sequence[bytes], *, ends: bool) -> None:
    for piece in pieces:
        if not line.is_closing():
            connection.data_received(piece)
        await asyncio.sleep(0)
    if ends:
        line.end()


def response_in(pieces: Sequence[bytes], *, ends: bool = False) -> tuple[int, dict[str, str], bytes, bool]:
    """Return status, headers and body, and whether the connection can be used again."""

    async def use(connection: Connection, line: Line) -> tuple[int, dict[str, str], bytes, bool]:
        coming = asyncio.create_task(come(connection, line, pieces, ends=ends))
        await connection.send(b"POST / HTTP/1.1\r\n\r\n")
        body = b""
        while data := await connection.read():
            body += data
        await coming
        return connection.status, connection.headers, body, connection.is_reusable

    return connected(use)


def chunked(parts: Sequence[bytes]) -> bytes:
    body = b"".join(b"%x;note=1\r\n%s\r\n" % (len(part), part) for part in parts if part)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n" + body + b"0\r\nX-Trailer: c\r\n\r\n"


def counted(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-A: b\r\n\r\n%s" % (len(body), body)


def closed(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n" + body


@given(
    parts=st.lists(st.binary(max_size=40), max_size=6),
    framing=st.sampled_from(("chunked", "counted", "closed")),
    cuts=st.lists(st.integers(0, 400), max_size=8),
    interim=st.booleans(),
)
def test_a_response_is_the_same_however_it_is_cut(
    *, parts: list[bytes], framing: str, cuts: list[int], interim: bool
) -> None:
    body = b"".join(parts)
    wire = {"chunked": chunked(parts), "counted": counted(body), "closed": closed(body)}[framing]
    wire = INTERIM + wire if interim else wire
    at = sorted({min(cut, len(wire)) for cut in cuts} | {0, len(wire)})
    pieces = [wire[start:end] for start, end in pairwise(at)]
    status, headers, said, is_reusable = response_in(pieces, ends=framing == "closed")
    assert (status, headers["x-a"], said) == (200, "b", body)
    assert "x-trailer" not in headers
    assert "link" not in headers
    assert is_reusable == (framing != "closed")


@pytest.mark.parametrize("wire", [chunked([BODY[:7], BODY[7:]]), counted(BODY), closed(BODY)])
def test_a_response_may_come_byte_by_byte(wire: bytes) -> None:
    pieces = [bytes((byte,)) for byte in INTERIM + wire]
    assert response_in(pieces, ends=wire == closed(BODY))[2] == BODY


@pytest.mark.parametrize(
    "wire",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"<html>Hello</html>\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabcde",
    ],
)
def test_what_is_no_response_is_refused(wire: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        response_in([wire])


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"x" * 1000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 1000),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    ],
)
def test_a_head_without_an_end_is_refused(begin: bytes, again: bytes) -> None:
    pieces = [begin, *[again] * (HEAD_BYTES // len(again) + 1)]
    with pytest.raises(ValueError, match=f"more than {HEAD_BYTES} bytes"):
        response_in(pieces)


def test_trailers_without_an_end_are_refused() -> None:
    pieces = [chunked([BODY]).removesuffix(b"\r\n"), *[b"X-More: " + b"x" * 1000 + b"\r\n"] * 70]
    with pytest.raises(ValueError, match="bytes of headers"):
        response_in(pieces)


@pytest.mark.parametrize("wire", [b"", b"HTTP/1.1 200", chunked([BODY])[:-5], counted(BODY)[:-1]])
def test_a_response_that_is_cut_off_is_no_whole_one(wire: bytes) -> None:
    with pytest.raises(ConnectionError):
        response_in([wire] if wire else [], ends=True)


def test_what_came_before_the_end_of_the_connection_is_read_first() -> None:
    async def use(connection: Connection, line: Line) -> bytes:
        coming = asyncio.create_task(come(connection, line, [counted(BODY)[:-1]], ends=True))
        await connection.send(b"")
        await coming
        await asyncio.sleep(0)
        return await connection.read()

    assert connected(use) == BODY[:-1]


@pytest.mark.parametrize("more", [counted(b"two"), b"HTT", b"\x00"])
def test_a_connection_that_says_more_than_was_asked_is_not_used_again(more: bytes) -> None:
    _, _, body, is_reusable = response_in([counted(BODY) + more])
    assert (body, is_reusable) == (BODY, False)
    _, _, body, is_reusable = response_in([counted(BODY), more])
    assert (body, is_reusable) == (BODY, False)


@pytest.mark.parametrize(
    "wire", [b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"HTTP/1.1 204 No\r\nConnection: close\r\n\r\n"]
)
def test_a_connection_that_the_server_will_close_is_not_used_again(wire: bytes) -> None:
    assert not response_in([wire])[3]


def test_a_server_that_sends_faster_than_is_read_is_held_up() -> None:
    async def use(connection: Connection, line: Line) -> list[bool]:
        coming = asyncio.create_task(come(connection, line, [counted(b"x" * UNREAD_BYTES * 2)[:-9]], ends=False))
        await connection.send(b"")
        await coming
        held_up = [line.is_paused]
        await connection.read()
        return [*held_up, line.is_paused]

    assert connected(use) == [True, False]


def test_whoever_reads_is_told_that_the_connection_was_dropped() -> None:
    async def use(connection: Connection, line: Line) -> bool:
        sending = asyncio.create_task(connection.send(b"POST"))
        await asyncio.sleep(0)
        connection.drop()
        with pytest.raises(ConnectionError):
            await sending
        return line.is_closing()

    assert connected(use)
