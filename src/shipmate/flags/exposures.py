"""Who has seen which arm of a trial: the journal's `flag.exposure` events, once for each user and run."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from shipmate.messages import Entry, Event, Record
from shipmate.ports import EventLog

__all__ = ["EXPOSURE", "SOURCE", "Exposure", "arms_of", "availability", "counts", "exposures", "seen_before"]

EXPOSURE = "flag.exposure"
# A flag service fails, or is back.
SOURCE = "flag.source"
BATCH = 1000


class Exposure(Record, frozen=True, kw_only=True):
    """The first time that a user was shown an answer of an arm."""

    run: str
    user_hash: str
    variant: str
    ts: float
    event_id: str
    # The user was shown another arm too, at whatever time: no figure of either arm may count on them.
    crossed: bool = False


def exposures(entries: Iterable[Entry]) -> dict[tuple[str, str], Exposure]:
    """Return the first exposure of each user in each run, by run and user.

    An event that comes twice, or late, or in another order changes nothing.
    """
    first: dict[tuple[str, str], Exposure] = {}
    for entry in entries:
        event = entry.event
        if event.name != EXPOSURE or not (event.flag_key and event.user_hash and event.variant):
            continue
        key = event.flag_key, event.user_hash
        seen = _seen(event)
        first[key] = _joined(first[key], seen) if key in first else seen
    return first


def counts(seen: Iterable[Exposure], run: str) -> Counter[str]:
    """Return how many users of a run each arm has: what a mismatch of the sample's shares is told from."""
    return Counter(exposure.variant for exposure in seen if exposure.run == run)


def arms_of(seen: Iterable[Exposure], run: str) -> dict[str, str]:
    """Return the arm of each user of a run, by the name that the journal gives them."""
    return {exposure.user_hash: exposure.variant for exposure in seen if exposure.run == run}


async def seen_before(journal: EventLog, run: str) -> dict[str, str]:
    """Return in which arm each user of a run was seen first, by the whole journal."""
    found: list[Entry] = []
    after = 0
    while read := await journal.events(after, BATCH):
        found += [entry for entry in read if entry.event.name == EXPOSURE and entry.event.flag_key == run]
        after = read[-1].seq
    return arms_of(exposures(found).values(), run)


def availability(source: str, what: str, *, ts: float, event_id: str) -> Event:
    """Return the event of a flag service that fails, for `what` reason, or is back, for none."""
    return Event(name=SOURCE, ts=ts, event_id=event_id, data={"source": source, "available": not what, "reason": what})


def _seen(event: Event) -> Exposure:
    return Exposure(
        run=event.flag_key, user_hash=event.user_hash, variant=event.variant, ts=event.ts, event_id=event.event_id
    )


def _joined(one: Exposure, other: Exposure) -> Exposure:
    """Return the earlier of two exposures of a user."""
    first, second = sorted((one, other), key=lambda exposure: (exposure.ts, exposure.event_id, exposure.variant))
    crossed = one.crossed or other.crossed or first.variant != second.variant
    return msgspec.structs.replace(first, crossed=crossed)
