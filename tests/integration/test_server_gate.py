"""The gate: what is large, late, too much or no HTTP is refused before any door, and told as a problem."""

import json
import re
import socket
import time
from collections.abc import Iterator

import pytest
from websockets.sync.client import connect

from tests.integration.house import House, chat_request, eventually, open_house

HEAD_BYTES = 4096
HEAD_TIMEOUT_S = 0.3
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with open_house(head_bytes=HEAD_BYTES, head_timeout_s=HEAD_TIMEOUT_S) as opened:
        yield opened


def everything(sock: socket.socket) -> bytes:
    """Return what arrives until the server closes, however it closes."""
    received = b""
    try:
        while part := sock.recv(65536):
            received += part
    except ConnectionError:
        pass
    return received


def refusal(sock: socket.socket) -> tuple[int, str]:
    """Return status and detail of the problem that ends a connection."""
    head, _, body = everything(sock).partition(b"\r\n\r\n")
    assert b"\r\ncontent-type: application/problem+json\r\n" in head
    assert head.endswith(b"\r\nconnection: close")
    details = json.loads(body)
    assert head.startswith(b"HTTP/1.1 %d " % details["status"])
    assert details["type"].startswith("urn:shipmate:problem:")
    return details["status"], details["detail"]


def closed_after_s(sock: socket.socket) -> float:
    begun = time.monotonic()
    assert everything(sock) == b""
    return time.monotonic() - begun


@pytest.mark.parametrize(
    "request_",
    [
        GET + b"X-Large: " + b"a" * HEAD_BYTES + b"\r\n\r\n",
        GET + b"".join(b"X-%d: a\r\n" % number for number in range(HEAD_BYTES)) + b"\r\n",
        b"GET /" + b"a" * HEAD_BYTES + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        GET + b"X-Large: " + b"a" * HEAD_BYTES,
        GET + b"X" * (HEAD_BYTES + 1),
        b"\r\n" * HEAD_BYTES,
    ],
    ids=["one header", "many headers", "path", "unfinished value", "unfinished name", "empty lines"],
)
def test_a_head_over_the_limit_is_refused_with_431(house: House, request_: bytes) -> None:
    with house.raw(request_) as sock:
        status, detail = refusal(sock)
    assert status == 431
    assert str(HEAD_BYTES) in detail
    assert house.get("/healthz").status == 200


def test_headers_without_end_are_not_kept(house: House) -> None:
    sent = 0
    with house.raw(GET + b"X-Large: ") as sock:
        try:
            for _ in range(640):
                sock.sendall(b"a" * 65536)
                sent += 65536
        except OSError:
            pass
    assert sent < 16 * 1024 * 1024
    assert house.get("/healthz").status == 200


@pytest.mark.parametrize("endless", [b"0\r\nX-Trailer: ", b"5;extension="], ids=["trailers", "a chunk's extension"])
def test_what_stands_between_chunks_is_no_way_around_the_limit(house: House, endless: bytes) -> None:
    with house.raw(POST + b"Transfer-Encoding: chunked\r\n\r\n" + endless) as sock:
        time.sleep(0.05)
        sock.sendall(b"a" * (HEAD_BYTES + 1))
        assert refusal(sock)[0] == 431


def test_a_large_body_does_not_make_its_small_head_large(house: House) -> None:
    body = json.dumps({"message": "hi", "conversation_id": ""}).encode() + b" " * (4 * HEAD_BYTES)
    with house.raw(POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body) as sock:
        assert everything(sock).startswith(b"HTTP/1.1 200 ")


