"""When the assistant answered its own probes, from the journal: crashes count as probes that failed, planned stops not."""

from typing import NamedTuple

from shipmate.messages import Event

__all__ = ["MINUTE", "PROBE_EVERY_S", "STARTED", "STOPPED", "Probed", "Uptime"]

STARTED, MINUTE, STOPPED = "server.started", "server.minute", "server.stopped"
PROBE_EVERY_S = 15.0
# So long after its last word, a server that did not say that it stops is gone.
GONE_S = 150.0


class Probed(NamedTuple):
    """Probes that were due and those that were answered well, or a planned stop; and whose they are."""

    ts: float
    release: str
    due: float = 0.0
    good: float = 0.0
    stopped_s: float = 0.0


class Uptime:
    """Follows a server through its starts, minutes and stops."""

    def __init__(self) -> None:
        self._is_up = False
        self._last: Event | None = None

    def take(self, event: Event) -> list[Probed]:
        """Return what an event says of the time up to it."""
        last, self._last = self._last, event
        was_up, self._is_up = self._is_up, event.name != STOPPED
        found: list[Probed] = []
        if last and event.name == STARTED:
            found.append(self._between(last, event.ts, was_up=was_up))
        elif last and was_up and event.name == MINUTE:
            # By a clock that nobody sets: what was missed within one life of the server.
            silent_s = _number(event, "up_s") - _number(last, "up_s") - _number(event, "span_s")
            found.append(Probed(event.ts, last.release, due=max(0.0, silent_s) // PROBE_EVERY_S))
        if event.name != STARTED:
            found.append(Probed(event.ts, event.release, due=_number(event, "due"), good=_number(event, "good")))
        return found

    def until(self, now: float) -> list[Probed]:
        """Return what is to be said of the time since the last event."""
        last = self._last
        if last is None or not self._is_up or now - last.ts < GONE_S:
            return []
        return [self._between(last, now, was_up=True)]

    def _between(self, last: Event, now: float, *, was_up: bool) -> Probed:
        gap_s = max(0.0, now - last.ts)
        if was_up:
            return Probed(now, last.release, due=gap_s // PROBE_EVERY_S)
        return Probed(now, last.release, stopped_s=gap_s)


def _number(event: Event, name: str) -> float:
    value = event.data.get(name, 0.0)
    return float(value) if isinstance(value, int | float) else 0.0
