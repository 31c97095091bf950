"""A canary through an open house: begun, watched, taken back for harm within half a minute, promoted when it is better."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest

from shipmate import bootstrap
from shipmate.adapters import webhook
from shipmate.adapters.system_clock import SystemClock
from shipmate.bootstrap import House
from shipmate.config import Project
from shipmate.errors import Busy, Damaged, Missing, ProjectError, UsageError
from shipmate.insight.uptime import MINUTE
from shipmate.live import read_live, write_live
from shipmate.messages import Ask, Event, Finished, Reply
from shipmate.release.canary import keeper
from shipmate.release.canary.run import STARTED, VERDICT, Run
from shipmate.release.canary.shadow import SHADOWED
from shipmate.release.canary.verdict import signature_in
from shipmate.shipping.build import build
from shipmate.trials.canary import (
    budget_spent,
    faq_only,
    measured,
    opened_journal,
    passed_gate,
    read_logbook,
    start,
    stop,
    trusted_by,
    verdict_file,
    wanted,
)
from tests.integration.releases import made
from tests.unit.canary_journal import Writing

DAY_S = 86_400.0
QUESTION = "When are roses pruned?"
CANARY = """\
variants:
- name: control
- name: v2
  curation: trials/repairs.yml
traffic_split: 50/50
canary:
  steps: [{share: 50%, until: decided}]
  primary: {min_issues: 20}
  hallucination: {rule: not_worse, min_judged: 20, min_human_labels: 20}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "helper"
    made(folder)
    (folder / "trials").mkdir()
    (folder / "trials" / "repairs.yml").write_text("version: 1\nsynonyms:\n- [pruned, trimmed]\n")
    (folder / "canary.yml").write_text(CANARY)
    return bootstrap.load(folder)


class MovedClock(SystemClock):
    """This machine's clock, so many seconds later."""

    def __init__(self) -> None:
        super().__init__()
        self.later_s = 0.0

    def now(self) -> float:
        return super().now() + self.later_s

    def elapsed(self) -> float:
        return super().elapsed() + self.later_s


async def begun(project: Project, gate: str = "report") -> Run:
    tried = wanted(project)
    release = (await asyncio.to_thread(build, project, replaced=tried.files)).release
    async with opened_journal(project) as journal:
        return await start(project, tried, release, journal, gate=gate)


async def ended(project: Project) -> None:
    async with opened_journal(project) as journal:
        run = await stop(project, journal)
        entries = await journal.events(0, 10_000)
    verdicts = [event for _, event in entries if event.name == VERDICT and event.flag_key == run]
    path, _ = verdict_file(project, run)
    assert verdicts[-1].data["signature"] == signature_in(path.read_bytes())


@asynccontextmanager
async def served(project: Project, clock: MovedClock | None = None) -> AsyncIterator[House]:
    async with bootstrap.open_house(project, clock=clock) as house:
        yield house


async def said(house: House, caller: str, question: str = QUESTION) -> Reply:
    *_, finished = [event async for event in house.assistant.turn(Ask(text=question, caller=caller))]
    assert isinstance(finished, Finished)
    return finished.reply


async def until(holds: Callable[[], bool], within_s: float) -> float:
    """Return after how many seconds it held."""
    clock = SystemClock()
    started_s = clock.elapsed()
    while not holds():
        assert clock.elapsed() - started_s < within_s
        await asyncio.sleep(0.05)
    return clock.elapsed() - started_s


async def turns(house: House) -> list[Event]:
    entries = await house.store.events(0, 10_000)
    return [event for _, event in entries if event.name == "assistant.turn.completed"]


