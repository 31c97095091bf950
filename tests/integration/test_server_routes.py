"""The quiet doors: health, metrics, traces, passages, pages and the description of them all."""

import re
from collections.abc import Iterator

import pytest

from shipmate.server.metrics import METRICS
from tests.integration.fake_assistant import CITATION, PASSAGE
from tests.integration.house import House, open_house


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with open_house() as opened:
        yield opened


def sample(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_a_ready_server_says_so(house: House) -> None:
    assert house.get("/healthz").body == b"ok\n"
    assert house.get("/readyz").body == b"ready\n"
    assert house.ask("HEAD", "/healthz").status == 200


def test_an_unready_assistant_says_why() -> None:
    with open_house() as house:
        house.assistant.unready = "The index holds no passages."
        answer = house.get("/readyz")
        assert answer.status == 503
        assert "The index holds no passages." in answer.json["detail"]
        assert house.get("/healthz").status == 200


def test_a_turn_is_explained(house: House) -> None:
    reply = house.chat("What does a berth cost?").json
    trace = house.get(f"/turns/{reply['turn_id']}").json
    assert trace["reply"]["text"] == reply["text"]
    assert trace["route"]["intent"] == "berths"


def test_an_unknown_turn_is_missing(house: House) -> None:
    answer = house.get("/turns/none")
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_citation_leads_to_its_passage(house: House) -> None:
    path = f"/passages?source={CITATION.source}&start={CITATION.start}&end={CITATION.end}"
    [passage] = house.get(path).json
    assert passage["headings"] == list(PASSAGE.headings)
    assert CITATION.quote in passage["text"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("source=nowhere.md&start=0&end=1", 404),
        ("source=harbour/mooring.md&start=9999&end=99999", 404),
        ("source=harbour/mooring.md", 422),
        ("source=harbour/mooring.md&start=-1&end=1", 422),
        ("source=harbour/mooring.md&start=a&end=1", 422),
        ("source=&start=0&end=1", 422),
        ("source=harbour/mooring.md&start=0&end=99999999999999999999", 422),
    ],
)
def test_a_passage_that_is_not_there_or_not_well_asked_for_is_a_problem(house: House, query: str, status: int) -> None:
    answer = house.get(f"/passages?{query}")
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["detail"]


@pytest.mark.parametrize(
    "path", ["/nowhere", "/chat/", "/static/none.js", "/static/../app.py", "/static/%2e%2e/app.py"]
)
def test_an_unknown_path_is_a_problem(house: House, path: str) -> None:
    answer = house.get(path)
    assert answer.status == 404
    assert answer.json["type"] == "urn:shipmate:problem:missing"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/chat", "POST"), ("DELETE", "/chat", "POST"), ("POST", "/healthz", "GET"), ("PUT", "/ws", "GET")],
)
def test_a_wrong_method_says_which_is_right(house: House, method: str, path: str, allowed: str) -> None:
    answer = house.ask(method, path)
    assert answer.status == 405
    assert answer.headers["allow"] == allowed
    assert allowed in answer.json["detail"]


def test_a_plain_request_to_the_socket_is_told_to_upgrade(house: House) -> None:
    answer = house.get("/ws")
    assert answer.status == 426
    assert answer.headers["upgrade"] == "websocket"


def test_metrics_count_what_happened() -> None:
    with open_house() as house:
        house.chat("hi")
        house.chat("a question for the model")
        house.chat("wait")
        house.chat("busy")
        text = house.get("/metrics").body.decode()
    assert sample(text, 'shipmate_turns_total{door="chat",kind="answer"}') == 2
    assert sample(text, 'shipmate_turns_total{door="chat",kind="wait"}') == 1
    assert sample(text, "shipmate_turn_seconds_count") == 2
    assert sample(text, 'shipmate_turn_seconds_bucket{le="0.001"}') == 0
    assert sample(text, 'shipmate_turn_seconds_bucket{le="0.0025"}') == 2
    assert sample(text, 'shipmate_tokens_total{direction="input"}') == 12
    assert sample(text, 'shipmate_errors_total{status="409"}') == 1
    assert sample(text, "shipmate_turns_active") == 0
    assert 'shipmate_info{name="harbour-help",release="dev-0123456789ab"} 1' in text


