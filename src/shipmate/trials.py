"""Composition of what tries a variant on live traffic: pilot and canary."""

import asyncio
import hashlib
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from shipmate import config, layers
from shipmate.adapters import webhook
from shipmate.adapters.folder import FolderLock, make_state
from shipmate.adapters.system_clock import SystemClock
from shipmate.charter import Slo
from shipmate.config import Project
from shipmate.disk import disk_faults, write_whole
from shipmate.errors import Busy, FolderInUse, Missing, ProjectError, ShipmateError, UsageError
from shipmate.evals.judge import GroundingJudge, Judge, sentences_of
from shipmate.live import Live, Trial, read_live, write_live
from shipmate.messages import Entry, Event, Record, Trace
from shipmate.ports import Clock, EventLog, PastQuestions
from shipmate.release.canary.fold import Fold
from shipmate.release.canary.keeper import Keeper, Opined, State
from shipmate.release.canary.rules import Rules
from shipmate.release.canary.run import Logbook, Run, rules_of, started_event
from shipmate.release.canary.verdict import Ruling, read_ruling, sealed
from shipmate.release.pilot import STARTED, STOPPED, ExitReport, Measured, exit_report, measured_in
from shipmate.signing import open_signer, trusted_keys
from shipmate.trial import CANARY, PILOT, PilotFile, Variant, fraction

__all__ = [
    "HouseActs",
    "PilotStatus",
    "TrialDesk",
    "Wanted",
    "begun_pilot",
    "ended_pilot",
    "faq_only",
    "folded",
    "hallucinates",
    "pilot_report",
    "pilot_status",
    "read_logbook",
    "start",
    "stop",
    "verdict_file",
    "wanted",
]

log = logging.getLogger(__name__)

TRIALS = "trials"
LOCK = "release.lock"
BATCH = 1000
# For so long a rollback waits for whoever builds; then it goes ahead: nobody who builds changes what is live.
PATIENCE_S = 10.0
BETWEEN_S = 0.2
SALT_BYTES = 16
# Of the error budget, what may be spent before no new trial begins.
MOST_SPENT = 0.75


class Wanted(Record, frozen=True, kw_only=True):
    """What `canary.yml` wants to try."""

    variant: Variant
    # What it has otherwise than the folder; nothing for a release that was built before.
    files: dict[str, bytes]
    # Hashes of all that is different, and of the prompt alone.
    change: str
    prompt: str
    # By which rules, and how many of the control's turns the judge sees.
    rules: Rules
    judged_control: float


class HouseActs:
    """What verdicts do in a house that serves."""

    def __init__(
        self,
        project: Project,
        past: PastQuestions,
        promote: Callable[[str, str], object],
        judge: Judge | None = None,
    ) -> None:
        """Begin for a folder; `promote` takes a release and the reason, and lets it answer."""
        self._project = project
        self._past = past
        self._promote = promote
        self._judge = judge or GroundingJudge()
        self._telling: set[asyncio.Task[bool]] = set()

    def live(self) -> Live:
        """Return what is live."""
        return read_live(self._project.state)

    async def set_trial(self, run: str, trial: Trial | None) -> None:
        """Change the trial of this run, or end it."""
        await asyncio.to_thread(_set_trial, self._project.state, run, trial)

    async def promote(self, run: Run) -> None:
        """Let the candidate answer everybody."""
        await asyncio.to_thread(self._promote, run.release, f"PROMOTE of run {run.run}")

    async def judge(self, turn_ids: Sequence[str]) -> tuple[str, Sequence[Opined]]:
        """Return what the judge says; of turns that nobody keeps any more, nothing."""
        traces = {trace.turn_id: trace for trace in await self._past.traces(turn_ids)}
        opinions = [
            Opined(turn_id=turn, is_bad=await hallucinates(traces[turn], self._judge) if turn in traces else None)
            for turn in turn_ids
        ]
        return self._judge.version, opinions

    async def publish(self, ruling: Ruling) -> str:
        """Keep the verdict, signed, and post it to whoever wants to know."""
        content = await asyncio.to_thread(_kept, self._project.state, ruling)
        if address := _alert_address(self._project):
            telling = asyncio.create_task(asyncio.to_thread(webhook.post, address, content))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)
        return hashlib.sha256(content).hexdigest()


