"""Thumbs, outcomes that a team brings along, the report for people and programs, and the server's own question."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shipmate.insight.uptime import MINUTE, PROBE_EVERY_S, STARTED, STOPPED
from shipmate.messages import Event
from shipmate.server.lobby import Lobby
from shipmate.server.probe import probing
from shipmate.testing.clock import TickingClock
from tests.integration.fake_assistant import FakeAssistant
from tests.integration.fake_insight import MemoryInsight
from tests.integration.house import House, open_house
from tests.integration.test_server_search import KEYS, SITE, FolderCurator

OUTCOME = {"name": "order_saved", "value": 1, "at": "2026-11-28T09:00:00Z", "id": "o1"}
NOW = 1_800_000_000.0
DAY_S = 86_400.0


def journal() -> list[Event]:
    """Return a fortnight: ten problems a day, of which eight are left in silence and two end with a person."""
    events = []
    for number in range(140):
        ids: dict[str, Any] = {
            "conversation_id": f"c{number}",
            "issue_id": f"i{number}",
            "turn_id": f"t{number}",
            "user_hash": f"u{number}",
            "release": "dev-1" if number < 70 else "dev-2",
        }
        at = NOW - 14 * DAY_S + number * DAY_S / 10
        data = {"intent": "berths", "kind": "answer", "latency_ms": 100.0 + number, "ttft_ms": 50.0, "cost_usd": 0.0001}
        events.append(Event(name="assistant.turn.completed", ts=at, event_id=f"e{number}", data=data, **ids))
        if number % 5 == 0:
            events.append(Event(name="assistant.handoff.requested", ts=at + 60, event_id=f"h{number}", **ids))
    return events


@contextmanager
def served(tmp_path: Path, **settings: Any) -> Iterator[tuple[House, MemoryInsight]]:
    assistant = FakeAssistant()
    insight = MemoryInsight(assistant, journal(), NOW)
    with open_house(assistant, curator=FolderCurator(tmp_path), insight=insight, **settings) as house:
        yield house, insight


@pytest.fixture
def at_home(tmp_path: Path) -> Iterator[tuple[House, MemoryInsight]]:
    with served(tmp_path) as opened:
        yield opened


def test_thumbs_are_taken_from_whom_the_answer_was_for(at_home: tuple[House, MemoryInsight]) -> None:
    house, insight = at_home
    turn_id = house.chat("What does a berth cost?").json["turn_id"]
    assert house.post("/feedback", {"turn_id": turn_id, "value": -1, "reason": "outdated"}).status == 200
    event = insight.events[-1]
    assert (event.name, event.turn_id, event.data) == (
        "assistant.feedback",
        turn_id,
        {"value": -1, "reason": "outdated"},
    )
    stranger = {"Cookie": f"shipmate_device={'s' * 32}"}
    assert house.post("/feedback", {"turn_id": turn_id, "value": 1}, stranger).status == 404
    assert house.post("/feedback", {"turn_id": "nobody's", "value": 1}).status == 404


@pytest.mark.parametrize(
    "said", [{"value": 1}, {"turn_id": "t", "value": 2}, {"turn_id": "t", "value": 1, "reason": "In my own words"}]
)
def test_no_words_and_no_other_thumbs_are_taken(at_home: tuple[House, MemoryInsight], said: dict[str, Any]) -> None:
    house, insight = at_home
    before = len(insight.events)
    assert house.post("/feedback", said).status == 422
    assert len(insight.events) == before


def test_thumbs_from_another_site_or_without_end_are_refused(at_home: tuple[House, MemoryInsight]) -> None:
    house, insight = at_home
    turn_id = house.chat("What does a berth cost?").json["turn_id"]
    before = len(insight.events)
    said = {"turn_id": turn_id, "value": 1}
    assert house.post("/feedback", said, {"Origin": "https://elsewhere.example"}).status == 403
    assert house.ask("POST", "/feedback", json.dumps(said).encode(), {"Content-Type": "text/plain"}).status == 415
    assert house.post("/feedback", said | {"reason": "x" * 10_000}).status == 422
    assert house.post("/feedback", said | {"turn_id": "t" * 129}).status == 422
    assert len(insight.events) == before


def test_outcomes_come_in_all_together_and_count_once(at_home: tuple[House, MemoryInsight]) -> None:
    house, insight = at_home
    before = len(insight.events)
    bad = house.post("/outcomes", [OUTCOME, OUTCOME | {"id": "o2", "at": "yesterday"}])
    assert bad.status == 422
    assert "outcome 2" in bad.json["detail"]
    assert len(insight.events) == before
    assert house.post("/outcomes", [OUTCOME]).json == {"new": 1, "known": 0}
    assert house.post("/outcomes", [OUTCOME, OUTCOME | {"id": "o2"}]).json == {"new": 1, "known": 1}


def test_the_report_is_for_admins(tmp_path: Path) -> None:
    with served(tmp_path, api_keys=KEYS, allowed_origins=(SITE,), admins=("desk",)) as (house, _):
        for path in ("/report/figures", "/report"):
            assert house.get(path, {"Accept": "application/json"}).status == 401
            as_guest = {"Authorization": f"Bearer {KEYS['website']}", "Accept": "application/json"}
            assert house.get(path, as_guest).status == 403
            as_admin = {"Authorization": f"Bearer {KEYS['desk']}", "Accept": "application/json"}
            assert house.get(path, as_admin).json["overall"]["turns"] == 140
        assert house.post("/outcomes", [OUTCOME], {"Authorization": f"Bearer {KEYS['website']}"}).status == 403
        page = house.get("/report")
        assert page.status == 401
        assert b"140" not in page.body


def test_the_page_shows_each_figure_with_its_interval_and_its_number(at_home: tuple[House, MemoryInsight]) -> None:
    house, _ = at_home
    page = house.get("/report").body.decode()
    for shown in ("79.28\N{NO-BREAK SPACE}%", "111 problems", "dev-1", "dev-2", "unknown", "no judge has looked"):
        assert shown in page
    assert "Nothing was asked in this time" in house.get("/report?days=0.01").body.decode()
    assert house.get("/report?days=-1").status == 422


def test_the_server_asks_itself_and_writes_its_minutes_down(at_home: tuple[House, MemoryInsight]) -> None:
    house, insight = at_home
    before = len(insight.events)
    assert house.get("/probez").body == b"answers\n"
    assert len(insight.events) == before

    async def live() -> None:
        async with probing(house.lobby) as begin:
            begin(f"http://127.0.0.1:{house.port}")
            await asyncio.sleep(0.5)

    asyncio.run(live())
    started, stopped = insight.events[before:]
    assert (started.name, stopped.name) == (STARTED, STOPPED)
    assert (stopped.data["due"], stopped.data["good"]) == (1, 1)
    assert MINUTE not in {event.name for event in insight.events}


class Hurried(TickingClock):
    """A quarter of a minute passes whenever somebody looks at it."""

    def elapsed(self) -> float:
        self.at += PROBE_EVERY_S
        return self.at


def test_a_served_house_writes_minutes_that_the_report_reads_as_uptime(at_home: tuple[House, MemoryInsight]) -> None:
    house, insight = at_home
    before = len(insight.events)

    async def live() -> None:
        lobby = Lobby(house.assistant, house.lobby.settings, clock=Hurried(), insight=insight)
        async with probing(lobby) as begin:
            begin(f"http://127.0.0.1:{house.port}")
            async with asyncio.timeout(10):
                await insight.told(MINUTE, 3)

    asyncio.run(live())
    told = insight.events[before:]
    minutes = [event for event in told if event.name == MINUTE]
    assert [(event.data["due"], event.data["good"]) for event in minutes[:3]] == [(4, 4)] * 3
    assert (told[0].name, told[-1].name) == (STARTED, STOPPED)
    good = sum(int(str(event.data["good"])) for event in told if event.name != STARTED)
    uptime = next(row for row in house.get("/report/figures").json["overall"]["rows"] if row["name"] == "uptime")
    assert uptime["value"] == 1.0
    assert uptime["n"] >= good >= 12


def test_a_server_that_is_not_ready_does_not_answer_itself(tmp_path: Path) -> None:
    assistant = FakeAssistant(unready="The index holds no passages.")
    with open_house(assistant, curator=FolderCurator(tmp_path), insight=MemoryInsight(assistant)) as house:
        assert house.get("/probez").status == 503