def test_every_metric_is_declared_with_its_type_and_help(house: House) -> None:
    text = house.get("/metrics").body.decode()
    assert house.get("/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")
    for metric in METRICS:
        assert f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.type}\n" in text
    names = {metric.name for metric in METRICS}
    for line in text.splitlines():
        if not line.startswith("#"):
            assert re.sub(r"(_bucket|_sum|_count)?(\{.*\})? \S+$", "", line) in names


def test_the_page_tells_people_that_they_talk_to_an_ai(house: House) -> None:
    page = house.get("/").body.decode()
    assert house.assistant.disclosure in page
    assert "AI assistant" in page
    assert house.assistant.name in page
    assert house.assistant.release in page
    assert all(question in page for question in house.assistant.suggestions)


def test_the_page_asks_for_consent_where_past_conversations_are_recalled(house: House) -> None:
    """Nobody's consent is taken for granted: the box is not ticked."""
    assert '<input type="checkbox" id="consent">' in house.get("/").body.decode()
    house.assistant.looks_back = False
    assert "consent" not in house.get("/").body.decode()


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_loads_nothing_foreign_and_runs_no_inline_code(house: House, path: str) -> None:
    answer = house.get(path)
    page = answer.body.decode()
    assert answer.headers["content-security-policy"].startswith("default-src 'self'; ")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"(?:src|href)=\"(?!/|#)", page)
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page)
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_what_a_page_loads_is_there_and_need_not_be_loaded_twice(house: House) -> None:
    paths = set(
        re.findall(r'(?:src|href)="(/static/[^"]+)"', house.get("/").body.decode() + house.get("/docs").body.decode())
    )
    assert {"/static/chat.js", "/static/page.css", "/static/icon.svg"} <= paths
    for path in paths:
        answer = house.get(path)
        assert answer.status == 200
        assert house.get(path, {"If-None-Match": answer.headers["etag"]}).status == 304


def test_names_from_the_folder_cannot_become_markup() -> None:
    from tests.integration.fake_assistant import FakeAssistant

    hostile = FakeAssistant(name='<script src="/x">"', suggestions=("</button><img src=x>",))
    with open_house(hostile) as house:
        for path in ("/", "/docs"):
            page = house.get(path).body.decode()
            assert '<script src="/x">' not in page
            assert "<img src=x>" not in page


def test_the_description_has_every_door_and_every_reference_resolves(house: House) -> None:
    document = house.get("/openapi.json").json
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        "/chat",
        "/ws",
        "/v1/chat/completions",
        "/v1/models",
        "/v1/models/{model}",
        "/turns/{turn_id}",
        "/neighbourhood",
        "/passages",
        "/search/hits",
        "/curation",
        "/curation/effect",
        "/canary/state",
        "/faq-only",
        "/feedback",
        "/outcomes",
        "/report/figures",
        "/metrics",
        "/healthz",
        "/probez",
        "/readyz",
    }
    references = set(re.findall(r'"#/components/schemas/(\w+)"', house.get("/openapi.json").body.decode()))
    assert references <= set(document["components"]["schemas"])
    assert {"ChatRequest", "Reply", "ProblemDetails", "SocketFrame", "Trace"} <= references | {"SocketFrame"}


def test_a_path_that_two_doors_share_names_the_methods_of_both(house: House) -> None:
    refused = house.ask("OPTIONS", "/curation")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, POST")


def test_the_reference_page_has_every_door_and_record(house: House) -> None:
    page = house.get("/docs").body.decode()
    document = house.get("/openapi.json").json
    assert all(f"<code>{path}</code>" in page for path in document["paths"])
    assert all(f'id="record-{name}"' in page for name in document["components"]["schemas"])


def test_every_operation_says_how_it_refuses(house: House) -> None:
    paths = house.get("/openapi.json").json["paths"]
    assert {"400", "401", "403", "404", "405", "409", "413", "415", "422", "503"} <= set(
        paths["/chat"]["post"]["responses"]
    )
    assert "429" in paths["/v1/chat/completions"]["post"]["responses"]
    assert "security" not in paths["/chat"]["post"]


def test_with_keys_the_description_says_where_they_are_needed() -> None:
    with open_house(api_keys={"desk": "desk-key-0123456789abc"}) as house:
        document = house.get("/openapi.json").json
    assert document["paths"]["/chat"]["post"]["security"] == [{"key": []}]
    assert document["paths"]["/healthz"]["get"]["security"] == []
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
