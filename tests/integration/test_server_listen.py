"""The server's life: the address it takes, and how it goes."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import ClientConnection, connect

from shipmate.errors import PortTaken, UnsafeBind, UsageError
from shipmate.server.listen import bind
from shipmate.server.settings import ServerSettings, settings_from
from shipmate.stack import Limits, Server
from tests.integration.house import chat_request, eventually

ROOT = Path(__file__).parents[2]
KEY = "0123456789abcdef"
SITE = "https://help.example.com"


class Process:
    """A server in a process of its own."""

    def __init__(self, popen: "subprocess.Popen[str]", port: int) -> None:
        self.popen = popen
        self.port = port

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def refuses(self) -> bool:
        try:
            self.connect().close()
        except OSError:
            return True
        return False

    def end(self) -> tuple[int, str, str]:
        out, err = self.popen.communicate(timeout=20)
        return self.popen.returncode, out, err


@contextmanager
def process(grace_s: float = 10.0) -> Iterator[Process]:
    command = [sys.executable, "-m", "tests.integration.serve_fake", str(grace_s)]
    environ = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    popen = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert popen.stdout
        address = popen.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        yield Process(popen, int(address.rpartition(":")[2]))
    finally:
        popen.kill()
        popen.communicate()


def hear(sock: ClientConnection, heard: list[str]) -> None:
    while True:
        heard.append(str(sock.recv(timeout=5)))


def exchange(sock: socket.socket, request: bytes) -> bytes:
    """Return status line and body of one answer on a connection that stays open."""
    sock.sendall(request)
    with sock.makefile("rb") as reader:
        status = reader.readline()
        headers = dict(line.lower().split(b": ") for line in iter(reader.readline, b"\r\n"))
        return status + reader.read(int(headers[b"content-length"]))


def read_to_the_end(sock: socket.socket) -> bytes:
    received = b""
    while part := sock.recv(65536):
        received += part
    return received


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_goes_at_once_and_without_a_word(how: signal.Signals) -> None:
    with process() as server:
        server.popen.send_signal(how)
        assert server.end() == (0, "closed early: 0\n", "")


def test_a_running_turn_is_finished_before_the_server_goes() -> None:
    with process() as server, server.connect() as sock, server.connect() as kept:
        readyz = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        assert b" 200 OK" in exchange(kept, readyz)
        sock.sendall(chat_request("slow", "Accept: text/event-stream"))
        begun = sock.recv(4096)
        server.popen.terminate()
        assert eventually(server.refuses)
        assert b" 503 " in exchange(kept, readyz)
        assert b"shutting down" in exchange(kept, chat_request("hi"))
        assert b"event: finished" in begun + read_to_the_end(sock)
        assert server.end() == (0, "closed early: 0\n", "")


def test_a_running_turn_of_a_socket_is_finished_too() -> None:
    with process() as server, connect(f"ws://127.0.0.1:{server.port}/ws", proxy=None) as sock:
        sock.send('{"message": "slow"}')
        sock.recv(timeout=5)
        server.popen.terminate()
        heard: list[str] = []
        with pytest.raises(ConnectionClosedError, match="1012"):
            hear(sock, heard)
        assert json.loads(heard[-1])["type"] == "finished"
        assert sock.protocol.close_code == 1012
        assert server.end() == (0, "closed early: 0\n", "")


def test_a_turn_that_outlasts_the_grace_is_closed() -> None:
    with process(grace_s=0.2) as server, server.connect() as sock:
        sock.sendall(chat_request("hang", "Accept: text/event-stream"))
        sock.recv(4096)
        server.popen.terminate()
        assert server.end() == (0, "closed early: 1\n", "")


def test_a_second_interrupt_does_not_wait() -> None:
    with process(grace_s=30) as server, server.connect() as sock:
        sock.sendall(chat_request("hang", "Accept: text/event-stream"))
        sock.recv(4096)
        server.popen.send_signal(signal.SIGINT)
        assert eventually(server.refuses)
        server.popen.send_signal(signal.SIGINT)
        assert server.end()[0] == 0


def test_the_index_page_and_an_answer_come_from_one_process() -> None:
    with process() as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        for path in ("/", "/openapi.json", "/static/chat.js"):
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == 200
            response.read()
        connection.close()


def test_a_taken_port_is_said() -> None:
    with bind(ServerSettings(port=0)) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(PortTaken, match=f"127.0.0.1:{port}") as refused:
            bind(ServerSettings(port=port))
    assert "--port" in refused.value.do


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_an_address_of_another_machine_is_said(host: str) -> None:
    with pytest.raises(UsageError, match=host):
        bind(ServerSettings(host=host, port=0, api_keys={"desk": KEY}, allowed_origins=(SITE,)))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.7", "example.com"])
@pytest.mark.parametrize("more", [{}, {"api_keys": {"desk": KEY}}, {"allowed_origins": (SITE,)}])
def test_a_public_address_needs_keys_and_origins(host: str, more: dict[str, object]) -> None:
    with pytest.raises(UnsafeBind) as refused:
        ServerSettings(host=host, **more)  # type: ignore[arg-type]
    assert "SHIPMATE_API_KEYS" in refused.value.do
    assert "allowed_origins" in refused.value.do


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_this_machine_needs_neither(host: str) -> None:
    assert ServerSettings(host=host).host == host


def test_settings_join_the_folder_the_environment_and_the_command_line() -> None:
    section = Server(
        host="127.0.0.1",
        port=9000,
        api_keys_env="KEYS",
        allowed_origins=(f"{SITE}/",),
        limits=Limits(body_bytes=2048, turns_at_once=3),
    )
    environ = {"KEYS": f" desk={KEY}, website=b={KEY} ,"}
    settings = settings_from(section, environ, host="0.0.0.0")
    assert (settings.host, settings.port) == ("0.0.0.0", 9000)
    assert settings.api_keys == {"desk": KEY, "website": f"b={KEY}"}
    assert settings.allowed_origins == (SITE,)
    assert (settings.body_bytes, settings.turns_at_once) == (2048, 3)
    assert settings_from(section, environ, port=0).port == 0


@pytest.mark.parametrize(
    ("listing", "reason"),
    [
        (KEY, "without a name"),
        (f"desk={KEY},desk={KEY}1", "twice"),
        (f"desk={KEY},website={KEY}", "same API key"),
        ("desk=short", "too easy to guess"),
        (f"desk=schlüssel-{KEY}", "too easy to guess"),
        (f"a b={KEY}", "cannot name a caller"),
        (f"={KEY}", "cannot name a caller"),
        (f"local={KEY}", "stands for whoever uses the commands on this machine"),
    ],
)
def test_keys_that_cannot_be_used_are_refused_without_showing_them(listing: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as refused:
        settings_from(Server(), {"SHIPMATE_API_KEYS": listing})
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("origin", ["help.example.com", "https://", "https://a.example/path", "*", "ftp://a.example"])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(UsageError, match="is not an origin"):
        ServerSettings(allowed_origins=(origin,))


def test_settings_do_not_show_keys() -> None:
    assert KEY not in repr(ServerSettings(api_keys={"desk": KEY}))