async def test_users_are_split_and_a_harmful_candidate_is_taken_back_within_half_a_minute(project: Project) -> None:
    run = await begun(project)
    async with served(project) as house:
        for number in range(60):
            await said(house, f"user-{number}")
        asked = await turns(house)
        ours = [event for event in asked if event.variant == "v2"]
        assert {event.flag_key for event in asked} == {run.run}
        assert {event.release for event in ours} == {run.release}
        assert 15 < len(ours) < 45
        assert read_live(project.state).trial
        await house.store.record(
            [
                Event(
                    name="assistant.feedback",
                    ts=event.ts + 1,
                    event_id=f"down-{event.turn_id}",
                    turn_id=event.turn_id,
                    user_hash=event.user_hash,
                    data={"value": -1},
                )
                for event in ours
            ]
        )
        assert await until(lambda: read_live(project.state).trial is None, 30) < 30
        assert house.trials
        await until(lambda: bool(house.trials and house.trials.state and house.trials.state.verdicts), 5)
        await asyncio.sleep(1)
        later = [await said(house, f"user-{number}") for number in range(20)]
        assert all(reply.release.startswith("dev-") for reply in later)
    path, ruling = verdict_file(project)
    assert (path.stem, ruling.verdict, ruling.release) == (run.run, "ROLLBACK", run.release)
    assert f"thumbs_down: {len(ours)} of {len(ours)} fell on the candidate" in ruling.reasons[0].text
    with pytest.raises(UsageError, match=r"taken back for harm, and is frozen for another 2[34]\.\d hours"):
        await begun(project)


async def test_a_better_candidate_comes_to_answer_everybody(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "TICK_S", 0.2)
    run = await begun(project)
    writing = Writing(run=run, share=0.5)
    for number in range(3000):
        at, user, turn = run.started_at + number * 25, f"user-{number}", f"turn-{number}"
        writing.turn(at, user, turn)
        writing.judge(at, user, turn, is_bad=False)
        if number % 3 == 0:
            writing.person(at, user, turn, is_bad=False)
        writing.label(at, user, turn, number % 100 < (90 if writing.is_candidate(user) else 60))
    clock = MovedClock()
    async with served(project, clock) as house:
        await house.store.record(writing.events)
        clock.later_s = DAY_S + 60
        # The house would take that for a jump of the clock, if it had looked before.
        await until(lambda: read_live(project.state).release == run.release, 20)
        assert read_live(project.state).trial is None
        await until(lambda: house.assistant.release == run.release, 5)
        assert (await said(house, "anybody", "When are roses trimmed?")).kind == "answer"
    _, ruling = verdict_file(project)
    assert (ruling.verdict, ruling.gate) == ("PROMOTE", "report")


async def test_a_shadow_answers_the_same_questions_and_nobody_sees_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "TICK_S", 0.2)
    tried = wanted(project)
    release = (await asyncio.to_thread(build, project, replaced=tried.files)).release
    async with opened_journal(project) as journal:
        run = await start(project, tried, release, journal, shadow_turns=10)
    async with served(project) as house:
        for number in range(12):
            assert (await said(house, f"user-{number}")).release.startswith("dev-")
        await until(lambda: read_live(project.state).trial is None, 20)
        entries = await house.store.events(0, 10_000)
        conversations = {event.conversation_id for _, event in entries if event.name == "assistant.turn.completed"}
    shadowed = [event for _, event in entries if event.name == SHADOWED]
    assert len(shadowed) == 10
    assert {event.data["kind"] for event in shadowed} == {"answer"}
    assert {event.release for event in shadowed} == {release}
    assert len(conversations) == 12
    _, ruling = verdict_file(project)
    assert (ruling.run, ruling.verdict, ruling.evidence) == (run.run, "HOLD", "shadow")


async def test_two_canaries_at_once_are_refused(project: Project) -> None:
    run = await begun(project)
    with pytest.raises(Busy, match=f"{run.run} is under way"):
        await begun(project)
    write_live(project.state, msgspec.structs.replace(read_live(project.state), trial=None))
    with pytest.raises(Busy, match=f"{run.run} is under way"):
        await begun(project)


