"""The benchmarks of memory count what they say they count."""

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from benchmarks import memory, memory_lift

TURNS = (
    {"id": "1", "session": "s1", "date": "3 May 2026", "speaker": "Ada", "text": "Where is the blue parcel?"},
    {"id": "2", "session": "s1", "date": "3 May 2026", "speaker": "Bob", "text": "With the courier."},
    {"id": "3", "session": "s2", "date": "9 June 2026", "speaker": "Ada", "text": "It rained all day."},
)
QUERIES = (
    {"text": "Who has the parcel?", "category": 1, "gold": {"2": 1}},
    {"text": "What was the weather, a zebra?", "category": 1, "gold": {"3": 1}},
    {"text": "Who has the parcel?", "category": 5, "gold": {"3": 1}},
    {"text": "Who has the parcel?", "category": 1, "gold": {}},
)


def write(file: Path, rows: Sequence[Mapping[str, object]]) -> None:
    file.write_bytes(gzip.compress(b"\n".join(map(msgspec.json.encode, rows))))


def test_evidence_is_counted_over_questions_that_have_some(tmp_path: Path) -> None:
    """Of four questions one asks for what was never said and one has no evidence; one of the others finds its turn."""
    write(tmp_path / "turns_one.jsonl.gz", TURNS)
    write(tmp_path / "queries_one.jsonl.gz", QUERIES)
    figures = memory.measure(tmp_path)
    assert (figures["questions"], figures["turns"]) == (2, 3)
    assert (figures["recall@5"], figures["recall@10"]) == (50.0, 50.0)
    # "Where is the blue parcel ?" and "With the courier ." to the first, nothing to the second.
    assert (figures["tokens@5"], figures["tokens_all"]) == (5, 15)


def test_a_difference_comes_with_its_interval_over_paired_turns() -> None:
    same = memory_lift.difference([0.5, 1.0, 0.0], [0.5, 1.0, 0.0])
    assert (same["points"], same["interval"], same["lift_percent"]) == (0.0, [0.0, 0.0], 0.0)
    better = memory_lift.difference([0.5] * 8, [0.5] * 4 + [1.0] * 4)
    assert (better["without"], better["with"], better["points"], better["lift_percent"]) == (50.0, 75.0, 25.0, 50.0)
    assert better["interval"] == [pytest.approx(6.2, abs=0.2), pytest.approx(43.8, abs=0.2)]
