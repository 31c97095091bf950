"""`/ws`: partial results over one socket, and a socket that survives bad frames."""

import json
import time
from collections.abc import Iterator
from socket import SHUT_RDWR
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.integration.fake_assistant import SENTENCES
from tests.integration.house import House, eventually, open_house

SITE = "https://help.example.com"
KEY = "desk-key-0123456789abc"
LIMIT = 4096


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with open_house(body_bytes=LIMIT, allowed_origins=(SITE,)) as opened:
        yield opened


def open_socket(house: House, path: str = "/ws", **more: Any) -> ClientConnection:
    opened: ClientConnection = connect(f"ws://127.0.0.1:{house.port}{path}", proxy=None, close_timeout=1, **more)
    return opened


def say(socket: ClientConnection, **frame: Any) -> None:
    socket.send(json.dumps(frame))


def hear(socket: ClientConnection) -> dict[str, Any]:
    heard: dict[str, Any] = json.loads(socket.recv(timeout=5))
    return heard


def hear_turn(socket: ClientConnection) -> list[dict[str, Any]]:
    heard = [hear(socket)]
    while heard[-1]["type"] not in {"finished", "error"}:
        heard.append(hear(socket))
    return heard


def _hear_to_the_end(socket: ClientConnection) -> None:
    while True:
        socket.recv(timeout=5)


def close_code(socket: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed):
        _hear_to_the_end(socket)
    return socket.protocol.close_code


def test_a_turn_comes_in_parts(house: House) -> None:
    with open_socket(house) as socket:
        say(socket, message="What does a berth cost?")
        heard = hear_turn(socket)
    assert [event["type"] for event in heard] == ["started", "token", "citation", "token", "finished"]
    assert heard[-1]["reply"]["text"] == "".join(SENTENCES)


def test_one_socket_serves_a_conversation(house: House) -> None:
    with open_socket(house) as socket:
        say(socket, message="What does a berth cost?")
        conversation_id = hear_turn(socket)[0]["conversation_id"]
        say(socket, message="And water?", conversation_id=conversation_id)
        assert hear_turn(socket)[0]["conversation_id"] == conversation_id


def test_language_and_consent_come_from_the_handshake(house: House) -> None:
    headers = {"Accept-Language": "de", "X-Consent-ID": "consent-7"}
    with open_socket(house, additional_headers=headers) as socket:
        say(socket, message="Hallo")
        hear_turn(socket)
    ask = house.assistant.asks[-1]
    assert (ask.language, ask.consent_id, ask.caller, ask.channel) == ("de", "consent-7", "local", "ws")


def test_language_and_consent_come_from_the_first_frame_and_can_be_withdrawn(house: House) -> None:
    with open_socket(house) as socket:
        say(socket, accept_language="fr, en;q=0.5", consent_id="consent-8")
        say(socket, message="Bonjour")
        hear_turn(socket)
        first = house.assistant.asks[-1]
        say(socket, message="Encore", consent_id="")
        hear_turn(socket)
        second = house.assistant.asks[-1]
    assert (first.language, first.consent_id) == ("fr", "consent-8")
    assert (second.language, second.consent_id) == ("fr", "")


@pytest.mark.parametrize(
    ("frame", "status"),
    [
        ("", 400),
        ("{", 400),
        ("[]", 422),
        ('{"message": 7}', 422),
        ('{"mesage": "a"}', 422),
        ('{"message": ""}', 400),
        ('{"message": "\\ud800"}', 400),
        ('{"consent_id": "a b"}', 422),
        ('{"message": "hi", "conversation_id": "somebody-elses"}', 404),
        ('{"message": "busy"}', 409),
        ('{"message": "crash"}', 500),
        ("[" * 2000 + "]" * 2000, 422),
    ],
)
def test_a_bad_frame_is_answered_and_the_socket_stays(house: House, frame: str, status: int) -> None:
    with open_socket(house) as socket:
        socket.send(frame)
        heard = hear(socket)
        assert heard["type"] == "error"
        assert heard["problem"]["status"] == status
        assert heard["problem"]["detail"]
        say(socket, message="What does a berth cost?")
        assert hear_turn(socket)[-1]["type"] == "finished"


def test_a_turn_that_breaks_is_told_and_the_socket_stays(house: House) -> None:
    with open_socket(house) as socket:
        say(socket, message="break")
        assert hear_turn(socket)[-1]["problem"]["status"] == 503
        say(socket, message="What does a berth cost?")
        assert hear_turn(socket)[-1]["type"] == "finished"


def test_the_wait_card_comes_as_a_card(house: House) -> None:
    with open_socket(house) as socket:
        say(socket, message="wait")
        card, finished = hear_turn(socket)
    assert (card["type"], card["kind"], card["retry_after_s"]) == ("card", "wait", 2.5)
    assert finished["reply"]["kind"] == "wait"