class TrialDesk:
    """What admins see of a trial, and do about it, while the house serves."""

    def __init__(self, project: Project, keeper: Keeper) -> None:
        self._project = project
        self._keeper = keeper

    @property
    def state(self) -> State | None:
        """Return what is known of the trial that runs, or else of the last one."""
        return self._keeper.state

    def live(self) -> Live:
        """Return what is live."""
        return read_live(self._project.state)

    async def stop(self) -> str:
        """Take the candidate back by hand; return the run. Raises `Missing` where none is on trial."""
        return await asyncio.to_thread(stop, self._project)

    async def faq_only(self, *, on: bool) -> Live:
        """Let nothing but the FAQ answer, or everything again; return what is live then."""
        return await asyncio.to_thread(faq_only, self._project, on=on)


async def hallucinates(trace: Trace, judge: Judge) -> bool:
    """Return whether a reply says something that nothing supports. What no model wrote is somebody's own words."""
    reply = trace.reply
    if not reply.usage.model:
        return False
    texts = [citation.quote for citation in reply.citations]
    for sentence in sentences_of(reply.text):
        opinion = await judge.bears_out(sentence, texts, trace.standalone)
        if opinion.holds in {"unsupported", "contradicted"}:
            return True
    return False


def wanted(project: Project) -> Wanted:
    """Return what is to be tried; raise `Missing` without a `canary.yml`, `ProjectError` where it tries nothing."""
    if project.canary is None:
        raise Missing(f"There is no {CANARY} in {project.folder}.", do="Write one: docs/how-to/try-on-live-traffic.md.")
    candidate = project.canary.candidate
    problems = [problem for problem in config.check(project, SystemClock(), releases={}) if problem.file == CANARY]
    if any(not problem.warning or "no model reads it" in problem.what for problem in problems):
        raise ProjectError(problems)
    files = {} if candidate.release else config.overlay(project, candidate)
    parts = [f"{name}\0{hashlib.sha256(content).hexdigest()}" for name, content in sorted(files.items())]
    change = hashlib.sha256("\n".join([*parts, candidate.release]).encode()).hexdigest()
    prompt = hashlib.sha256(files[config.PROMPT]).hexdigest() if config.PROMPT in files else ""
    return Wanted(
        variant=candidate,
        files=files,
        change=change,
        prompt=prompt,
        rules=rules_of(project.canary),
        judged_control=fraction(project.canary.canary.judge.control),
    )


async def start(
    project: Project, tried: Wanted, release: str, journal: EventLog, *, gate: str, spent: float | None = None
) -> Run:
    """Begin a trial of a built release, unless something stands against it.

    `gate` names the report that it has passed, and is empty where it is to begin without one; `spent` is the part of
    the error budget that is gone, where that is known. Raises `Busy`, `UsageError`.
    """
    clock = SystemClock()
    make_state(project.state)
    with FolderLock(project.state / LOCK, "canary start"):
        logbook = await read_logbook(journal)
        live = read_live(project.state)
        _check_beginning(logbook, live, tried, release=release, now=clock.now(), spent=spent)
        run = Run(
            run=clock.new_id(),
            started_at=clock.now(),
            control=project.canary.control.name if project.canary else "control",
            candidate=tried.variant.name,
            control_release=live.release,
            release=release,
            salt=_fresh_salt(logbook.salts()),
            change=tried.change,
            prompt=tried.prompt,
            judged_control=tried.judged_control,
            gate=gate,
            rules=tried.rules,
        )
        # The journal first: a trial that no journal tells of is ended by whoever finds it.
        await journal.record((started_event(run, clock.new_id()),))
        trial = Trial(
            run=run.run,
            mode="canary",
            control=run.control,
            candidate=run.candidate,
            release=run.release,
            share=run.rules.steps[0].share,
            salt=run.salt,
        )
        write_live(project.state, msgspec.structs.replace(live, trial=trial))
    return run


def stop(project: Project) -> str:
    """Take the candidate back by hand; return the run. Raises `Missing` where none is on trial."""
    trial = read_live(project.state).trial
    if trial is None or trial.mode != "canary":
        raise Missing("No canary runs here.", do="See `shipmate canary status`.")
    _set_trial(project.state, trial.run, None)
    return trial.run


def faq_only(project: Project, *, on: bool) -> Live:
    """Let nothing but the FAQ answer, or everything again; return what is live then."""
    make_state(project.state)
    with FolderLock(project.state / LOCK, "faq-only"):
        live = msgspec.structs.replace(read_live(project.state), faq_only=on)
        write_live(project.state, live)
    return live


