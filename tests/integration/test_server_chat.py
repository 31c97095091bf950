"""`POST /chat`, in JSON and as an event stream."""

import json
import socket
import time
from collections.abc import Iterator

import pytest

from tests.integration.fake_assistant import CITATION, SENTENCES
from tests.integration.house import House, chat_request, events, eventually, open_house

STREAM = {"Accept": "text/event-stream"}


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with open_house(keepalive_s=0.15) as opened:
        yield opened


def test_the_reply_comes_as_one_object(house: House) -> None:
    answer = house.chat("What does a berth cost?")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["kind"] == "answer"
    assert answer.json["text"] == "".join(SENTENCES)
    assert answer.json["citations"][0]["quote"] == CITATION.quote
    assert set(answer.json) >= {"conversation_id", "turn_id", "usage", "latency_ms", "release", "confidence", "intent"}


def test_a_conversation_goes_on_under_its_id(house: House) -> None:
    first = house.chat("What does a berth cost?").json
    second = house.chat("And water?", conversation_id=first["conversation_id"]).json
    assert second["conversation_id"] == first["conversation_id"]
    assert second["turn_id"] != first["turn_id"]


def test_language_and_consent_come_from_headers(house: House) -> None:
    house.chat("Hallo", {"Accept-Language": "en;q=0.3, de-CH, fr;q=0.9", "X-Consent-ID": "consent-7"})
    ask = house.assistant.asks[-1]
    assert (ask.language, ask.consent_id, ask.caller, ask.channel) == ("de-CH", "consent-7", "local", "chat")


def test_a_stream_holds_named_numbered_events_and_no_proxy_buffers_it(house: House) -> None:
    answer = house.chat("What does a berth cost?", STREAM)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in answer.headers
    assert [name for name, _ in events(answer)] == ["started", "token", "citation", "token", "finished"]
    assert [line for line in answer.body.decode().splitlines() if line.startswith("id: ")] == [
        f"id: {number}" for number in range(1, 6)
    ]


def test_what_streams_is_what_the_reply_says(house: House) -> None:
    found = events(house.chat("slow and steady", STREAM))
    tokens = "".join(data["text"] for name, data in found if name == "token")
    assert tokens == found[-1][1]["reply"]["text"]


def test_events_that_are_there_at_once_leave_in_one_write(house: House) -> None:
    with house.raw(chat_request("What does a berth cost?", "Accept: text/event-stream")) as sock:
        received = b""
        while b"0\r\n\r\n" not in received:
            received += sock.recv(65536)
    chunk_sizes = [line for line in received.split(b"\r\n\r\n", 1)[1].split(b"\r\n") if line.isalnum()]
    assert len(chunk_sizes) <= 3  # the events, perhaps the last of them, and the end


def test_a_waiting_stream_is_kept_alive_with_comments(house: House) -> None:
    with house.raw(chat_request("hang", "Accept: text/event-stream")) as sock:
        received = b""
        while received.count(b": keepalive\n\n") < 2:
            received += sock.recv(4096)
    assert b"One moment" in received


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_an_empty_bucket_gives_the_wait_card_and_says_when_to_come_back(house: House, accept: str) -> None:
    answer = house.chat("wait", {"Accept": accept})
    assert answer.status == 200
    assert answer.headers["retry-after"] == "3"
    reply = answer.json if accept == "application/json" else events(answer)[-1][1]["reply"]
    assert reply["kind"] == "wait"


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
@pytest.mark.parametrize(
    ("message", "more", "status", "kind"),
    [
        ("busy", {}, 409, "conversation-busy"),
        ("hi", {"conversation_id": "somebody-elses"}, 404, "missing"),
        ("   ", {}, 400, "malformed"),
        ("x" * 4001, {}, 413, "too-large"),
        ("crash", {}, 500, "internal"),
    ],
)
def test_what_a_turn_refuses_is_a_problem_before_anything_is_sent(  # noqa: PLR0917 - one column each
    house: House, accept: str, message: str, more: dict[str, str], status: int, kind: str
) -> None:
    answer = house.chat(message, {"Accept": accept}, **more)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["type"] == f"urn:shipmate:problem:{kind}"
    assert answer.json["status"] == status
    assert answer.json["title"]
    assert answer.json["detail"]


def test_an_unexpected_error_tells_nothing_of_the_inside(house: House) -> None:
    assert b"secret" not in house.chat("crash").body


def test_a_stream_that_breaks_says_so_as_its_last_event(house: House) -> None:
    name, data = events(house.chat("break", STREAM))[-1]
    assert name == "error"
    assert data["problem"]["status"] == 503
    assert "Mount it again." in data["problem"]["detail"]


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_client_that_vanishes_ends_its_turn(house: House, accept: str) -> None:
    before = len(house.assistant.closed)
    with house.raw(chat_request("hang", f"Accept: {accept}")) as sock:
        assert eventually(lambda: house.assistant.running > 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert eventually(lambda: len(house.assistant.closed) == before + 1)
    assert eventually(lambda: house.lobby.metrics.active == 0)
    assert house.assistant.running == 0


def test_a_client_that_vanishes_before_its_body_is_complete_starts_nothing(house: House) -> None:
    before = len(house.assistant.asks)
    with house.raw(chat_request("hello")[:-5]):
        time.sleep(0.05)
    assert house.chat("still there?").status == 200
    assert len(house.assistant.asks) == before + 1


def test_one_connection_serves_many_turns(house: House) -> None:
    with house.raw() as sock:
        reader = sock.makefile("rb")
        for _ in range(3):
            sock.sendall(chat_request("What does a berth cost?"))
            assert reader.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = dict(line.lower().split(b": ") for line in iter(reader.readline, b"\r\n"))
            assert json.loads(reader.read(int(headers[b"content-length"])))["kind"] == "answer"


def test_more_turns_than_the_server_may_run_are_told_to_come_back() -> None:
    with open_house(turns_at_once=1) as house, house.raw(chat_request("hang")):
        assert eventually(lambda: house.assistant.running == 1)
        answer = house.chat("hi")
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert "1 turns are running" in answer.json["detail"]
