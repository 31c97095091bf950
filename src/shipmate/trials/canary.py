"""Begin a canary, end one, and read what is known of it: beside the assistant's folder, whoever serves it."""

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from shipmate import config, layers
from shipmate.adapters.folder import FolderLock, make_state
from shipmate.adapters.sqlite.store import SqliteStore
from shipmate.adapters.system_clock import SystemClock
from shipmate.config import Project
from shipmate.disk import disk_faults, write_whole
from shipmate.errors import Busy, Damaged, FolderInUse, Missing, ProjectError, ShipmateError, UsageError
from shipmate.insight.reading import Reading, entries, first_since, read
from shipmate.insight.uptime import PROBE_EVERY_S
from shipmate.live import Live, Trial, read_live, write_live
from shipmate.messages import Record
from shipmate.ports import Clock, EventLog
from shipmate.release.canary.keeper import GRACE_S
from shipmate.release.canary.outright import stopped
from shipmate.release.canary.plan import planned_information
from shipmate.release.canary.quarter import Quarter, quarter_of
from shipmate.release.canary.reader import Reader, State
from shipmate.release.canary.rules import Rules
from shipmate.release.canary.run import Logbook, Run, rules_of, started_event, verdict_event
from shipmate.release.canary.traffic import Measured, TrafficTally
from shipmate.release.canary.verdict import Ruling, change_digest, read_ruling, ruling_of, sealed, signature_in
from shipmate.signing import open_signer, own_key, trusted_keys
from shipmate.trial import CANARY, Judging, Variant, fraction

__all__ = [
    "TRIALS",
    "Wanted",
    "budget_spent",
    "faq_only",
    "kept",
    "known_run",
    "measured",
    "opened_journal",
    "passed_gate",
    "quarter",
    "read_logbook",
    "rules_for",
    "set_trial",
    "start",
    "state_of",
    "stop",
    "trusted_by",
    "verdict_file",
    "wanted",
]

log = logging.getLogger(__name__)

TRIALS = "trials"
LOCK = "release.lock"
# For so long a rollback waits for whoever builds; then it goes ahead: nobody who builds changes what is live.
PATIENCE_S = 10.0
BETWEEN_S = 0.2
SALT_BYTES = 16
GATE_CHARS = 16
# A shorter time tells too little of the traffic that a trial will have.
SEEN_DAYS = 7.0
BUDGET_S = 30 * 86_400.0
# Of verdicts, so many of the newest are counted.
MOST_VERDICTS = 500
# Of the error budget, what may be spent before no new trial begins.
MOST_SPENT = 0.75


class GateDecision(Record, frozen=True, kw_only=True):
    verdict: str


class GateRun(Record, frozen=True, kw_only=True):
    release: str


class GateReport(Record, frozen=True, kw_only=True):
    """Of a gate's report, what counts here."""

    run: GateRun
    decision: GateDecision | None = None


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


def wanted(project: Project) -> Wanted:
    """Return what is to be tried; raise `Missing` without a `canary.yml`, `ProjectError` where it tries nothing."""
    if project.canary is None:
        raise Missing(f"There is no {CANARY} in {project.folder}.", do="Write one: docs/how-to/try-on-live-traffic.md.")
    candidate = project.canary.candidate
    problems = [problem for problem in config.check(project, SystemClock(), releases={}) if problem.file == CANARY]
    if any(not problem.warning or "no model reads it" in problem.what for problem in problems):
        raise ProjectError(problems)
    files = {} if candidate.release else config.overlay(project, candidate)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return Wanted(
        variant=candidate,
        files=files,
        change=change_digest(digests, candidate.release),
        prompt=digests.get(config.PROMPT, ""),
        rules=rules_of(project.canary),
        judged_control=fraction(project.canary.canary.judge.control),
    )


async def start(
    project: Project,
    tried: Wanted,
    release: str,
    journal: EventLog,
    *,
    gate: str = "",
    spent: float | None = None,
    shadow_turns: int = 0,
) -> Run:
    """Begin a trial of a built release, unless something stands against it.

    `gate` names the report that it has passed, and is empty where it is to begin without one; `spent` is the part of
    the error budget that is gone, where that is known. With `shadow_turns`, nobody sees the candidate: it answers so many
    questions that the control was asked. Raises `Busy`, `UsageError`.
    """
    clock = SystemClock()
    make_state(project.state)
    with FolderLock(project.state / LOCK, "canary start"):
        logbook = await read_logbook(journal)
        live = read_live(project.state)
        if logbook.open and not live.trial and clock.now() - logbook.open.started_at > GRACE_S:
            # It was begun and never came to be live, or somebody took it back while nobody served.
            await _recorded_end(project.state, journal, logbook.open, clock)
            logbook = await read_logbook(journal)
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
            evidence="shadow" if shadow_turns else "live",
            shadow_turns=shadow_turns,
            planned=_planned(await measured(journal, clock.now(), tried.judged_control), tried.rules),
            rules=tried.rules,
        )
        # The journal first: a trial that no journal tells of is ended by whoever finds it.
        await journal.record((started_event(run, clock.new_id()),))
        trial = Trial(
            run=run.run,
            mode="shadow" if shadow_turns else "canary",
            control=run.control,
            candidate=run.candidate,
            release=run.release,
            share=0.0 if shadow_turns else run.rules.steps[0].share,
            salt=run.salt,
        )
        write_live(project.state, msgspec.structs.replace(live, trial=trial))
    return run


async def stop(project: Project, journal: EventLog) -> str:
    """Take the candidate back by hand; return the run. Raises `Missing` where none is on trial."""
    logbook = await read_logbook(journal)
    trial = read_live(project.state).trial
    run = logbook.open
    if run is None or (trial and trial.mode == "pilot"):
        raise Missing("No canary runs here.", do="See `shipmate canary status`.")
    await _end(project, journal, run)
    return run.run