def test_a_body_in_many_small_chunks_is_no_large_head(house: House) -> None:
    body = b'{"message": "hi"}' + b" " * HEAD_BYTES
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    with house.raw(POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n") as sock:
        assert everything(sock).startswith(b"HTTP/1.1 200 ")


def test_trailers_do_not_pass_for_headers() -> None:
    key = "desk-key-0123456789abc"
    body = b"2\r\n{}\r\n0\r\nAuthorization: Bearer %b\r\n\r\n" % key.encode()
    with (
        open_house(api_keys={"desk": key}) as house,
        house.raw(POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + body) as sock,
    ):
        assert everything(sock).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("begun", [b"G", b"GET /healthz HTTP/1.1\r\nHos", GET, b"\r\n"])
def test_a_head_that_does_not_end_is_given_up_with_408(house: House, begun: bytes) -> None:
    with house.raw(begun) as sock:
        status, detail = refusal(sock)
    assert status == 408
    assert f"{HEAD_TIMEOUT_S:g} s" in detail


def test_a_head_that_drips_gains_no_time(house: House) -> None:
    begun = time.monotonic()
    with house.raw(GET) as sock:
        sock.settimeout(0.05)
        received = b""
        while not received and time.monotonic() < begun + 5:
            sock.sendall(b"X")
            try:
                received = sock.recv(4096)
            except TimeoutError:
                continue
    assert received.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - begun < 2


def test_the_second_head_of_a_connection_has_a_deadline_too(house: House) -> None:
    with house.raw(GET + b"\r\n") as sock:
        assert b"ok\n" in sock.recv(4096)
        sock.sendall(GET)
        assert refusal(sock)[0] == 408


def test_an_answered_request_cannot_keep_its_connection_by_an_endless_body(house: House) -> None:
    begun = time.monotonic()
    with house.raw(GET + b"Content-Length: 1000\r\n\r\n") as sock:
        assert b"ok\n" in sock.recv(4096)
        sock.settimeout(0.05)
        received = None
        while received is None and time.monotonic() < begun + 5:
            try:
                sock.sendall(b"a")
                received = sock.recv(4096)
            except TimeoutError:
                continue
            except ConnectionError:
                break
    assert not received
    assert time.monotonic() - begun < 2


def test_a_body_behind_its_refusal_leaves_the_connection_open(house: House) -> None:
    with house.raw(b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n") as sock:
        assert sock.recv(4096).startswith(b"HTTP/1.1 404 ")
        sock.sendall(b"{}" + GET + b"\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
        time.sleep(2 * HEAD_TIMEOUT_S)
        sock.sendall(GET + b"\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_connection_that_says_nothing_is_closed_without_a_word(house: House) -> None:
    with house.raw() as sock:
        assert closed_after_s(sock) < 5 * HEAD_TIMEOUT_S


def test_a_running_answer_outlasts_the_deadline_of_the_next_head() -> None:
    with open_house(head_timeout_s=0.05) as house, house.raw(chat_request("slow", "Accept: text/event-stream")) as sock:
        received = sock.recv(4096)
        sock.sendall(b"GET /hea")
        received += everything(sock)
    answer, _, after = received.partition(b"\r\n0\r\n\r\n")
    assert b"event: finished" in answer
    assert after.startswith(b"HTTP/1.1 408 ")


def test_connections_over_the_limit_are_told_to_come_back() -> None:
    with open_house(connections=3) as house:
        kept = [house.raw() for _ in range(3)]
        assert eventually(lambda: len(house.server.server_state.connections) == 3)
        with house.raw() as sock:
            status, detail = refusal(sock)
        assert status == 503
        assert "3 connections" in detail
        for sock in kept:
            sock.close()
        assert eventually(lambda: not house.server.server_state.connections)
        assert house.get("/healthz").status == 200
        assert 'shipmate_errors_total{status="503"} 1' in house.get("/metrics").body.decode()


@pytest.mark.parametrize(
    "request_",
    [
        POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        POST + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}",
        POST + b"Content-Length: -1\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no such thing\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
    ids=["both lengths", "same twice", "two lengths", "negative", "bad chunk", "space", "tls", "garbage"],
)
def test_what_two_readers_may_read_in_two_ways_is_a_problem(house: House, request_: bytes) -> None:
    with house.raw(request_) as sock:
        status, detail = refusal(sock)
    assert status == 400
    assert "not valid HTTP" in detail


def test_nonsense_behind_a_request_cannot_enter_its_running_answer(house: House) -> None:
    with house.raw(chat_request("slow", "Accept: text/event-stream")) as sock:
        received = sock.recv(4096)
        sock.sendall(b"\x00\x00\x00\r\n\r\n")
        received += everything(sock)
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("name", ["Host", "Origin", "Authorization"])
@pytest.mark.parametrize("door", ["/chat", "/healthz", "/ws"])
def test_a_header_that_decides_who_may_do_what_comes_once(house: House, name: str, door: str) -> None:
    twice = f"{name}: localhost\r\n".encode() * (1 if name == "Host" else 2)
    kind = b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" % door.encode()
    if door == "/ws":
        kind = kind.replace(b"close", b"Upgrade") + b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        kind += b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    with house.raw(kind + twice + b"\r\n") as sock:
        received = everything(sock)
    assert received.startswith(b"HTTP/1.1 400 ")
    # A second Origin of a socket is refused by the handshake, in its own words.
    assert re.search(f"The header {name} came more than once|invalid {name} header: multiple".encode(), received)


def test_other_headers_may_come_twice(house: House) -> None:
    with house.raw(GET + b"Connection: close\r\nAccept: text/html\r\nAccept: text/plain\r\n\r\n") as sock:
        assert everything(sock).startswith(b"HTTP/1.1 200 ")


def test_a_socket_may_stay_longer_than_a_head(house: House) -> None:
    with connect(f"ws://127.0.0.1:{house.port}/ws", proxy=None) as sock:
        time.sleep(2 * HEAD_TIMEOUT_S)
        sock.send('{"message": "hi"}')
        assert json.loads(sock.recv(timeout=5))["type"]
