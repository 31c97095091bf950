"""Connections are kept while they serve, and a server that forgets or refuses them is told apart from one that fails."""

import asyncio
import shutil
import ssl
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
import uvloop

from shipmate.adapters.openai_compatible import OpenAICompatible, OpenAICompatibleSettings, pool
from shipmate.adapters.openai_compatible.pool import ConnectTimeout, Pool
from shipmate.errors import ModelError, ModelGarbled, ModelUnavailable
from shipmate.messages import Message, Role

T = TypeVar("T")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
# In a script: end the connection, or drop it.
END, RESET = b"<end>", b"<reset>"
ASKED = (Message(role=Role.USER, text="Hello?", at=0.0),)


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"], autouse=True)
def _each_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """`serve` runs on uvloop, and the other commands on the loop that comes with Python."""
    monkeypatch.setattr(asyncio, "run", request.param)


class Server:
    """Answers the next request with the next pieces of its script; the last ones stay."""

    def __init__(self, script: Sequence[Sequence[bytes]]) -> None:
        self.url = ""
        self.connections = 0
        self.heads: list[str] = []
        self._script = deque(script)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                await reader.readexactly(int(head.partition("Content-Length: ")[2].split("\r\n")[0]))
                self.heads.append(head)
                for piece in self._script[0] if len(self._script) == 1 else self._script.popleft():
                    if piece == RESET:
                        writer.transport.abort()
                    if piece in (END, RESET):
                        return
                    writer.write(piece)
                    await asyncio.sleep(0.001)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def serving(*script: Sequence[bytes], tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(script)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    host, port = listening.sockets[0].getsockname()
    server.url = f"{'https' if tls else 'http'}://{host}:{port}/v1"
    try:
        yield server
    finally:
        listening.close()


def against(
    *script: Sequence[bytes],
    use: Callable[[Server, Pool], Awaitable[T]],
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    connect_timeout_s: float = 5.0,
) -> T:
    """Run `use` with a server that follows the script and a pool for its address."""

    async def run() -> T:
        async with serving(*script, tls=tls) as server:
            connections = Pool(server.url, headers or {}, connect_timeout_s=connect_timeout_s)
            try:
                return await use(server, connections)
            finally:
                await connections.close()

    return asyncio.run(run())


async def ask(connections: Pool) -> bytes:
    connection = await connections.post(b"{}")
    try:
        body = b""
        while data := await connection.read():
            body += data
        return body
    finally:
        connection.release()


def times(count: int, *, pause_s: float = 0.0) -> Callable[[Server, Pool], Awaitable[tuple[list[bytes], int]]]:
    """Ask so often, one after the other; return the answers and how many connections that took."""

    async def use(server: Server, connections: Pool) -> tuple[list[bytes], int]:
        said = []
        for _ in range(count):
            said.append(await ask(connections))
            await asyncio.sleep(pause_s)
        return said, server.connections

    return use


def failure_of(model: OpenAICompatible) -> ModelError:
    async def run() -> ModelError:
        try:
            async for _ in model.stream(ASKED, max_tokens=5, deadline_s=5.0):
                pass
        except ModelError as error:
            return error
        finally:
            await model.close()
        raise AssertionError("it answered")

    return asyncio.run(run())


def test_requests_one_after_the_other_share_a_connection() -> None:
    assert against([OK], use=times(4)) == ([b"ok"] * 4, 1)


def test_requests_at_once_have_a_connection_each_and_leave_them_for_the_next() -> None:
    async def use(server: Server, connections: Pool) -> list[int]:
        opened = []
        for _ in range(2):
            await asyncio.gather(*(ask(connections) for _ in range(3)))
            opened.append(server.connections)
        return opened

    assert against([OK], use=use) == [3, 3]


def test_a_connection_that_the_server_closes_is_not_used_again() -> None:
    assert against([CLOSING, END], [OK], use=times(2)) == ([b"ok"] * 2, 2)


@pytest.mark.parametrize("pause_s", [0.0, 0.02])
@pytest.mark.parametrize("leaving", [END, RESET])
def test_a_connection_that_was_closed_while_it_was_free_costs_no_answer(leaving: bytes, pause_s: float) -> None:
    """It is noticed when the server's word comes in time, and otherwise when the request meets a closed door."""
    assert against([OK, leaving], [OK], use=times(2, pause_s=pause_s)) == ([b"ok"] * 2, 2)


def test_a_request_that_a_free_connection_swallows_is_sent_once_more() -> None:
    assert against([OK], [END], [OK], use=times(2)) == ([b"ok"] * 2, 2)


def test_a_request_is_not_sent_again_when_a_new_connection_swallows_it_too() -> None:
    async def use(server: Server, connections: Pool) -> int:
        await ask(connections)
        with pytest.raises(ConnectionError):
            await ask(connections)
        return len(server.heads)

    assert against([OK], [END], use=use) == 3


def test_a_request_is_not_sent_again_once_the_server_has_begun_to_answer() -> None:
    async def use(server: Server, connections: Pool) -> int:
        await ask(connections)
        with pytest.raises(ConnectionError):
            await ask(connections)
        return len(server.heads)

    assert against([OK], [b"HTTP/1.1 2", END], use=use) == 2


def test_a_refusal_that_was_read_to_its_end_leaves_the_connection_usable() -> None:
    no = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\nslow"
    assert against([no], [OK], use=times(2)) == ([b"slow", b"ok"], 1)


def test_an_answer_that_nobody_read_to_its_end_takes_its_connection_along() -> None:
    async def use(server: Server, connections: Pool) -> int:
        (await connections.post(b"{}")).release()
        await ask(connections)
        return server.connections

    assert against([OK[:-1]], [OK], use=use) == 2


def test_a_cancelled_request_takes_its_connection_along() -> None:
    async def use(server: Server, connections: Pool) -> int:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connections.post(b"{}"), 0.02)
        await ask(connections)
        return server.connections

    assert against([b"HTTP/1.1 2"], [OK], use=use) == 2