async def read_logbook(journal: EventLog) -> Logbook:
    """Return what the journal says of all runs."""
    logbook = Logbook()
    after = 0
    while entries := await journal.events(after, BATCH):
        logbook.take(entries)
        after = entries[-1].seq
    return logbook


async def folded(journal: EventLog, run: Run) -> Fold:
    """Return what the journal says of one run."""
    fold = Fold(run)
    after = 0
    while entries := await journal.events(after, BATCH):
        fold.take(entries)
        after = entries[-1].seq
    return fold


def verdict_file(project: Project, run: str = "") -> tuple[Path, Ruling]:
    """Return the signed verdict of a run, or of the last that has one; raise `Missing`, `Damaged`, `Untrusted`."""
    folder = project.state / TRIALS
    kept = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    paths = [path for path in kept if run in {"", path.stem}]
    if not paths:
        raise Missing(
            f"There is no verdict{f' of the run {run}' if run else ''} yet.", do="See `shipmate canary status`."
        )
    return paths[-1], read_ruling(paths[-1], trusted_by(project))


def trusted_by(project: Project) -> list[str]:
    """Return whose verdicts count: this installation's, and those whom the folder names."""
    return [open_signer(project.state).public, *trusted_keys(project.folder)]


def _check_beginning(
    logbook: Logbook, live: Live, tried: Wanted, *, release: str, now: float, spent: float | None
) -> None:
    """Raise what stands against a new trial."""
    if live.trial or logbook.open:
        run = live.trial.run if live.trial else logbook.open.run if logbook.open else ""
        do = "Wait for its verdict, or end it: `shipmate canary stop`."
        raise Busy(f"The run {run} is under way, and two at once would each spoil the other.", do=do)
    if release == live.release:
        raise UsageError(f"The release {release} is what answers already.", do="Name another one.")
    if (until := logbook.frozen_until(tried.change)) > now:
        hours = (until - now) / 3600
        what = f"This very change was taken back for harm, and is frozen for another {hours:.1f} hours."
        raise UsageError(what, do="Change the candidate, or wait.")
    if spent is not None and spent > MOST_SPENT:
        what = f"{100 * spent:.0f} % of the error budget is spent, and no trial begins above {100 * MOST_SPENT:.0f} %."
        raise UsageError(what, do="Make it reliable first: see `shipmate report`.")


def _fresh_salt(used: frozenset[str]) -> str:
    """Return a salt that no run has had."""
    salt = secrets.token_hex(SALT_BYTES)
    return salt if salt not in used else _fresh_salt(used)


def _set_trial(state: Path, run: str, trial: Trial | None) -> None:
    """Change the trial of this run; whoever builds meanwhile is waited for, but not for long."""
    clock = SystemClock()
    until_s = clock.elapsed() + PATIENCE_S
    while clock.elapsed() < until_s:
        with suppress(FolderInUse), FolderLock(state / LOCK, "canary"):
            _write_trial(state, run, trial)
            return
        time.sleep(BETWEEN_S)
    log.warning("What is live is changed though somebody holds %s", state / LOCK)
    _write_trial(state, run, trial)


def _write_trial(state: Path, run: str, trial: Trial | None) -> None:
    live = read_live(state)
    if live.trial and live.trial.run == run:
        write_live(state, msgspec.structs.replace(live, trial=trial))


def _kept(state: Path, ruling: Ruling) -> bytes:
    content = sealed(ruling, open_signer(state))
    path = state / TRIALS / f"{ruling.run}.json"
    with disk_faults(path):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_whole(path, content)
    return content


def _alert_address(project: Project) -> str:
    """Return where verdicts are posted to; empty where nobody wants to know, or the address is none."""
    if project.canary is None:
        return ""
    variable = project.canary.canary.alert_env
    address = os.environ.get(variable, "").strip()
    try:
        if address:
            webhook.check_address(address, variable)
    except ShipmateError as error:
        log.warning("%s", error.what)
        return ""
    return address


class PilotStatus(Record, frozen=True, kw_only=True):
    """Where a pilot stands."""

    # Of the pilot that runs; empty when none does.
    run: str
    release: str
    flag: str
    # Users that are named, and how many of them have asked.
    named: int
    seen: int
    episodes: int
    turns: int
    # Seconds since the epoch, UTC.
    started_at: float
    # As pilot.yml has it, or nothing.
    until: str = ""
    is_overdue: bool = False


