"""Measure what is recalled of long conversations, with the index that recall of past conversations uses.

    python -m benchmarks.memory --data DIR [--json]

DIR holds `turns_NAME.jsonl.gz` and `queries_NAME.jsonl.gz` for each conversation. Every session of a conversation is a
thread. Questions of category 5 ask for what was never said, and are left out, as are those without evidence.

recall@5, recall@10     percent: the share of a question's evidence turns among the first so many, mean over questions
tokens@5, tokens@10     words and signs in the turns that are handed over, mean over questions
tokens_all              the same if the whole conversation were handed over, which finds all evidence
cpu_ms_p50, cpu_ms_p95  CPU milliseconds of a question
add_ms                  CPU milliseconds to take in a turn, mean
"""

import argparse
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from benchmarks.answer_measures import mean, percentile
from benchmarks.question_sets import lines
from benchmarks.ranking_measures import recall
from shipmate.memory.spoken import Spoken, SpokenIndex

__all__ = ["main", "measure"]

DEPTHS = (5, 10)
NEVER_SAID = 5
TOKEN = re.compile(r"\w+|[^\w\s]")


class Line(msgspec.Struct, frozen=True):
    """One turn as the set has it."""

    id: str
    session: str
    date: str
    speaker: str
    text: str


class Asked(msgspec.Struct, frozen=True):
    """One question, and the turns that bear its answer out."""

    text: str
    category: int
    gold: dict[str, int] = {}


class Recalled(msgspec.Struct, frozen=True):
    """What was recalled to one question."""

    gold: dict[str, int]
    turns: tuple[Line, ...]
    tokens_all: int
    cpu_ms: float


def measure(folder: Path) -> dict[str, object]:
    """Return the figures over all conversations of a folder."""
    names = sorted(file.name.removeprefix("turns_") for file in folder.glob("turns_*.jsonl.gz"))
    results: list[Recalled] = []
    by_name = {}
    turns, add_ms = 0, 0.0
    for name in names:
        said = list(lines(folder / f"turns_{name}", Line))
        started_ns = time.process_time_ns()
        index = _index(said)
        add_ms += (time.process_time_ns() - started_ns) / 1e6
        turns += len(said)
        recalled = list(_answers(index, said, lines(folder / f"queries_{name}", Asked)))
        by_name[name.removesuffix(".jsonl.gz")] = _figures(recalled)
        results += recalled
    costs = [result.cpu_ms for result in results]
    return {
        **_figures(results),
        "questions": len(results),
        "turns": turns,
        "cpu_ms_p50": round(percentile(costs, 0.5), 3),
        "cpu_ms_p95": round(percentile(costs, 0.95), 3),
        "add_ms": round(add_ms / turns, 3),
        "sets": by_name,
    }


def _index(said: Sequence[Line]) -> SpokenIndex:
    sessions: dict[str, list[Spoken]] = defaultdict(list)
    for line in said:
        sessions[line.session].append(Spoken(text=line.text, speaker=line.speaker, day=line.date))
    index = SpokenIndex()
    for session, spoken in sessions.items():
        index.add(session, spoken)
    return index


def _answers(index: SpokenIndex, said: Sequence[Line], asked: Iterator[Asked]) -> Iterator[Recalled]:
    sessions: dict[str, list[Line]] = defaultdict(list)
    for line in said:
        sessions[line.session].append(line)
    tokens_all = _tokens(said)
    for question in asked:
        if question.category == NEVER_SAID or not question.gold:
            continue
        index.search(question.text, max(DEPTHS))
        started_ns = time.process_time_ns()
        found = index.search(question.text, max(DEPTHS))
        cpu_ms = (time.process_time_ns() - started_ns) / 1e6
        yield Recalled(question.gold, tuple(sessions[turn.thread][turn.place] for turn in found), tokens_all, cpu_ms)


def _figures(results: Sequence[Recalled]) -> dict[str, float]:
    figures = {}
    for depth in DEPTHS:
        shares = [recall([turn.id for turn in result.turns], result.gold, depth) for result in results]
        figures[f"recall@{depth}"] = round(100 * mean(shares), 1)
    for depth in DEPTHS:
        figures[f"tokens@{depth}"] = round(mean([_tokens(result.turns[:depth]) for result in results]))
    figures["tokens_all"] = round(mean([result.tokens_all for result in results]))
    return figures


def _tokens(turns: Sequence[Line]) -> int:
    return sum(len(TOKEN.findall(turn.text)) for turn in turns)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with turns and queries")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    result = measure(asked.data)
    if asked.json:
        print(msgspec.json.encode(result).decode())
        return
    for name, value in result.items():
        print(f"{name:12}", value)


if __name__ == "__main__":
    main()
