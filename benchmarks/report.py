"""What a report costs: CPU seconds and memory by the length of the journal that it is read out of.

    python -m benchmarks.report [--events N] [--days D] [--json]

The journal is made on the fly with a fixed seed, in a database of its own: two questions an episode, thumbs for one
answer in twenty, and the labels that a served assistant would have told of each episode. `read_cpu_s` is all that a
report takes: reading, decoding, labelling and counting; `last_days_cpu_s` is a report of the last D days alone. Memory
is how much more the process holds at most while it reads.
"""

import argparse
import asyncio
import gc
import random
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from shipmate.adapters.sqlite.store import SqliteStore
from shipmate.insight.labeller import Labeller
from shipmate.insight.labels import matured_event
from shipmate.insight.reading import Reading, read
from shipmate.insight.report import Report
from shipmate.messages import Entry, Event

__all__ = ["main"]

SEED = 1
END = 1_790_000_000.0
BETWEEN_S = 2.6
USERS, INTENTS, RELEASES = 20_000, 10, 4
THUMBS_EVERY, LABELS_EVERY = 20, 500
AT_ONCE = 5000
DAY_S = 24 * 3600


class Figures(msgspec.Struct, frozen=True):
    """What was measured."""

    events: int
    turns: int
    read_cpu_s: float
    us_per_event: float
    peak_mib: float
    last_days: float
    last_days_cpu_s: float
    seed: int = SEED


def events(n: int) -> Iterator[Event]:
    """Yield events as a served assistant would have written them, about this many."""
    rng = random.Random(SEED)
    labeller = Labeller()
    told = place = 0
    while told < n:
        at = END - (n - told) * BETWEEN_S
        turn = _turn(place, at, rng)
        labeller.take(Entry(place, turn))
        new = [turn]
        if place % THUMBS_EVERY == 0:
            new.append(_thumbs(turn, rng))
        if place % LABELS_EVERY == 0:
            new += map(matured_event, labeller.mature(at))
        yield from new
        told += len(new)
        place += 1


def _turn(place: int, at: float, rng: random.Random) -> Event:
    data: dict[str, object] = {
        "intent": f"intent_{rng.randrange(INTENTS)}",
        "intent_conf": 0.8,
        "kind": "answer",
        "confidence": 0.7,
        "citations": ["guide/accounts.md#100-200"],
        "cuts": {},
        "faulty": False,
        "abandoned": False,
        "ttft_ms": 3.2,
        "latency_ms": 1000 * rng.random(),
        "tokens_in": 0,
        "tokens_out": 0,
        "cost_usd": 0.0001,
    }
    return Event(
        name="assistant.turn.completed",
        ts=at,
        event_id=f"e{place:025d}",
        conversation_id=f"{place // 2:026d}",
        issue_id=f"i{place // 2:025d}",
        turn_id=f"{place:026d}",
        user_hash=f"{rng.randrange(USERS):024x}",
        lang="en",
        release=f"r{place % RELEASES}",
        charter_sha="c0ffee",
        index_sha="abcdefabcdef",
        data=data,
    )


def _thumbs(turn: Event, rng: random.Random) -> Event:
    return Event(
        name="assistant.feedback",
        ts=turn.ts + 20,
        event_id=f"f{turn.turn_id}",
        turn_id=turn.turn_id,
        data={"value": rng.choice([1, 1, -1])},
    )


async def measure(folder: Path, n: int, days: float) -> Figures:
    """Write a journal below a folder, and read it."""
    store = SqliteStore.open(folder / "journal.db")
    try:
        batch: list[Event] = []
        for event in events(n):
            batch.append(event)
            if len(batch) == AT_ONCE:
                await store.record(batch)
                batch = []
        await store.record(batch)
        gc.collect()
        gc.disable()
        last_cpu_s, _ = await _read(store, END - days * DAY_S)
        held = _peak_mib()
        cpu_s, found = await _read(store, 0.0)
        return Figures(
            events=n,
            turns=found.overall.turns,
            read_cpu_s=round(cpu_s, 2),
            us_per_event=round(1e6 * cpu_s / n, 1),
            peak_mib=round(_peak_mib() - held),
            last_days=days,
            last_days_cpu_s=round(last_cpu_s, 2),
        )
    finally:
        await store.close()


async def _read(store: SqliteStore, since: float) -> tuple[float, Report]:
    began = time.process_time()
    found = await read(store, Reading(now=END, since=since), since=since)
    return time.process_time() - began, found


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--days", type=float, default=1.0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder), args.events, args.days))
    if args.json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        for name, value in msgspec.to_builtins(found).items():
            print(f"{name:16} {value:,}")


if __name__ == "__main__":
    main()
