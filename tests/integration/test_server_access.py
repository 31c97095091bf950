"""Who may use the server, and whose conversations are whose."""

import re
from collections.abc import Iterator

import pytest

from tests.integration.house import JSON, Answer, House, events, open_house

SITE = "https://help.example.com"
KEYS = {"website": "website-key-0123456789", "desk": "desk-key-0123456789abc"}
CHAT = {"message": "What does a berth cost?"}


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with open_house(allowed_origins=(SITE,)) as opened:
        yield opened


@pytest.fixture(scope="module")
def locked() -> Iterator[House]:
    with open_house(api_keys=KEYS, allowed_origins=(SITE,), ws_key_s=0.3) as opened:
        yield opened


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[name]}"}


def device(house: House) -> dict[str, str]:
    cookie = house.get("/").headers["set-cookie"]
    return {"Cookie": cookie.partition(";")[0]}


@pytest.mark.parametrize("host", ["localhost", "LocalHost:8080", "127.0.0.1:1", "[::1]:8080", "help.example.com"])
def test_known_host_names_are_served(house: House, host: str) -> None:
    assert house.chat("hi", {"Host": host}).status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "[::2]"])
@pytest.mark.parametrize("path", ["/chat", "/", "/metrics", "/turns/x"])
def test_a_foreign_name_for_this_machine_is_refused(house: House, host: str, path: str) -> None:
    method = "POST" if path == "/chat" else "GET"
    assert house.ask(method, path, b'{"message": "hi"}', JSON | {"Host": host}).status == 403


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example", "https://help.example.com.evil"]
)
def test_a_page_of_a_foreign_origin_cannot_ask(house: House, origin: str) -> None:
    before = len(house.assistant.asks)
    answer = house.post("/chat", CHAT, {"Origin": origin})
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers
    assert len(house.assistant.asks) == before


def test_the_own_page_can_ask(house: House) -> None:
    own = f"http://127.0.0.1:{house.port}"
    assert house.post("/chat", CHAT, {"Origin": own}).status == 200


def test_an_allowed_origin_can_ask_and_read_the_answer(house: House) -> None:
    for answer in (house.post("/chat", CHAT, {"Origin": SITE}), house.post("/chat", {}, {"Origin": SITE})):
        assert answer.headers["access-control-allow-origin"] == SITE
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in answer.headers


def preflight(house: House, origin: str, path: str = "/chat") -> Answer:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    return house.ask("OPTIONS", path, headers=asked)


def test_a_browser_learns_what_an_allowed_page_may_send(house: House) -> None:
    answer = preflight(house, SITE)
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == SITE
    assert "Authorization" in answer.headers["access-control-allow-headers"]


def test_a_browser_learns_that_a_foreign_page_may_not(house: House) -> None:
    answer = preflight(house, "https://evil.example")
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


def test_the_page_gives_a_browser_an_identity_that_scripts_cannot_read(house: House) -> None:
    cookie = house.get("/").headers["set-cookie"]
    assert re.match(r"shipmate_device=[\w-]{32}; Path=/; Max-Age=\d+; HttpOnly; SameSite=Lax$", cookie)
    assert "set-cookie" not in house.get("/", {"Cookie": cookie.partition(";")[0]}).headers


def test_behind_https_the_identity_stays_on_https(house: House) -> None:
    assert house.get("/", {"X-Forwarded-Proto": "https"}).headers["set-cookie"].endswith("; Secure")


def test_a_browsers_conversation_is_its_own(house: House) -> None:
    ann, bob = device(house), device(house)
    conversation_id = house.post("/chat", CHAT, ann).json["conversation_id"]
    again = CHAT | {"conversation_id": conversation_id}
    assert house.post("/chat", again, bob).status == 404
    assert house.post("/chat", again).status == 404
    assert house.post("/chat", again, ann).status == 200


def test_a_browsers_turn_is_explained_to_it_alone(house: House) -> None:
    ann, bob = device(house), device(house)
    turn_id = house.post("/chat", CHAT, ann).json["turn_id"]
    assert house.get(f"/turns/{turn_id}", ann).json["question"] == CHAT["message"]
    assert house.get(f"/turns/{turn_id}", bob).status == 404


def test_a_cookie_is_not_kept_as_it_is(house: House) -> None:
    ann = device(house)
    house.post("/chat", CHAT, ann)
    caller = house.assistant.asks[-1].caller
    assert caller.startswith("device-")
    assert ann["Cookie"].partition("=")[2] not in caller


@pytest.mark.parametrize(
    "cookie", ["shipmate_device=local", "shipmate_device=", "other=1", "xshipmate_device=" + "a" * 32]
)
def test_a_made_up_cookie_is_nobody(house: House, cookie: str) -> None:
    house.post("/chat", CHAT, {"Cookie": cookie})
    assert house.assistant.asks[-1].caller == "local"


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/openapi.json", "/docs", "/static/chat.js"])
def test_what_tells_nothing_of_anybody_needs_no_key(locked: House, path: str) -> None:
    assert locked.get(path).status == 200


@pytest.mark.parametrize("path", ["/metrics", "/v1/models", "/turns/x", "/passages?source=a&start=0&end=1", "/nowhere"])
@pytest.mark.parametrize("key", ["", "Bearer", "Bearer wrong", "Basic d2Vic2l0ZQ==", "Bearer " + KEYS["desk"] + "x"])
def test_everything_else_needs_a_key(locked: House, path: str, key: str) -> None:
    answer = locked.get(path, {"Authorization": key} if key else {})
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_key_names_its_caller(locked: House) -> None:
    assert locked.post("/chat", CHAT, bearer("desk")).status == 200
    assert locked.assistant.asks[-1].caller == "desk"


def test_conversations_belong_to_their_key(locked: House) -> None:
    conversation_id = locked.post("/chat", CHAT, bearer("desk")).json["conversation_id"]
    again = CHAT | {"conversation_id": conversation_id}
    assert locked.post("/chat", again, bearer("website")).status == 404
    assert locked.post("/chat", again, bearer("desk")).status == 200


def test_a_refused_key_says_which_variable_holds_the_keys(locked: House) -> None:
    answer = locked.post("/chat", CHAT)
    assert answer.status == 401
    assert "SHIPMATE_API_KEYS" in answer.json["detail"]
    assert not any(key in answer.body.decode() for key in KEYS.values())


def test_a_stream_needs_a_key_too(locked: House) -> None:
    stream = {"Accept": "text/event-stream"}
    assert locked.post("/chat", CHAT, stream).status == 401
    assert events(locked.post("/chat", CHAT, stream | bearer("desk")))[-1][0] == "finished"