def test_one_message_may_wait_and_a_third_is_told_so(house: House) -> None:
    with open_socket(house) as socket:
        say(socket, message="slow one")
        assert hear(socket)["type"] == "started"
        say(socket, message="What does a berth cost?")
        say(socket, message="What else?")
        heard: list[dict[str, Any]] = []
        while [event["type"] for event in heard].count("finished") < 2:
            heard.append(hear(socket))
    assert [event["problem"]["status"] for event in heard if event["type"] == "error"] == [409]


@pytest.mark.parametrize(
    ("payload", "text", "code"),
    [(b"\x00\x01", False, 1003), (b"\xff\xfe", True, 1007), (b"x" * (LIMIT + 1), True, 1009)],
)
def test_what_is_no_text_or_too_large_closes_the_socket_with_its_code(
    house: House, payload: bytes, code: int, *, text: bool
) -> None:
    with open_socket(house) as socket:
        socket.send(payload, text=text)
        assert close_code(socket) == code
    assert house.chat("hi").status == 200


def test_a_malformed_frame_closes_only_its_own_socket(house: House) -> None:
    with open_socket(house) as other, open_socket(house) as socket:
        socket.socket.sendall(b"\xff\xff\xff\xff\xff\xff\xff\xff")
        assert close_code(socket) in (1002, 1006)
        say(other, message="What does a berth cost?")
        assert hear_turn(other)[-1]["type"] == "finished"


def test_a_client_that_vanishes_ends_its_turn(house: House) -> None:
    before = len(house.assistant.closed)
    with open_socket(house) as socket:
        say(socket, message="hang")
        assert hear(socket)["type"] == "started"
        socket.socket.shutdown(SHUT_RDWR)
        assert eventually(lambda: len(house.assistant.closed) == before + 1)
    assert eventually(lambda: house.lobby.metrics.sockets == 0)
    assert house.lobby.metrics.active == 0


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_page_of_a_foreign_origin_gets_no_socket(house: House, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        open_socket(house, origin=origin)
    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body)["type"] == "urn:shipmate:problem:forbidden"


def test_allowed_pages_get_a_socket(house: House) -> None:
    for origin in (SITE, f"http://127.0.0.1:{house.port}"):
        with open_socket(house, origin=origin) as socket:
            say(socket, message="hi")
            assert hear_turn(socket)[-1]["type"] == "finished"


def test_there_is_a_socket_at_ws_only(house: House) -> None:
    with pytest.raises(InvalidStatus) as refused:
        open_socket(house, path="/chat")
    assert refused.value.response.status_code == 404


def test_a_consent_id_that_is_none_gets_no_socket(house: House) -> None:
    with pytest.raises(InvalidStatus) as refused:
        open_socket(house, additional_headers={"X-Consent-ID": "a b"})
    assert refused.value.response.status_code == 422


def test_a_silent_socket_is_pinged_and_one_that_does_not_answer_is_given_up() -> None:
    with open_house(ws_ping_s=0.1) as house:
        with open_socket(house, ping_interval=None) as socket:
            time.sleep(0.5)
            say(socket, message="hi")
            assert hear_turn(socket)[-1]["type"] == "finished"
        deaf = house.raw(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Key: c2hpcG1hdGUtLXRlc3QtLQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        with deaf:
            assert eventually(lambda: house.lobby.metrics.sockets == 1)
            assert eventually(lambda: house.lobby.metrics.sockets == 0)


def test_an_idle_socket_is_closed_but_not_while_it_is_answered() -> None:
    with open_house(ws_idle_s=0.2) as house, open_socket(house) as socket:
        house.assistant.step_s = 0.02
        say(socket, message="slow")
        assert hear_turn(socket)[-1]["type"] == "finished"
        assert close_code(socket) == 1000


@pytest.fixture(scope="module")
def locked() -> Iterator[House]:
    with open_house(api_keys={"desk": KEY}, ws_key_s=0.3) as opened:
        yield opened


def test_the_first_frame_may_show_the_key(locked: House) -> None:
    with open_socket(locked) as socket:
        say(socket, api_key=KEY, message="What does a berth cost?")
        assert hear_turn(socket)[-1]["type"] == "finished"
    assert locked.assistant.asks[-1].caller == "desk"


def test_the_handshake_may_show_the_key(locked: House) -> None:
    with open_socket(locked, additional_headers={"Authorization": f"Bearer {KEY}"}) as socket:
        say(socket, message="What does a berth cost?")
        assert hear_turn(socket)[-1]["type"] == "finished"


@pytest.mark.parametrize("frame", [{"message": "hi"}, {"api_key": "wrong", "message": "hi"}])
def test_without_a_known_key_nothing_is_asked(locked: House, frame: dict[str, str]) -> None:
    before = len(locked.assistant.asks)
    with open_socket(locked) as socket:
        say(socket, **frame)
        assert hear(socket)["problem"]["status"] == 401
        assert close_code(socket) == 1008
    assert len(locked.assistant.asks) == before


def test_a_socket_that_shows_no_key_in_time_is_closed(locked: House) -> None:
    with open_socket(locked) as socket:
        assert close_code(socket) == 1008