def rules_for(project: Project) -> tuple[Rules, float]:
    """Return the rules of a folder, and how much of the control the judge sees; the defaults without a `canary.yml`."""
    if project.canary is None:
        return Rules(), fraction(Judging().control)
    return rules_of(project.canary), fraction(project.canary.canary.judge.control)


def _planned(known: Measured, rules: Rules) -> float:
    """Return the information to plan for; nothing where too little was seen, and what comes in has to tell."""
    return planned_information(known.traffic, rules) if known.days >= SEEN_DAYS else 0.0


async def budget_spent(project: Project, journal: EventLog) -> float | None:
    """Return the part of a month's error budget that was spent in the last one; nothing where no probe has told."""
    if project.charter is None:
        return None
    now = SystemClock().now()
    since = now - BUDGET_S
    report = await read(journal, Reading(now=now, since=since), project.charter, since=since)
    uptime = next(row for row in report.overall.rows if row.name == "uptime")
    allowed = (1 - project.charter.slo.uptime) * BUDGET_S / PROBE_EVERY_S
    return None if uptime.value is None or allowed <= 0 else (1 - uptime.value) * uptime.n / allowed


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
    async for batch in entries(journal):
        logbook.take(batch)
    return logbook


async def measured(journal: EventLog, now: float, judged_control: float) -> Measured:
    """Return what came in lately."""
    tally = TrafficTally(now)
    async for batch in entries(journal, await first_since(journal, tally.since)):
        tally.take(batch)
    return tally.measured(judged_control=judged_control)


async def state_of(
    journal: EventLog, clock: Clock, *, run: str = "", internal: frozenset[str] = frozenset()
) -> State | None:
    """Return what is known of the trial that runs, or of the last one, by the journal alone.

    It is read from where `run` begins, or the last hour; what `internal` users do is left out, by their hashes.
    """
    reader = Reader(journal, clock, internal=internal)
    await reader.read(run)
    reader.count()
    return reader.state


def known_run(state: Path) -> str:
    """Return the run that is live, or else the one whose verdict was kept last; empty where there was none."""
    trial = read_live(state).trial
    if trial and trial.mode != "pilot":
        return trial.run
    return max((path.stem for path in (state / TRIALS).glob("*.json")), default="")


@asynccontextmanager
async def opened_journal(project: Project) -> AsyncIterator[SqliteStore]:
    """Open the journal beside whoever serves, and give it back at the end."""
    with FolderLock(project.state / "state.lock", "", is_shared=True):
        store = layers.open_store(project)
        try:
            yield store
        finally:
            await store.close()


def passed_gate(path: Path, release: str) -> str:
    """Return the id of a gate's report that a release has passed.

    Raises `UsageError` for one that did not pass or is of another release, `Damaged` for a file that is no report.
    """
    with disk_faults(path):
        content = path.read_bytes()
    try:
        report = msgspec.json.decode(content, type=GateReport)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Damaged(
            f"{path} is no report of a gate: {error}", do="Make it: `shipmate eval gate --report`."
        ) from error
    verdict = report.decision.verdict if report.decision else "no verdict"
    if verdict != "pass":
        what = f"{path} says {verdict}, and only a pass lets a trial begin."
        raise UsageError(what, do="Mend the candidate, or begin --without-gate, which is recorded.")
    if report.run.release != release:
        what = f"{path} is of the release {report.run.release}, and this is {release}."
        raise UsageError(what, do=f"Run `shipmate eval gate --release {release} --report FOLDER`.")
    return hashlib.sha256(content).hexdigest()[:GATE_CHARS]


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


def quarter(project: Project, now: float) -> Quarter:
    """Return the canaries of the last 90 days, by their signed verdicts."""
    trusted = trusted_by(project)
    rulings = []
    for path in sorted((project.state / TRIALS).glob("*.json"))[-MOST_VERDICTS:]:
        with suppress(ShipmateError):
            rulings.append(read_ruling(path, trusted))
    rules, _ = rules_for(project)
    return quarter_of(rulings, now, rules.primary.alpha)


def trusted_by(project: Project) -> list[str]:
    """Return whose verdicts count: this installation's, and those whom the folder names."""
    return [own_key(project.state), *trusted_keys(project.folder)]


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


async def _end(project: Project, journal: EventLog, run: Run) -> None:
    """End a run without a decision: in the journal first, which whoever watches it reads before anything else."""
    clock = SystemClock()
    await _recorded_end(project.state, journal, run, clock)
    await asyncio.to_thread(set_trial, project.state, run.run, None)


async def _recorded_end(state: Path, journal: EventLog, run: Run, clock: Clock) -> None:
    decision = stopped(clock.now(), is_promoted=read_live(state).release == run.release)
    content = sealed(ruling_of(run, decision), open_signer(state))
    await journal.record((verdict_event(run, decision, clock.new_id(), signature=signature_in(content)),))
    _keep(state, run.run, content)


def kept(state: Path, ruling: Ruling) -> bytes:
    """Keep a verdict as a signed file; return its content."""
    content = sealed(ruling, open_signer(state))
    _keep(state, ruling.run, content)
    return content


def _keep(state: Path, run: str, content: bytes) -> None:
    path = state / TRIALS / f"{run}.json"
    with disk_faults(path):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_whole(path, content)


def _fresh_salt(used: frozenset[str]) -> str:
    """Return a salt that no run has had."""
    salt = secrets.token_hex(SALT_BYTES)
    return salt if salt not in used else _fresh_salt(used)


def set_trial(state: Path, run: str, trial: Trial | None) -> None:
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
