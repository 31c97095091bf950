"""Beside a server: tells each episode's outcome in the journal as soon as its window has passed."""

import asyncio
import logging

from shipmate.errors import ShipmateError
from shipmate.insight.labeller import KEPT_S, Labeller
from shipmate.insight.labels import WINDOWS_S, matured_event
from shipmate.insight.reading import first_since
from shipmate.ports import Clock, EventLog

__all__ = ["Maturing", "Steady"]

log = logging.getLogger(__name__)

LOOK_S = 10.0
AT_ONCE = 200
# A clock that leaps ahead is believed when it has stayed there for so long.
BELIEVED_AFTER_S = WINDOWS_S["fast"]
LEAP_S = 60.0


class Steady:
    """The time by a clock that may be set: a leap ahead is believed only once it has lasted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now, self._elapsed = clock.now(), clock.elapsed()
        self._doubted_since: float | None = None

    def now(self) -> float:
        """Return the time."""
        shown, elapsed = self._clock.now(), self._clock.elapsed()
        steady = self._now + elapsed - self._elapsed
        if shown <= steady + LEAP_S:
            self._doubted_since = None
            steady = min(shown, steady)
        elif self._doubted_since is None:
            self._doubted_since = elapsed
        elif elapsed - self._doubted_since >= BELIEVED_AFTER_S:
            self._doubted_since = None
            steady = shown
        self._now, self._elapsed = steady, elapsed
        return steady


class Maturing:
    """Follows the journal; what an earlier process has told is read from it and not told again."""

    def __init__(self, events: EventLog, clock: Clock, test_callers: frozenset[str] = frozenset()) -> None:
        self._events = events
        self._labeller = Labeller(test_callers)
        self._time = Steady(clock)
        self._after = -1

    async def follow(self) -> None:
        """Look again and again; never ends."""
        while True:
            try:
                await self.look()
            except ShipmateError as error:
                log.warning("Outcomes are not told: %s", error.what)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> int:
        """Read what is new, and tell what is known by now; return how many labels that were."""
        if self._after < 0:
            self._after = await first_since(self._events, self._time.now() - 2 * KEPT_S)
        while batch := await self._events.events(self._after, AT_ONCE):
            for entry in batch:
                self._labeller.take(entry)
            self._after = batch[-1].seq
            # Others are answered in between.
            await asyncio.sleep(0)
        told = [matured_event(matured) for matured in self._labeller.mature(self._time.now())]
        for start in range(0, len(told), AT_ONCE):
            await self._events.record(told[start : start + AT_ONCE])
        return len(told)
