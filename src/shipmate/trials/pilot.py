"""Begin and end a pilot, and tell what it has shown: named users try a release first."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from shipmate import layers
from shipmate.adapters.folder import make_state
from shipmate.adapters.system_clock import SystemClock
from shipmate.charter import Slo
from shipmate.config import Project
from shipmate.errors import Missing, UsageError
from shipmate.live import Trial, read_live
from shipmate.messages import Entry, Event, Record
from shipmate.ports import Clock, EventLog
from shipmate.release.pilot import STARTED, STOPPED, ExitReport, Measured, count_uptime, exit_report, measured_in
from shipmate.trial import PILOT, PilotFile

__all__ = ["PilotStatus", "begun_pilot", "ended_pilot", "pilot_report", "pilot_status"]

BATCH = 1000


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
    started, _, measured = await _read_pilot(project, trial.run, clock.now())
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
    now = (clock or SystemClock()).now()
    started, ended_at, measured = await _read_pilot(project, run, now)
    return exit_report(measured, started, project.charter, until=ended_at or now)


def _pilot_file(project: Project) -> PilotFile:
    if project.pilot is None:
        do = "Write one: `version: 1`, and below `users:` the names of the keys of those who try it first."
        raise Missing(f"There is no {PILOT} in {project.folder}.", do=do)
    return project.pilot


async def _read_pilot(project: Project, run: str, now: float) -> tuple[Event, float, Measured]:
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
    ended_at = max(ended, default=0.0)
    measured = measured_in(entries, started.flag_key, project.charter.slo if project.charter else Slo())
    count_uptime(measured, entries, since=started.ts, until=ended_at or now)
    return started, ended_at, measured


async def _entries(journal: EventLog) -> AsyncIterator[Entry]:
    after = 0
    while read := await journal.events(after, BATCH):
        for entry in read:
            yield entry
        after = read[-1].seq
