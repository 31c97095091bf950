"""The page and the doors of a trial: admins see both arms and the reasons, and end it; others see nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

import msgspec
import pytest

from shipmate.live import Live, Trial
from shipmate.messages import Entry
from shipmate.release.canary.decision import Verdict
from shipmate.release.canary.quarter import Quarter
from shipmate.release.canary.reader import Reader, State
from shipmate.release.canary.run import started_event, verdict_event
from shipmate.testing.clock import TickingClock
from tests.integration.house import Answer, House, open_house
from tests.unit.canary_journal import RUN, START, Writing
from tests.unit.test_canary_keeper import Log

KEYS = {"desk": "key-of-the-desk-0123456789", "guest": "key-of-a-guest-0123456789"}
SITE = "https://example.org"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
RUNNING = Live(trial=Trial(run=RUN.run, mode="canary", candidate="v2", release="r2", share=0.05, salt=RUN.salt))


@dataclass
class Trials:
    """A trial that was read once, and what admins did about it."""

    state: State | None
    now: Live = RUNNING
    stopped: list[str] = field(default_factory=list)

    def live(self) -> Live:
        return self.now

    def quarter(self) -> Quarter:
        return Quarter(ended=4, promoted=1, alpha=0.05, false_promotions=0.2)

    async def stop(self) -> str:
        self.stopped.append(RUN.run)
        self.now = Live()
        return RUN.run

    async def faq_only(self, *, on: bool) -> Live:
        self.now = msgspec.structs.replace(self.now, faq_only=on)
        return self.now


async def read(*, ended: bool = False) -> State:
    run = msgspec.structs.replace(RUN, gate="")
    clock, log, writing = TickingClock(START), Log(), Writing()
    log.write(started_event(run, "begun"))
    for number in range(400):
        writing.turn(START + number, f"user-{number}", f"turn-{number}")
        writing.label(START + number, f"user-{number}", f"turn-{number}", number % 10 < 7)
    for number, user in zip(range(3), writing.users(is_candidate=True), strict=False):
        writing.put("assistant.error", START + number, user, f"bad-{number}")
    log.write(*writing.events)
    reader = Reader(log, clock)
    clock.at = START + 3600
    await reader.read()
    reader.count()
    if ended:
        assert reader.decision
        over = msgspec.structs.replace(reader.decision, verdict=Verdict.ROLLBACK, ended=True)
        log.entries.append(Entry(len(log.entries) + 1, verdict_event(RUN, over, "over")))
        await reader.read()
    state = reader.state
    assert state
    return state


@pytest.fixture
async def trials() -> Trials:
    return Trials(await read())


@pytest.fixture
def house(trials: Trials) -> Iterator[House]:
    with open_house(trials=trials) as opened:
        yield opened


@pytest.fixture
def locked(trials: Trials) -> Iterator[House]:
    with open_house(trials=trials, api_keys=KEYS, allowed_origins=(SITE,), admins=("desk",)) as opened:
        yield opened


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[name]}"}


def sent(house: House, action: str, headers: dict[str, str] | None = None) -> Answer:
    return house.ask("POST", "/canary", urlencode({"action": action}).encode(), FORM | (headers or {}))


def test_the_page_shows_both_arms_with_their_numbers_and_intervals(house: House) -> None:
    page = house.get("/canary").body.decode()
    for text in (
        "Under way: nothing is decided yet",
        "It is watched for harm; what promotes is looked at once a day.",
        ">control<",
        ">v2<",
        "First-turn resolution",
        "issues resolved at the first turn, as it shows within 30 minutes",
        "not known yet",
        " take it back",
        "Take the candidate back",
        "The next look that may promote is at 2026-11-24 08:00 UTC",
        "It was begun without a passing gate.",
        "4 canaries have ended in the last 90 days, and 1 was promoted.",
        "chance would promote 0.2 of 4 (alpha 0.05); with `primary: {alpha: 0.025}` in canary.yml 0.1.",
    ):
        assert text in page, text
    assert re.search(r"[67]\d\.\d %</td>\s*<td data-of=\"Candidate\">\d\d\.\d %</td>\s*<td[^>]*>[+-]\d", page)
    assert re.search(r"Errors</th><td data-of=\"Candidate\">3</td>", page)


def test_what_is_not_known_is_said_and_is_no_zero(house: House) -> None:
    page = house.get("/canary").body.decode()
    hallucinated, _, _ = page[page.index("Hallucinated") :].partition("</tr>")
    assert hallucinated.count("not known yet") == 3
    assert " 0.0 %" not in hallucinated


def test_a_program_sees_the_same(house: House) -> None:
    trial = house.get("/canary/state").json
    assert [arm["name"] for arm in trial["arms"]] == ["control", "v2"]
    assert trial["arms"][0]["turns"] + trial["arms"][1]["turns"] == 400
    assert trial["verdict"] == "HOLD"
    assert {figure["name"]: figure["candidate"] for figure in trial["figures"]}["hallucination_rate"] is None
    assert "latencies_s" not in str(trial)


def test_an_admin_takes_the_candidate_back(house: House, trials: Trials) -> None:
    answer = sent(house, "stop")
    assert (answer.status, answer.headers["location"]) == (303, "/canary")
    assert trials.stopped == [RUN.run]


def test_the_switch_is_thrown_on_the_page_and_by_programs(house: House, trials: Trials) -> None:
    assert sent(house, "faq-only").status == 303
    assert trials.live().faq_only
    assert "Only the FAQ answers" in house.get("/canary").body.decode()
    assert sent(house, "answer").status == 303
    assert not trials.live().faq_only
    assert house.post("/faq-only", {"on": True}).json["faq_only"]
    assert trials.live().faq_only
    assert house.post("/faq-only", {"off": True}).status == 422


def test_a_form_that_asks_for_something_else_does_nothing(house: House, trials: Trials) -> None:
    assert sent(house, "promote").status == 422
    assert trials.stopped == []


def test_a_foreign_page_ends_no_trial(house: House, trials: Trials) -> None:
    assert sent(house, "stop", {"Origin": "https://evil.example"}).status == 403
    assert trials.stopped == []


def test_with_keys_only_admins_see_a_trial(locked: House, trials: Trials) -> None:
    page = locked.get("/canary")
    assert (page.status, "An access key is needed" in page.body.decode()) == (401, True)
    assert "v2" not in page.body.decode()
    guest = locked.get("/canary", bearer("guest"))
    assert (guest.status, "v2" in guest.body.decode()) == (403, False)
    assert locked.get("/canary/state").status == 401
    assert locked.get("/canary/state", bearer("guest")).status == 403
    assert locked.post("/faq-only", {"on": True}, bearer("guest")).status == 403
    assert sent(locked, "stop", bearer("guest")).status == 403
    assert trials.stopped == []
    assert locked.get("/canary", bearer("desk")).status == 200
    assert sent(locked, "stop", bearer("desk")).status == 303


def test_a_house_in_which_nothing_was_tried_says_how_to_begin() -> None:
    with open_house(trials=Trials(None, Live())) as house:
        page = house.get("/canary").body.decode()
        assert "Nothing is on trial" in page
        assert "shipmate canary start" in page
        assert house.get("/canary/state").status == 404


async def test_a_trial_that_has_ended_shows_its_verdict_and_no_button() -> None:
    with open_house(trials=Trials(await read(ended=True), Live())) as house:
        page = house.get("/canary").body.decode()
    assert "Taken back" in page
    assert "Take the candidate back" not in page
    assert "ROLLBACK" in page


def test_names_in_a_trial_are_only_text() -> None:
    run = msgspec.structs.replace(RUN, candidate="<b>v2</b>")
    state = State(run=run, share=0.05, decision=None, counts=None, steps=(), verdicts=())
    with open_house(trials=Trials(state)) as house:
        page = house.get("/canary").body.decode()
    assert "<b>v2</b>" not in page
    assert "&lt;b&gt;v2&lt;/b&gt;" in page
    assert page.count("not counted") == 2 * 5
    assert "Nothing bad has happened" not in page


def test_a_shadow_is_said_to_be_one() -> None:
    run = msgspec.structs.replace(RUN, evidence="shadow", shadow_turns=600)
    state = State(run=run, share=0.0, decision=None, counts=None, steps=(), verdicts=())
    with open_house(trials=Trials(state)) as house:
        page = house.get("/canary").body.decode()
    assert "in the shadow: nobody sees the candidate" in page
    assert "that may promote" not in page