async def test_each_run_has_a_salt_of_its_own(project: Project) -> None:
    salts = set()
    for _ in range(3):
        run = await begun(project)
        salts.add(run.salt)
        await ended(project)
    assert len(salts) == 3
    async with opened_journal(project) as journal:
        assert (await read_logbook(journal)).salts() == salts


async def test_a_candidate_that_is_live_already_is_refused(project: Project) -> None:
    tried = wanted(project)
    release = (await asyncio.to_thread(build, project, replaced=tried.files)).release
    write_live(project.state, msgspec.structs.replace(read_live(project.state), release=release))
    with pytest.raises(UsageError, match="is what answers already"):
        await begun(project)


async def test_a_spent_error_budget_lets_no_trial_begin(project: Project) -> None:
    tried = wanted(project)
    release = (await asyncio.to_thread(build, project, replaced=tried.files)).release
    async with opened_journal(project) as journal:
        with pytest.raises(UsageError, match="76 % of the error budget is spent"):
            await start(project, tried, release, journal, gate="report", spent=0.76)
        await start(project, tried, release, journal, gate="report", spent=0.74)


async def test_a_bad_minute_in_the_first_hour_is_a_small_part_of_a_months_error_budget(project: Project) -> None:
    now = SystemClock().now()
    minutes = [
        Event(
            name=MINUTE,
            ts=now - 3600 + 60 * (n + 1),
            event_id=f"m{n}",
            data={"due": 4, "good": 0 if n == 7 else 4, "span_s": 60, "up_s": 60 * (n + 1)},
        )
        for n in range(59)
    ]
    async with opened_journal(project) as journal:
        assert await budget_spent(project, journal) is None
        await journal.record(minutes)
        assert await budget_spent(project, journal) == pytest.approx(4 / (30 * 24 * 240 * 0.0005), rel=0.01)


def test_without_a_file_or_with_one_that_tries_nothing_no_trial_begins(project: Project) -> None:
    (project.folder / "canary.yml").write_text("variants:\n- name: control\n- {name: v2, prompt: Be exact.}\n")
    with pytest.raises(ProjectError, match="no model reads it"):
        wanted(bootstrap.load(project.folder))
    (project.folder / "canary.yml").write_text("variants:\n- name: control\n- {name: v2, reranker: light}\n")
    with pytest.raises(ProjectError, match="is what is live already"):
        wanted(bootstrap.load(project.folder))
    (project.folder / "canary.yml").unlink()
    with pytest.raises(Missing, match=r"no canary\.yml"):
        wanted(bootstrap.load(project.folder))


@pytest.mark.parametrize(
    ("report", "error", "why"),
    [
        ({"run": {"release": "r2"}, "decision": {"verdict": "block"}}, UsageError, "says block"),
        ({"run": {"release": "r2"}, "decision": {"verdict": "hold"}}, UsageError, "says hold"),
        ({"run": {"release": "r2"}, "decision": None}, UsageError, "says no verdict"),
        ({"run": {"release": "r1"}, "decision": {"verdict": "pass"}}, UsageError, "is of the release r1"),
        ({"verdict": "pass"}, Damaged, "no report of a gate"),
    ],
)
def test_only_a_passing_gate_of_this_very_release_counts(
    tmp_path: Path, report: object, error: type[Exception], why: str
) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report))
    with pytest.raises(error, match=why):
        passed_gate(path, "r2")
    path.write_text(json.dumps({"run": {"release": "r2"}, "decision": {"verdict": "pass"}}))
    assert passed_gate(path, "r2")


async def test_the_switch_lets_only_the_faq_answer_at_once(project: Project) -> None:
    async with served(project) as house:
        assert (await said(house, "ann")).citations
        faq_only(project, on=True)
        await asyncio.sleep(0.3)
        assert not (await said(house, "ann")).citations
        assert (await said(house, "ann", "Which colour has the gate?")).text == "The gate is green."
        faq_only(project, on=False)
        await asyncio.sleep(0.3)
        assert (await said(house, "ann")).citations


