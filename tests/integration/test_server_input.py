"""Bad input: each gets a clear answer, and the server stays."""

import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.house import JSON, House, open_house

DOORS = ("/chat", "/v1/chat/completions")
LIMIT = 4096


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with open_house(body_bytes=LIMIT, body_timeout_s=0.3) as opened:
        yield opened


def told(body: bytes, door: str) -> str:
    """Return the sentence that explains a refusal, wherever this door puts it."""
    answer = json.loads(body)
    return str(answer["error"]["message"] if door.startswith("/v1/") else answer["detail"])


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "truncated"),
        (b"{", 400, "truncated"),
        (b"not json", 400, "malformed"),
        (b'\xef\xbb\xbf{"message": "a"}', 400, "malformed"),
        (b'["message"]', 422, "Expected `object`"),
        (b"null", 422, "Expected `object`"),
        (b"{}", 422, "missing required field"),
    ],
)
def test_a_body_that_is_no_request_is_refused_with_the_reason(
    house: House, door: str, body: bytes, status: int, reason: str
) -> None:
    answer = house.ask("POST", door, body, JSON)
    # OpenAI's clients know 400 only.
    assert answer.status == (400 if door.startswith("/v1/") else status)
    assert reason in told(answer.body, door)


@pytest.mark.parametrize(
    ("door", "before", "after"),
    [
        ("/chat", b'{"message": "', b'"}'),
        ("/v1/chat/completions", b'{"messages": [{"role": "user", "content": "', b'"}]}'),
    ],
)
@pytest.mark.parametrize(
    ("text", "more", "reason"),
    [
        (b"\xff", b"", "not UTF-8"),
        (b"\xed\xa0\x80", b"", "not UTF-8"),
        (b"\\ud800", b"", "truncated"),
        (b"\\udc00 alone", b"", "surrogate"),
        (b"\x01", b"", "invalid"),
        (b"a", b" {}", "trailing"),
    ],
)
def test_text_that_is_no_unicode_and_words_behind_the_json_are_refused(  # noqa: PLR0917 - one column each
    house: House, door: str, before: bytes, after: bytes, text: bytes, more: bytes, reason: str
) -> None:
    answer = house.ask("POST", door, before + text + after + more, JSON)
    assert answer.status == 400
    assert reason in told(answer.body, door)


@pytest.mark.parametrize(
    "record",
    [
        {"message": 7},
        {"message": None},
        {"message": ""},
        {"message": "a", "mesage": "b"},
        {"message": "a", "conversation_id": 7},
        {"message": "a", "conversation_id": "x" * 65},
    ],
)
def test_a_wrong_field_is_named(house: House, record: dict[str, object]) -> None:
    answer = house.post("/chat", record)
    assert answer.status == 422
    assert re.search("mes+age|conversation_id", answer.json["detail"])


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_json_of_ten_thousand_levels_is_refused(door: str, opening: bytes, closing: bytes) -> None:
    nested = opening * 10_000 + b"1" + closing * 10_000
    bodies = [nested, b'{"messages": [{"role": "user", "content": "a", "more": ' + nested + b"}]}"]
    with open_house(body_bytes=1024 * 1024) as house:
        for body in bodies:
            assert house.ask("POST", door, body, JSON).status in (400, 422)
        assert house.chat("hi").status == 200


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("media_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_another_content_type_is_refused_with_415(house: House, door: str, media_type: str) -> None:
    answer = house.ask("POST", door, b'{"message": "a"}', {"Content-Type": media_type} if media_type else {})
    assert answer.status == 415
    assert "application/json" in told(answer.body, door)


def test_json_with_a_charset_is_read(house: House) -> None:
    assert house.chat("hi", {"Content-Type": "Application/JSON; charset=utf-8"}).status == 200


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("size", [LIMIT + 1, 500_000])
def test_a_body_over_the_limit_is_refused_with_413(house: House, door: str, size: int) -> None:
    answer = house.ask("POST", door, b" " * size, JSON)
    assert answer.status == 413
    assert answer.headers["connection"] == "close"
    assert str(LIMIT) in told(answer.body, door)


def test_a_body_at_the_limit_is_read(house: House) -> None:
    body = b'{"message": "a"}'
    assert house.ask("POST", "/chat", body + b" " * (LIMIT - len(body)), JSON).status == 200


def test_a_chunked_body_over_the_limit_is_refused_and_not_read_to_its_end(house: House) -> None:
    head = b"POST /chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with house.raw(head) as sock:
        sent = 0
        try:
            for _ in range(1024):
                sock.sendall(chunk)
                sent += 65536
        except OSError:
            pass
        assert sent < 64 * 1024 * 1024
    assert house.chat("hi").status == 200


def test_a_declared_gibibyte_is_refused_before_it_is_sent(house: House) -> None:
    head = b"POST /chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n"
    with house.raw(head) as sock:
        assert sock.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_does_not_arrive_is_given_up(house: House) -> None:
    head = b"POST /chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    with house.raw(head) as sock:
        received = sock.recv(4096)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"did not arrive within 0.3 s" in received


def test_a_request_that_is_not_http_is_refused(house: House) -> None:
    with house.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no such thing\r\n\r\n") as sock:
        assert sock.recv(4096).startswith(b"HTTP/1.1 400 ")
    assert house.chat("hi").status == 200


@pytest.mark.parametrize("value", ["a b", "x" * 129, "caf\xe9"])
def test_a_consent_id_that_is_none_is_refused(house: House, value: str) -> None:
    answer = house.chat("hi", {"X-Consent-ID": value})
    assert answer.status == 422
    assert "X-Consent-ID" in answer.json["detail"]


@pytest.mark.parametrize("value", ["", "*", "nonsense;;q=x", "en;q=9", "x" * 100_000, ",,,;q"])
def test_a_strange_accept_language_is_no_language(house: House, value: str) -> None:
    assert house.chat("hi", {"Accept-Language": value[:8000]}).status == 200
    assert house.assistant.asks[-1].language == ""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.one_of(
        st.binary(max_size=300),
        st.text(max_size=100).map(lambda text: json.dumps({"message": text}).encode()),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["message", "x"]), inner, max_size=2)
            ),
            max_leaves=8,
        ).map(lambda value: json.dumps(value).encode()),
    ),
    door=st.sampled_from(DOORS),
    accept=st.sampled_from(["application/json", "text/event-stream"]),
)
def test_no_body_breaks_a_door(house: House, body: bytes, door: str, accept: str) -> None:
    answer = house.ask("POST", door, body, JSON | {"Accept": accept})
    assert answer.status in (200, 400, 409, 413, 422)
