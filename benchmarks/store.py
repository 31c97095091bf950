"""What the store costs: CPU per turn and turns per commit, by how many turns run at once.

`python -m benchmarks.store [--json] [--turns N] [--durable full]`
"""

import argparse
import asyncio
import gc
import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import msgspec
import uvloop

from shipmate.adapters.sqlite.store import SqliteStore
from shipmate.adapters.sqlite.writer import Effect, Job
from shipmate.adapters.system_clock import SystemClock
from shipmate.journal import Journal
from shipmate.messages import (
    Citation,
    Conversation,
    Message,
    Reply,
    ReplyKind,
    Role,
    Route,
    Scored,
    Step,
    Trace,
    TurnClosing,
    TurnOpening,
    Usage,
)

CONCURRENCY = (1, 16, 160)
ROUNDS = 3
QUESTION = "How do I reset the password of the account that I made last year? "
REPLY = QUESTION * 10

Turn = tuple[TurnOpening, TurnClosing]


def make_turn(clock: SystemClock, journal: Journal) -> Turn:
    """Return a turn of its own conversation, as large as one over a real index: eight passages, three citations."""
    conversation = Conversation(
        conversation_id=clock.new_id(), caller="local", opened_at=clock.now(), last_at=clock.now(), issue_id="i1"
    )
    turn_id = clock.new_id()
    citation = Citation(source="guide/accounts.md", title="Accounts", quote=QUESTION, start=10, end=200)
    reply = Reply(
        kind=ReplyKind.ANSWER,
        text=REPLY,
        citations=(citation,) * 3,
        confidence=0.7,
        intent="billing",
        conversation_id=conversation.conversation_id,
        turn_id=turn_id,
        usage=Usage(),
        latency_ms=2.2,
        release="dev-1234567",
    )
    passage = Scored(source="guide/accounts.md", title="Accounts", start=1, end=900, score=12.5, legs={"lexical": 12.5})
    trace = Trace(
        turn_id=turn_id,
        conversation_id=conversation.conversation_id,
        question=QUESTION,
        standalone=QUESTION,
        route=Route(intent="billing", confidence=0.9),
        passages=(passage,) * 8,
        cuts=(),
        steps=tuple(Step(name=name, ms=0.1) for name in ("open", "route", "search", "commit message", "draft")),
        reply=reply,
    )
    asked = Message(role=Role.USER, text=QUESTION, at=clock.now())
    answered = Message(role=Role.ASSISTANT, text=REPLY, at=clock.now())
    return (
        TurnOpening(turn_id=turn_id, conversation=conversation, message=asked),
        TurnClosing(
            conversation=conversation, message=answered, trace=trace, events=journal.turn_completed(conversation, trace)
        ),
    )


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one run has cost."""

    at_once: int
    cpu_us_per_turn: float
    turns_per_commit: float
    p50_ms: float
    p95_ms: float


async def measure(path: Path, turns: Sequence[Turn], at_once: int, durable: str) -> Cost:
    """Open and close all turns, so many at once, and tell what a turn cost the whole process."""
    store = SqliteStore.open(path, durable="full" if durable == "full" else "normal")
    commits = 0
    commit = store._writer._commit  # noqa: SLF001 - nothing else sees the commits

    def counted(jobs: Sequence[Job]) -> list[Effect | Exception]:
        nonlocal commits
        commits += 1
        return commit(jobs)

    vars(store._writer)["_commit"] = counted  # noqa: SLF001 - as above
    waits_ms: list[float] = []
    remaining = iter(turns)

    async def work() -> None:
        for opening, closing in remaining:
            began = time.perf_counter()
            await store.open_turn(opening)
            await store.close_turn(closing)
            waits_ms.append((time.perf_counter() - began) * 1000)

    began = time.process_time()
    await asyncio.gather(*(work() for _ in range(at_once)))
    cpu_s = time.process_time() - began
    await store.close()
    waits_ms.sort()
    return Cost(
        at_once=at_once,
        cpu_us_per_turn=cpu_s / len(turns) * 1e6,
        turns_per_commit=len(turns) / commits,
        p50_ms=median(waits_ms),
        p95_ms=waits_ms[int(len(waits_ms) * 0.95)],
    )


def main() -> None:
    """Print the median run of each concurrency."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--turns", type=int, default=4000)
    parser.add_argument("--durable", choices=["normal", "full"], default="normal")
    chosen = parser.parse_args()
    clock = SystemClock()
    journal = Journal(clock=clock, key=bytes(32), charter_sha="0123456789ab", index_sha="0123456789ab")
    runs: dict[int, list[Cost]] = {at_once: [] for at_once in CONCURRENCY}
    for _ in range(ROUNDS):
        for at_once, costs in runs.items():
            turns = [make_turn(clock, journal) for _ in range(chosen.turns)]
            # What was made beforehand is not the store's to look through.
            gc.freeze()
            with TemporaryDirectory() as folder:
                costs.append(uvloop.run(measure(Path(folder) / "s.db", turns, at_once, chosen.durable)))
    medians = [sorted(costs, key=lambda cost: cost.cpu_us_per_turn)[ROUNDS // 2] for costs in runs.values()]
    if chosen.json:
        print(json.dumps([msgspec.to_builtins(cost) for cost in medians]))
        return
    for cost in medians:
        print(
            f"{cost.at_once:4} at once: {cost.cpu_us_per_turn:6.1f} us CPU a turn, "
            f"{cost.turns_per_commit:5.1f} turns a commit, {cost.p50_ms:.2f} ms p50, {cost.p95_ms:.2f} ms p95"
        )


if __name__ == "__main__":
    main()
