"""How much memory a trial takes on a server: `python -m benchmarks.trial_memory [--turns N] [--json]`.

Turns of users who come back are written as a house writes them, each with its judgement, and each issue matures. The
code that keeps a trial reads them; what it then holds is printed, and what 14 days with 200,000 turns a day would take.
"""

import argparse
import json
import time
import tracemalloc
from collections.abc import Iterator
from random import Random

from shipmate.live import BUCKETS, bucket
from shipmate.messages import Entry, Event
from shipmate.release.canary.fold import Fold
from shipmate.release.canary.run import Run

TURNS = 300_000
TURNS_OF_USER = 6
TURNS_OF_ISSUE = 2
FLAGGED, DOWN, LABELLED = 0.03, 0.02, 0.001
SHARE = 0.5
BUSY = 200_000 * 14
START = 1_795_420_800.0
RUN = Run(
    run="run-1",
    started_at=START,
    control="control",
    candidate="v2",
    control_release="",
    release="r2",
    salt="salt",
    change="change",
    gate="report",
)


def main() -> None:
    """Print what is held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measured(given.turns)
    print(json.dumps(found) if given.json else "\n".join(f"{name:24} {value:,.1f}" for name, value in found.items()))


def measured(turns: int) -> dict[str, float]:
    """Return the memory that a trial of so many turns holds, and what reading them costs."""
    fold = Fold(RUN)
    tracemalloc.start()
    halves = []
    for half in range(2):
        for event in events(turns // 2, seed=half):
            fold.take((Entry(0, event),))
        halves.append(tracemalloc.get_traced_memory()[0] / 2**20)
    tracemalloc.stop()
    some = list(events(20_000))
    begun = time.process_time()
    Fold(RUN).take(Entry(0, event) for event in some)
    spent_s = time.process_time() - begun
    begun = time.process_time()
    fold.counts(START + 86_400)
    return {
        "turns": turns,
        "mb": halves[1],
        # By the second half: what comes first is the same for every trial.
        "mb_per_100k_turns": (halves[1] - halves[0]) / (turns / 2) * 100_000,
        "mb_of_14_busy_days": halves[1] + (halves[1] - halves[0]) / (turns / 2) * (BUSY - turns),
        "us_per_event": spent_s / len(some) * 1e6,
        "ms_to_count": (time.process_time() - begun) * 1e3,
    }


def events(turns: int, seed: int = 1) -> Iterator[Event]:
    """Yield the journal of so many turns."""
    random = Random(seed)
    users = [f"{seed}{number:023x}" for number in range(max(1, turns // TURNS_OF_USER))]
    for number in range(turns):
        user, turn, at = random.choice(users), f"01JD{seed}{number:021}", START + (seed * turns + number) * 0.4
        yield _event("flag.exposure", at, user, turn)
        yield _event("assistant.turn.completed", at, user, turn, kind="answer", latency_ms=90.0, cost_usd=0.0001)
        label = "flagged" if random.random() < FLAGGED else "supported"
        yield _event(
            "gen_ai.evaluation.result", at + 3, user, turn, name="hallucination", label=label, judge_version="j"
        )
        if random.random() < DOWN:
            yield _event("assistant.feedback", at + 5, user, turn, value=-1)
        if random.random() < LABELLED:
            yield _event(
                "gen_ai.evaluation.result",
                at,
                user,
                turn,
                name="hallucination",
                label="supported",
                judge_version="human",
            )
        if number % TURNS_OF_ISSUE == 0:
            told = {"window": "fast", "opened_at": at, "revises": "", "reason": "silence"}
            yield _event("assistant.issue.matured", at + 1800, user, turn, ftr_label=int(random.random() < 0.7), **told)


def _event(name: str, at: float, user: str, turn: str, /, **data: object) -> Event:
    is_candidate = bucket(RUN.salt, user) < SHARE * BUCKETS
    return Event(
        name=name,
        ts=at,
        event_id=f"{name} {turn}",
        issue_id=f"issue {turn}",
        turn_id=turn,
        user_hash=user,
        variant="v2" if is_candidate else "control",
        flag_key=RUN.run,
        data=data,
    )


if __name__ == "__main__":
    main()
