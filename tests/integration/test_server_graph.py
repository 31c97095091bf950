"""The graph's page and its twin for programs: what they show, what they refuse, and to whom."""

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.integration.fake_assistant import CITATION, NAMES, PASSAGE, QUOTE
from tests.integration.house import House, open_house

KEYS = {"desk": "desk-key-0123456789abc", "shop": "shop-key-0123456789abc"}
DESK, SHOP = ({"Authorization": f"Bearer {key}"} for key in KEYS.values())
SPAN = urlencode({"source": CITATION.source, "start": CITATION.start, "end": CITATION.end})


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with open_house() as opened:
        yield opened


@pytest.fixture(scope="module")
def locked() -> Iterator[House]:
    with open_house(api_keys=KEYS) as opened:
        yield opened


def page(house: House, query: str, **headers: str) -> str:
    answer = house.get(f"/graph?{query}", headers)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"].startswith("text/html")
    return answer.body.decode()


def test_an_answer_is_shown_with_its_passages_names_and_relations(house: House) -> None:
    reply = house.chat("What does a berth cost?").json
    shown = page(house, urlencode({"turn": reply["turn_id"]}))
    assert '<h1 dir="auto">What does a berth cost?</h1>' in shown
    assert "Harbour Office" in shown
    assert "relations.yml, line 3" in shown
    assert "1 passage was found for the question; 1 is quoted. 2 names stand in it." in " ".join(shown.split())


def test_names_and_passages_link_to_their_own_pages(house: House) -> None:
    shown = page(house, urlencode({"name": NAMES[0]}))
    links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/graph\?[^"]+)"', shown)}
    assert f"/graph?{urlencode({'name': NAMES[1]})}" in links
    passages = [link for link in links if "source=" in link]
    assert passages
    for link in links:
        assert house.get(link).status == 200


def test_a_passage_is_shown_whole_with_the_quote_marked(house: House) -> None:
    shown = page(house, SPAN)
    assert f"<mark>{QUOTE}</mark>" in shown
    assert PASSAGE.text.splitlines()[1] in shown


def test_what_documents_write_stays_text(house: House) -> None:
    shown = page(house, urlencode({"name": NAMES[1]}))
    assert "<b>24</b>" not in shown
    assert "&lt;b&gt;24" in shown


def test_nothing_asked_for_is_an_empty_page_with_a_form(house: House) -> None:
    shown = page(house, "")
    assert '<form class="look" action="/graph"' in shown
    assert '<svg class="picture' not in shown


def test_an_unknown_name_is_answered_with_those_that_come_near(house: House) -> None:
    answer = house.get("/graph?name=Harbor")
    assert answer.status == 404
    shown = answer.body.decode()
    assert "No document knows this name" in shown
    assert f"/graph?{urlencode({'name': NAMES[0]})}" in shown


@pytest.mark.parametrize("query", ["turn=none", "source=nowhere.md&start=0&end=9"])
def test_what_is_not_there_is_a_page_that_says_so(house: House, query: str) -> None:
    answer = house.get(f"/graph?{query}")
    assert answer.status == 404
    assert "There is no such thing" in answer.body.decode()


def test_without_a_graph_the_page_says_what_makes_one() -> None:
    with open_house() as house:
        house.assistant.unready = "There is no graph of the documents yet."
        answer = house.get(f"/graph?{SPAN}")
        assert answer.status == 503
        assert "shipmate ingest" in answer.body.decode()
        assert house.get(f"/neighbourhood?{SPAN}").status == 503


def test_with_keys_a_link_alone_shows_nothing_and_the_key_shows_all(locked: House) -> None:
    answer = locked.get(f"/graph?{SPAN}")
    assert answer.status == 401
    shown = answer.body.decode()
    assert 'data-locked="yes"' in shown
    assert PASSAGE.title not in shown
    assert "Harbour Office" not in shown
    assert PASSAGE.title in page(locked, SPAN, **DESK)
    assert locked.get(f"/neighbourhood?{SPAN}").status == 401


def test_a_turn_is_shown_to_nobody_but_who_asked(locked: House) -> None:
    turn = locked.chat("What does a berth cost?", DESK).json["turn_id"]
    assert locked.get(f"/neighbourhood?turn={turn}", DESK).json["about"] == "What does a berth cost?"
    for path in (f"/neighbourhood?turn={turn}", f"/graph?turn={turn}"):
        refused = locked.get(path, SHOP)
        assert refused.status == 404
        assert b"berth cost" not in refused.body


def test_the_page_may_run_and_send_nothing_that_is_not_its_own(house: House) -> None:
    headers = house.get("/graph").headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "form-action 'self'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    shown = page(house, SPAN)
    assert not re.search(r"\sstyle=|\son\w+=|<script(?! type=\"module\" src=)", shown)


def test_the_twin_tells_the_same_as_a_record(house: House) -> None:
    found = house.get(f"/neighbourhood?{SPAN}").json
    assert found["centre"]["source"] == CITATION.source
    assert [entity["name"] for entity in found["entities"]] == list(NAMES)
    assert found["relations"][0]["where"]["line"] == 3
    described = house.get("/openapi.json").json
    assert described["paths"]["/neighbourhood"]["get"]["operationId"] == "neighbourhood"
    assert set(found) == set(described["components"]["schemas"]["Neighbourhood"]["properties"])


@pytest.mark.parametrize("query", ["", "name=", "name=%20"])
def test_the_twin_finds_nothing_where_nothing_is_asked_for(house: House, query: str) -> None:
    assert house.get(f"/neighbourhood?{query}").status == 404


@pytest.mark.parametrize("query", [f"name={'x' * 1025}", "source=a.md&start=-1&end=2"])
def test_the_twin_refuses_what_asks_for_too_much(house: House, query: str) -> None:
    assert house.get(f"/neighbourhood?{query}").status == 422
