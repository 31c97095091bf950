"""What single events of other rooms mean for a trial, whether those rooms are built yet or not."""

from datetime import UTC, datetime, timedelta

from shipmate.messages import Event

__all__ = ["had_weekday", "harm_of", "is_severe", "number"]

# The hours of a weekday that count as its peak.
PEAK = range(9, 17)
WEEKEND = 5
# Of a handoff, that a person is asked for.
ASKED_FOR = frozenset({"requested", "queued", "assigned", "claimed"})
BURN = 14.4


def had_weekday(since: float, until: float) -> bool:
    """Return whether an hour of a weekday's peak, in UTC, lies between two times."""
    at, end = datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC)
    while at <= min(end, datetime.fromtimestamp(since, UTC) + timedelta(days=4)):
        if at.weekday() < WEEKEND and at.hour in PEAK:
            return True
        at += timedelta(hours=1)
    return False


def harm_of(event: Event) -> str:
    """Return which kind of harm an event of another room is; empty for none."""
    room, _, what = event.name.removeprefix("assistant.").partition(".")
    if room == "handoff":
        return "handoff_request" if what in ASKED_FOR else ""
    for kind, beginning in (("sandbox_kill", "kill"), ("injection_block", "block")):
        if room == kind.partition("_")[0] and what.startswith(beginning):
            return kind
    return "error" if room == "error" else ""


def is_severe(event: Event) -> bool:
    """Return whether an event ends a trial by itself: a policy broken for sure, or an error budget that burns away."""
    if event.name.startswith(("assistant.policy", "policy")):
        return event.data.get("severity") == "P0" and bool(event.data.get("confirmed"))
    return event.name.endswith("slo.burn") and number(event, "rate") >= BURN


def number(event: Event, key: str) -> float:
    """Return a number of an event; 0 where there is none."""
    value = event.data.get(key)
    return float(value) if isinstance(value, int | float) else 0.0