async def test_a_verdict_that_was_changed_is_refused_by_name(project: Project) -> None:
    await begun(project)
    await ended(project)
    path, ruling = verdict_file(project)
    assert ruling.verdict == "HOLD"
    path.write_bytes(path.read_bytes().replace(b'"HOLD"', b'"PROMOTE"'))
    with pytest.raises(Damaged, match="is not what"):
        verdict_file(project)
    assert trusted_by(project)


async def test_a_journal_that_has_the_start_alone_lets_nobody_see_the_candidate(project: Project) -> None:
    """`start` was killed between its two writes: the run ends, and the next one may begin."""
    run = await begun(project)
    async with opened_journal(project) as journal:
        (begin,) = [event for _, event in await journal.events(0, 100) if event.name == STARTED]
    assert begin.data["run"] == run.run
    write_live(project.state, msgspec.structs.replace(read_live(project.state), trial=None))
    clock = MovedClock()
    clock.later_s = 61
    async with served(project, clock) as house:
        await until(lambda: bool(house.trials and house.trials.state and house.trials.state.verdicts), 10)
        assert all(event.variant == "" for event in await turns(house))
    await begun(project)


async def test_what_came_in_is_measured(project: Project) -> None:
    async with served(project) as house:
        for number in range(5):
            await said(house, f"user-{number % 2}")
        found = await measured(house.store, bootstrap.clock().now(), 0.1)
    assert (found.turns, found.users, found.traffic.turns_per_day) == (5, 2, 5)


# the alert


@dataclass
class Listener:
    """A server that takes what is posted, or refuses it so often."""

    answers: list[int]
    heard: list[bytes] = field(default_factory=list)
    url: str = ""


@contextmanager
def listening(*answers: int, to: str = "") -> Iterator[Listener]:
    listener = Listener(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            listener.heard.append(self.rfile.read(int(self.headers["content-length"])))
            status = listener.answers.pop(0) if listener.answers else 200
            self.send_response(status)
            if to:
                self.send_header("location", to)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    listener.url = f"http://127.0.0.1:{server.server_port}/alert"
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def test_a_verdict_is_posted_signed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "TICK_S", 0.2)
    with listening() as listener:
        monkeypatch.setenv("SHIPMATE_ALERT_URL", listener.url)
        await begun(project)
        async with served(project):
            await asyncio.sleep(0.5)
            write_live(project.state, msgspec.structs.replace(read_live(project.state), trial=None))
            await until(lambda: bool(listener.heard), 10)
    assert listener.heard == [verdict_file(project)[0].read_bytes()]


def test_an_alert_is_sent_again_while_the_other_side_is_not_well() -> None:
    with listening(503, 500) as listener:
        assert webhook.post(listener.url, b"{}", waits_s=(0.01, 0.01))
        assert len(listener.heard) == 3
    with listening(503, 503, 503) as listener:
        assert not webhook.post(listener.url, b"{}", waits_s=(0.01, 0.01))


def test_an_alert_that_is_refused_for_good_is_not_sent_again() -> None:
    with listening(404) as listener:
        assert not webhook.post(listener.url, b"{}", waits_s=(0.01,))
        assert len(listener.heard) == 1


def test_an_alert_goes_nowhere_else() -> None:
    """An answer that points elsewhere, such as to a service of the cloud's own, is not followed."""
    with listening() as elsewhere, listening(307, to=elsewhere.url) as listener:
        assert not webhook.post(listener.url, b"{}", waits_s=())
        assert elsewhere.heard == []


def test_nobody_who_listens_is_no_error() -> None:
    assert not webhook.post("http://127.0.0.1:1/alert", b"{}", waits_s=(), timeout_s=0.5)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://x/", "https://", "http://name:word@host/", "x"])
def test_an_address_that_is_none_is_said(address: str) -> None:
    with pytest.raises(UsageError, match="SHIPMATE_ALERT_URL holds no address"):
        webhook.check_address(address, "SHIPMATE_ALERT_URL")