@pytest.mark.parametrize("pieces", [[OK], [OK, END]])
def test_a_connection_that_nobody_uses_is_closed_after_a_while(
    pieces: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "KEPT_S", 0.02)
    assert against(pieces, use=times(3, pause_s=0.1)) == ([b"ok"] * 3, 3)


def test_what_is_held_up_is_read_when_its_server_has_gone() -> None:
    """A large answer waits until it is read; that the other side leaves meanwhile takes none of it away."""
    body = b"x" * 3_000_000

    async def use(_: Server, connections: Pool) -> int:
        connection = await connections.post(b"{}")
        await asyncio.sleep(0.05)
        said = 0
        while data := await connection.read():
            said += len(data)
        connection.release()
        return said

    assert against([b"HTTP/1.1 200 OK\r\n\r\n" + body, END], use=use) == len(body)


def test_closing_drops_what_is_under_way() -> None:
    async def use(_: Server, connections: Pool) -> None:
        connection = await connections.post(b"{}")
        reading = asyncio.create_task(connection.read())
        await asyncio.sleep(0)
        await connections.close()
        with pytest.raises(ConnectionError):
            await reading

    against([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"], use=use)


def test_a_request_says_how_long_it_is_and_what_it_takes_whatever_the_settings_say() -> None:
    async def use(server: Server, connections: Pool) -> str:
        await ask(connections)
        return server.heads[0]

    head = against([OK], use=use, headers={"content-length": "7", "x-team": "Zoë", "user-agent": "ours"})
    lines = head.split("\r\n")
    assert lines[0] == "POST /v1 HTTP/1.1"
    assert lines.count("Content-Length: 2") == 1
    assert "Content-Length: 7" not in lines
    assert {"X-Team: Zoë", "User-Agent: ours", "Accept-Encoding: identity"} <= set(lines)


def test_a_name_and_a_password_in_the_address_are_sent_as_such_and_not_as_part_of_the_host() -> None:
    async def use(server: Server, _: Pool) -> str:
        connections = Pool(server.url.replace("//", "//me:p%40ss@"), {}, connect_timeout_s=5.0)
        await ask(connections)
        await connections.close()
        return server.heads[0]

    head = against([OK], use=use)
    assert "Authorization: Basic bWU6cEBzcw==" in head
    assert "Host: 127.0.0.1:" in head


@pytest.mark.parametrize(
    "given",
    [{"base_url": "http:///v1"}, {"base_url": "http://here:port/v1"}, {"headers": {"X-Team": "a\r\nX-Admin: yes"}}],
)
def test_settings_that_make_no_request_are_named(given: dict[str, object]) -> None:
    settings = OpenAICompatibleSettings(**{"base_url": "http://127.0.0.1:9/v1", "model": "m", **given})  # type: ignore[arg-type]
    error = failure_of(OpenAICompatible(settings))
    assert isinstance(error, ModelGarbled)
    assert "stack.yml" in error.do


def test_an_answer_in_a_coding_that_was_not_asked_for_is_called_garbage() -> None:
    async def run() -> ModelError:
        zipped = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"
        async with serving([zipped]) as server:
            model = OpenAICompatible(OpenAICompatibleSettings(base_url=server.url, model="m"))
            with pytest.raises(ModelGarbled, match="sent gzip instead of an event stream") as error:
                await anext(model.stream(ASKED, max_tokens=5, deadline_s=5.0))
            await model.close()
            return error.value

    assert asyncio.run(run()).do


def test_a_port_that_opens_and_says_nothing_is_given_up_in_time() -> None:
    """As when a firewall swallows what is sent: here the server waits for a request, and the client for TLS."""

    async def use(server: Server, _: Pool) -> None:
        connections = Pool(server.url.replace("http", "https"), {}, connect_timeout_s=0.1)
        with pytest.raises(ConnectTimeout):
            await ask(connections)

    against([OK], use=use)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory, required: Callable[[object, str], None]) -> Path:
    """A certificate for 127.0.0.1 that nobody but its maker trusts, with its key in one file."""
    required(shutil.which("openssl"), "openssl")
    folder = tmp_path_factory.mktemp("tls")
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=here".split()
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*made, "-addext", "subjectAltName=IP:127.0.0.1", *files], check=True, capture_output=True)
    (folder / "both.pem").write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return folder / "both.pem"


def tls_of(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_certificate_that_is_trusted_is_accepted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert against([OK], use=times(3), tls=tls_of(certificate)) == ([b"ok"] * 3, 1)


def test_a_certificate_of_somebody_elses_is_refused_and_said(certificate: Path) -> None:
    async def run() -> None:
        async with serving([OK], tls=tls_of(certificate)) as server:
            model = OpenAICompatible(OpenAICompatibleSettings(base_url=server.url, model="m", retries=0))
            with pytest.raises(ModelUnavailable, match=r"(?i)certificate verify failed"):
                await anext(model.stream(ASKED, max_tokens=5, deadline_s=5.0))
            await model.close()
            assert server.heads == []

    asyncio.run(run())


def test_a_trusted_certificate_for_another_host_is_refused(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def use(server: Server, _: Pool) -> int:
        connections = Pool(server.url.replace("127.0.0.1", "localhost"), {}, connect_timeout_s=5.0)
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(connections)
        await connections.close()
        return len(server.heads)

    assert against([OK], use=use, tls=tls_of(certificate)) == 0