def begun_pilot(
    project: Project, *, release: str = "", by: str = "", clock: Clock | None = None
) -> tuple[Trial, Event]:
    """Return the trial that `pilot.yml` asks for, and what the journal is to say of it: how many users, and no names.

    Raises `Missing` without that file, and `UsageError` where it names no release, or a day that is past.
    """
    clock = clock or SystemClock()
    file = _pilot_file(project)
    named = release or file.release
    if not named:
        what = f"{PILOT} names no release that its users try."
        raise UsageError(what, do="Build one and name it: `shipmate build`, `shipmate pilot start --release ID`.")
    if file.until and file.until < datetime.fromtimestamp(clock.now(), UTC).date():
        raise UsageError(f"The pilot was to be over on {file.until}.", do=f"Set another day in {PILOT}.")
    run = f"{file.flag}-{clock.new_id()}"
    until = file.until.isoformat() if file.until else ""
    event = Event(
        name=STARTED,
        ts=clock.now(),
        event_id=clock.new_id(),
        variant=file.candidate,
        flag_key=run,
        data={"flag": file.flag, "users": len(file.users), "until": until, "by": by},
    )
    return Trial(run=run, mode="pilot", candidate=file.candidate, release=named, callers=file.users), event


def ended_pilot(*, by: str = "", reason: str = "", clock: Clock | None = None) -> Event:
    """Return what the journal is to say of a pilot that ends."""
    clock = clock or SystemClock()
    return Event(name=STOPPED, ts=clock.now(), event_id=clock.new_id(), data={"by": by, "reason": reason})


async def pilot_status(project: Project, *, clock: Clock | None = None) -> PilotStatus:
    """Return where the pilot stands that runs; raise `Missing` where none does."""
    clock = clock or SystemClock()
    trial = read_live(project.state).trial
    if trial is None or trial.mode != "pilot":
        raise Missing("No pilot runs.", do="Begin one: `shipmate pilot start`.")
    started, _, measured = await _read_pilot(project, trial.run)
    until = str(started.data.get("until", ""))
    return PilotStatus(
        run=trial.run,
        release=trial.release,
        flag=str(started.data.get("flag", "")),
        named=len(trial.callers),
        seen=len(measured.users),
        episodes=measured.episodes,
        turns=measured.turns,
        started_at=started.ts,
        until=until,
        is_overdue=bool(until) and until < datetime.fromtimestamp(clock.now(), UTC).date().isoformat(),
    )


async def pilot_report(project: Project, run: str = "", *, clock: Clock | None = None) -> ExitReport:
    """Return what a pilot has shown so far; by default the one that began last. Raises `Missing` where there is none."""
    if project.charter is None:
        raise Missing("A pilot is held against the charter, and there is none.", do="Write charter.yml.")
    started, ended_at, measured = await _read_pilot(project, run)
    return exit_report(measured, started, project.charter, until=ended_at or (clock or SystemClock()).now())


def _pilot_file(project: Project) -> PilotFile:
    if project.pilot is None:
        do = "Write one: `version: 1`, and below `users:` the names of the keys of those who try it first."
        raise Missing(f"There is no {PILOT} in {project.folder}.", do=do)
    return project.pilot


async def _read_pilot(project: Project, run: str) -> tuple[Event, float, Measured]:
    """Return how a run began, when it ended (0: not yet), and what was counted of it."""
    make_state(project.state)
    store = layers.open_store(project)
    try:
        entries = [entry async for entry in _entries(store)]
    finally:
        await store.close()
    begun = [event for _, event in entries if event.name == STARTED and run in ("", event.flag_key)]
    if not begun:
        what = f"There was no pilot {run}." if run else "There was no pilot yet."
        raise Missing(what, do="Begin one: `shipmate pilot start`.")
    started = max(begun, key=lambda event: (event.ts, event.event_id))
    ended = [event.ts for _, event in entries if event.name == STOPPED and event.flag_key == started.flag_key]
    slo = project.charter.slo if project.charter else Slo()
    return started, max(ended, default=0.0), measured_in(entries, started.flag_key, slo)


async def _entries(journal: EventLog) -> AsyncIterator[Entry]:
    after = 0
    while read := await journal.events(after, BATCH):
        for entry in read:
            yield entry
        after = read[-1].seq
