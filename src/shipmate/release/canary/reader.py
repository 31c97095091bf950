"""Reads a trial out of the journal: what it is, what it has counted, and what happened to it."""

import asyncio
import logging
from collections.abc import Sequence

from shipmate.errors import ShipmateError
from shipmate.insight.reading import first_since
from shipmate.messages import Entry, Event, Record
from shipmate.ports import Clock, EventLog
from shipmate.release.canary.counts import Counts
from shipmate.release.canary.decide import decide
from shipmate.release.canary.decision import Decision
from shipmate.release.canary.fold import Fold
from shipmate.release.canary.outright import gated
from shipmate.release.canary.run import STARTED, STEP, VERDICT, Logbook, Run, begun_at, decision_of, run_of
from shipmate.release.canary.shadow import ShadowTally

__all__ = ["Reader", "State"]

log = logging.getLogger(__name__)

BATCH = 1000
# So far before a run reading begins: who wrote may have had a clock that was a little behind.
BEFORE_S = 3600.0
TIMELINE = 200


class State(Record, frozen=True, kw_only=True):
    """What a page shows of a trial."""

    run: Run
    share: float
    decision: Decision | None
    counts: Counts | None
    steps: tuple[tuple[float, float, str], ...]
    verdicts: tuple[Decision, ...]
    # What is wrong with keeping the trial itself; empty when nothing is.
    trouble: str = ""


class Reader:
    """What the journal says of the trial that runs, or else of the last one."""

    def __init__(self, journal: EventLog, clock: Clock, *, internal: frozenset[str] = frozenset()) -> None:
        self.logbook = Logbook()
        self.trouble = ""
        self.run: Run | None = None
        self.fold: Fold | None = None
        # Of a shadow run.
        self.shadow: ShadowTally | None = None
        self.decision: Decision | None = None
        self.counts: Counts | None = None
        # When the journal has answered last, by a clock that nobody sets, and the last time that stands in it.
        self.read_at_s = clock.elapsed()
        self.last_ts = 0.0
        self._journal = journal
        self._clock = clock
        self._internal = internal
        self._after = 0
        self._has_begun = self._is_part = False
        self._steps: list[tuple[float, float, str]] = []
        self._verdicts: list[Decision] = []

    def count(self) -> None:
        """Bring the counts up to now without deciding: for those who only look."""
        if self.shadow:
            self.decision = self.shadow.decision(self._clock.now())
        elif self.fold and self.run:
            self.counts = self.fold.counts(self._clock.now(), watching_since=self._clock.now())
            self.decision = gated(self.run, decide(self.counts, self.run.rules, planned=self.run.planned))

    @property
    def state(self) -> State | None:
        """Return what is known of the trial that runs, or else of the last one."""
        if self.run is None:
            return None
        return State(
            run=self.run,
            share=self.counts.share if self.counts else 0.0,
            decision=self.decision,
            counts=self.counts,
            steps=tuple(self._steps),
            verdicts=tuple(self._verdicts),
            trouble=self.trouble,
        )

    async def read(self, run: str = "") -> None:
        """Read what is new; where the journal does not answer, its silence is what is known.

        The first time it begins shortly before this run did, or where no run is known before the last hour.
        """
        try:
            if not self._has_begun:
                self._after = await self._before(run)
                self._has_begun = True
            await self._read_on()
            if run and run not in self.logbook.runs and self._is_part:
                # The clock once went wrong, so that times do not tell where it begins.
                self._after, self._is_part = 0, False
                await self._read_on()
        except ShipmateError as error:
            self.trouble = f"The journal cannot be read: {error.what}"
            log.warning("%s", self.trouble)
            return
        self.trouble = ""
        self.read_at_s = self._clock.elapsed()

    async def _read_on(self) -> None:
        while entries := await self._journal.events(self._after, BATCH):
            self._take(entries)
            self._after = entries[-1].seq
            await asyncio.sleep(0)

    async def _before(self, run: str) -> int:
        """Return the place in the journal to begin from: what stands before it belongs to no run that is looked after."""
        at = begun_at(run) if run else self._clock.now()
        if at is None:
            return 0
        place = await first_since(self._journal, at - BEFORE_S)
        self._is_part = place > 0
        return place

    def _take(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            event = entry.event
            run = run_of(event) if event.name == STARTED else None
            if run and run.run not in self.logbook.runs:
                self._begin(run)
            self.logbook.take((entry,))
            if self.fold:
                self.fold.take((entry,))
            if self.shadow:
                self.shadow.take((entry,))
            self._note(event)

    def _begin(self, run: Run) -> None:
        self.run, self.fold = run, Fold(run, self._internal)
        self.shadow = ShadowTally(run) if run.evidence == "shadow" else None
        self.decision = self.counts = None
        self._steps, self._verdicts = (
            [(run.started_at, 0.0 if self.shadow else run.rules.steps[0].share, "It begins.")],
            [],
        )

    def _note(self, event: Event) -> None:
        """Keep what the page shows of the run's own events."""
        if self.run is None or event.flag_key != self.run.run:
            return
        self.last_ts = max(self.last_ts, event.ts)
        if event.name == STEP:
            step = (event.ts, float(str(event.data.get("share", 0))), str(event.data.get("reason", "")))
            self._steps = [*self._steps, step][-TIMELINE:]
        elif event.name == VERDICT:
            decision = decision_of(event)
            self._verdicts = [*self._verdicts, *((decision,) if decision else ())][-TIMELINE:]
