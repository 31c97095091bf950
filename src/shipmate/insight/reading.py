"""Reads a report out of the journal, in one pass and in little memory."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime

from shipmate.charter import Charter
from shipmate.insight.askers import Crowd
from shipmate.insight.evaluations import EVALUATED, Evaluations, opinion
from shipmate.insight.figures import group, row_values
from shipmate.insight.goal import outcomes_of, progress
from shipmate.insight.labeller import Labeller
from shipmate.insight.labels import MATURED, Label, Window
from shipmate.insight.outcomes import OUTCOME
from shipmate.insight.report import Day, Report
from shipmate.insight.tally import Tally
from shipmate.insight.uptime import MINUTE, STARTED, STOPPED, Probed, Uptime
from shipmate.messages import Entry, Event
from shipmate.ports import EventLog

__all__ = ["Reading", "entries", "first_since", "read"]

AT_ONCE = 2000
# How long before the time that is asked for reading begins, so that no episode is met half-way.
BEFORE_S = 24 * 3600.0
DAY_S = 24 * 3600
# The journal's time is the least of so many batches, so that a clock that leaps for a moment moves nothing.
TIDE = 4
# An event that comes twice is known by its id, of so many that came last.
IDS_KEPT = 100_000


class Reading:
    """What was read so far."""

    def __init__(
        self,
        *,
        now: float,
        since: float = 0.0,
        release: str = "",
        usd_per_h: float | None = None,
        test_callers: frozenset[str] = frozenset(),
    ) -> None:
        """Begin; with a release, only what it answered counts."""
        self._now, self._since, self._release, self._usd_per_h = now, since, release, usd_per_h
        self._test_callers = test_callers
        self._labeller = Labeller(test_callers, names=False)
        self._tallies: defaultdict[tuple[str, int], Tally] = defaultdict(Tally)
        self._said: defaultdict[str, Evaluations] = defaultdict(Evaluations)
        self._all_said = Evaluations()
        self._crowds: defaultdict[str, Crowd] = defaultdict(Crowd)
        self._uptime = Uptime()
        self._outcomes: dict[str, tuple[str, float]] = {}
        self._ids: set[str] = set()
        self._earlier_ids: set[str] = set()
        self._tide = [0.0] * TIDE
        self._events = 0

    def take(self, batch: Iterable[Entry]) -> None:
        """Read entries; those that were read before count once."""
        least = float("inf")
        for entry in batch:
            self._take(entry)
            least = min(least, entry.event.ts)
        self._tide = [*self._tide[1:], least]
        self._mature(min(self._now, *self._tide))

    def report(self, charter: Charter | None = None) -> Report:
        """Return what was read."""
        self._mature(self._now)
        for probed in self._uptime.until(self._now):
            self._probed(probed)
        charter = charter or Charter()
        whole = Tally()
        of_release: defaultdict[str, Tally] = defaultdict(Tally)
        of_day: defaultdict[int, Tally] = defaultdict(Tally)
        for (release, day), tally in self._tallies.items():
            for total in (whole, of_release[release], of_day[day]):
                total.update(tally)
        everybody = Crowd()
        for crowd in self._crowds.values():
            everybody.update(crowd)
        overall = group(whole, self._all_said, everybody, charter.slo, usd_per_h=self._usd_per_h)
        outcomes = tuple(outcomes_of(self._outcomes.values()))
        groups = [
            group(
                tally,
                self._said[release],
                self._crowds[release],
                charter.slo,
                usd_per_h=self._usd_per_h,
                release=release,
            )
            for release, tally in of_release.items()
            if tally.turns
        ]
        figures = {figure.name: figure for figure in (*overall.rows, *overall.details)}
        return Report(
            at=self._now,
            since=self._since,
            events=self._events,
            overall=overall,
            releases=tuple(sorted(groups, key=lambda one: -one.turns)),
            days=tuple(
                Day(day=_day(day), turns=tally.turns, values=row_values(tally, self._usd_per_h))
                for day, tally in sorted(of_day.items())
            ),
            goal=progress(charter.goal, figures, outcomes),
            outcomes=outcomes,
        )

    def _take(self, entry: Entry) -> None:
        event = entry.event
        if event.name == MATURED or self._is_known(event.event_id):
            return
        self._events += 1
        self._labeller.take(entry)
        match event.name:
            case "assistant.turn.completed":
                if tally := self._tally(event):
                    tally.turn(event)
                    self._pay(tally, event, "answer", 1)
            case name if name in (STARTED, MINUTE, STOPPED):
                for probed in self._uptime.take(event):
                    self._probed(probed)
            case name if name == EVALUATED:
                self._evaluated(event)
            case name if name == OUTCOME and _happened_at(event) >= self._since:
                self._outcomes[str(event.data.get("outcome_id") or event.event_id)] = _imported(event)
            case _ if "cost_usd" in event.data:
                if tally := self._tally(event):
                    self._pay(tally, event, event.name)

    def _is_known(self, event_id: str) -> bool:
        if event_id in self._ids or event_id in self._earlier_ids:
            return True
        if len(self._ids) >= IDS_KEPT:
            self._earlier_ids, self._ids = self._ids, set()
        self._ids.add(event_id)
        return False

    def _evaluated(self, event: Event) -> None:
        tally = self._tally(event)
        if tally is None:
            return
        if "cost_usd" in event.data:
            self._pay(tally, event, "judge")
        if said := opinion(event):
            self._said[event.release].take(event.turn_id, said)
            self._all_said.take(event.turn_id, said)

    def _pay(self, tally: Tally, event: Event, purpose: str, turns: int = 0) -> None:
        cost = tally.pay(event, purpose)
        self._crowds[event.release].cost.add(event.user_hash, turns, cost, cost * cost)

    def _probed(self, probed: Probed) -> None:
        if probed.ts >= self._since and self._release in ("", probed.release):
            tally = self._tallies[probed.release, int(probed.ts // DAY_S)]
            tally.due += probed.due
            tally.good += probed.good
            tally.stopped_s += probed.stopped_s

    def _tally(self, event: Event) -> Tally | None:
        if event.ts < self._since or self._release not in ("", event.release):
            return None
        if event.user_hash in self._test_callers:
            return None
        return self._tallies[event.release, int(event.ts // DAY_S)]

    def _mature(self, now: float) -> None:
        for matured in self._labeller.mature(now):
            if matured.before:
                self._label(*matured.before, matured.window, -1)
            self._label(matured.label, matured.opening, matured.window, 1)

    def _label(self, label: Label, opening: Event, window: Window, sign: int) -> None:
        if label.ftr is not None and (tally := self._tally(opening)):
            tally.outcomes[window].add(label, opening, sign)
            solved = sign * label.ftr
            self._crowds[opening.release].solved[window].add(opening.user_hash, sign, solved, solved)


async def read(log: EventLog, reading: Reading, charter: Charter | None = None, *, since: float = 0.0) -> Report:
    """Return the report of a journal."""
    async for batch in entries(log, await first_since(log, since - BEFORE_S) if since else 0):
        reading.take(batch)
    return reading.report(charter)


async def entries(log: EventLog, after: int = 0) -> AsyncIterator[list[Entry]]:
    """Yield the journal's entries in batches, to its present end."""
    while batch := list(await log.events(after, AT_ONCE)):
        yield batch
        after = batch[-1].seq


async def first_since(log: EventLog, ts: float) -> int:
    """Return a place in the journal before which nothing is as late as `ts`, as far as its times ascend."""
    place, step = 0, 1

    async def is_before() -> bool:
        found = await log.events(place + step - 1, 1)
        return bool(found) and found[0].event.ts < ts

    while await is_before():
        place, step = place + step, step * 2
    while step > 1:
        step //= 2
        if await is_before():
            place += step
    return place


def _day(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()


def _happened_at(event: Event) -> float:
    at = event.data.get("at", event.ts)
    return float(at) if isinstance(at, int | float) else event.ts


def _imported(event: Event) -> tuple[str, float]:
    value = event.data.get("value")
    return str(event.data.get("outcome", "")), float(value) if isinstance(value, int | float) else 0.0
