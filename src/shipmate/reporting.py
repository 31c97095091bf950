"""Composition of what reports on the work: it reads the journal of a folder."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec

from shipmate import layers
from shipmate.adapters.folder import FolderLock, install_key, make_state
from shipmate.adapters.system_clock import SystemClock
from shipmate.config import Project
from shipmate.disk import disk_faults
from shipmate.errors import NotReady, TooLarge
from shipmate.insight.audit import Audit, Audited, label_events
from shipmate.insight.maturing import Maturing
from shipmate.insight.outcomes import OUTCOME, BroughtOutcome, outcome_events, parsed
from shipmate.insight.reading import Reading, entries, first_since, read
from shipmate.insight.report import Report
from shipmate.insight.thumbs import Thumbs
from shipmate.journal import Journal, user_hash
from shipmate.messages import Event
from shipmate.ports import Clock
from shipmate.running import SystemOfRecord

__all__ = ["Insight", "audit", "import_outcomes", "label", "report", "test_callers"]

DAY_S = 24 * 3600.0
AUDIT_DAYS = 14
OUTCOMES_BYTES = 64 * 2**20
# A page shows what was read so long ago at most.
FRESH_S = 60.0
REPORT_S = 120.0


async def report(project: Project, *, days: float | None = None, release: str = "") -> Report:
    """Return what the journal says of the last days, or of all; with a release, of what it answered."""
    now = SystemClock().now()
    since = now - days * DAY_S if days is not None else 0.0
    async with _journal(project) as store:
        await Maturing(store, SystemClock(), test_callers(project)).look()
        reading = Reading(
            now=now,
            since=since,
            release=release,
            usd_per_h=project.stack.cost.infrastructure_usd_per_h,
            test_callers=test_callers(project),
        )
        with _uncollected():
            return await read(store, reading, project.charter, since=since)


async def import_outcomes(project: Project, path: Path) -> tuple[int, int]:
    """Import a file's outcomes; return how many were new, and how many were there before. Raises `ProjectError`."""
    brought = parsed(path.name, await asyncio.to_thread(_content, path))
    async with _journal(project) as store:
        return await _Brought().bring(store, brought, SystemClock().now())


def _content(path: Path) -> bytes:
    with disk_faults(path):
        if path.stat().st_size > OUTCOMES_BYTES:
            raise TooLarge(f"{path} is larger than {OUTCOMES_BYTES >> 20} MiB.", do="Split it.")
        return path.read_bytes()


async def audit(project: Project) -> list[Audited]:
    """Return what is to be audited of the last two weeks."""
    async with _journal(project) as store:
        return (await _audit(project, store)).drawn()


async def label(project: Project, turn_id: str, *, is_resolved: bool, is_supported: bool, rater: str) -> Audited:
    """Record what a person says of a turn; raise `Missing` for one that is not to be audited."""
    clock = SystemClock()
    async with _journal(project) as store:
        audited = (await _audit(project, store)).of(turn_id)
        ids = (clock.new_id(), clock.new_id())
        said = label_events(
            audited, is_resolved=is_resolved, is_supported=is_supported, rater=rater, now=clock.now(), ids=ids
        )
        await store.record(said)
        return audited


class Insight:
    """What a served assistant knows of its own work, and is told of it."""

    def __init__(self, project: Project, store: SystemOfRecord, clock: Clock) -> None:
        self._project = project
        self._store = store
        self._clock = clock
        self._journal = Journal(clock=clock, key=install_key(project.state))
        self._maturing = Maturing(store, clock, test_callers(project))
        self._read: dict[float | None, tuple[float, Report]] = {}
        self._reading = asyncio.Lock()
        self._brought = _Brought()
        self._thumbs = Thumbs()

    async def follow(self) -> None:
        """Tell outcomes as they are known; never ends."""
        await self._maturing.follow()

    async def feedback(self, turn_id: str, caller: str, *, value: int, reason: str = "") -> None:
        """Note what a caller thinks of an answer of theirs.

        Raises `NoTurn`, also for somebody else's, and `RateLimited` when they change their mind too often.
        """
        trace = await self._store.trace(turn_id, caller)
        if self._thumbs.is_news(turn_id, value, reason, self._clock.elapsed()):
            await self._store.record((self._journal.feedback(trace, caller, value=value, reason=reason),))

    async def bring(self, outcomes: Sequence[BroughtOutcome]) -> tuple[int, int]:
        """Take in outcomes; return how many were new, and how many were there before."""
        return await self._brought.bring(self._store, outcomes, self._clock.now())

    async def record(self, name: str, data: dict[str, object], release: str = "") -> None:
        """Note something of the server's own life."""
        event = Event(name=name, ts=self._clock.now(), event_id=self._clock.new_id(), release=release, data=data)
        await self._store.record((event,))

    async def report(self, days: float | None) -> Report:
        """Return what the journal says; of some seconds ago, where somebody has just asked.

        Another process reads it, because a long journal takes longer than who is being answered may wait.
        """
        async with self._reading:
            at, known = self._read.get(days, (0.0, None))
            if known is None or self._clock.elapsed() - at > FRESH_S:
                known = await _read_elsewhere(self._project.folder, days)
                self._read = {days: (self._clock.elapsed(), known)}
            return known


def test_callers(project: Project) -> frozenset[str]:
    """Return the callers who only test, as the journal knows them."""
    names = project.stack.server.test_callers
    key = install_key(project.state) if names else b""
    return frozenset(user_hash(key, name) for name in names)


@asynccontextmanager
async def _journal(project: Project) -> AsyncIterator[SystemOfRecord]:
    """Open the journal beside whoever else has it open."""
    make_state(project.state)
    with FolderLock(project.state / "state.lock", "", is_shared=True):
        store = layers.open_store(project)
        try:
            yield store
        finally:
            await store.close()


class _Brought:
    """The outcomes that the journal has, as far as it was read."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._after = 0
        self._turn = asyncio.Lock()

    async def bring(self, store: SystemOfRecord, outcomes: Sequence[BroughtOutcome], now: float) -> tuple[int, int]:
        """Take in outcomes; return how many were new, and how many were there before."""
        events = {event.event_id: event for event in outcome_events(outcomes, now)}
        async with self._turn:
            async for batch in entries(store, self._after):
                self._ids |= {entry.event.event_id for entry in batch if entry.event.name == OUTCOME}
                self._after = batch[-1].seq
            new = [event for event_id, event in events.items() if event_id not in self._ids]
            if new:
                await store.record(new)
        return len(new), len(outcomes) - len(new)


async def _audit(project: Project, store: SystemOfRecord) -> Audit:
    clock = SystemClock()
    await Maturing(store, clock, test_callers(project)).look()
    since = clock.now() - AUDIT_DAYS * DAY_S
    drawing = Audit(since)
    async for batch in entries(store, await first_since(store, since)):
        drawing.take(batch)
    return drawing


async def _read_elsewhere(folder: Path, days: float | None) -> Report:
    since = () if days is None else ("--since", f"{days:g}d")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shipmate", "report", str(folder), "--json", *since,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(REPORT_S):
            out, _ = await process.communicate()
    except TimeoutError as error:
        raise NotReady("The journal takes too long to read.", do="Ask for fewer days.") from error
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise NotReady("The journal could not be read.", do=f"Run `shipmate report {folder}` to see why.")
    return msgspec.json.decode(out, type=Report)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Spare the garbage collector: a report makes millions of records and no cycles."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
