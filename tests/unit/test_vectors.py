"""Vectors of passages: what is kept is found, by whom it may be, until it is removed."""

import resource
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from shipmate.errors import Damaged, StorageError
from shipmate.knowledge.nearest import COMPARED_ALL, sign_words
from shipmate.knowledge.vectors import Added, Vectors

DIMENSIONS = 16


def drawn(count: int, *, seed: int = 0, dimensions: int = DIMENSIONS) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def added(keys: Iterator[int] | range | list[int], rows: np.ndarray, *audience: str) -> Added:
    numbers = list(keys)
    return Added(numbers, [audience] * len(numbers), rows)


def opened(folder: Path, embedder: str = "hash") -> Vectors:
    return Vectors(folder, embedder=embedder, dimensions=DIMENSIONS)


def test_nearest_come_first_with_their_cosines(tmp_path: Path) -> None:
    rows = drawn(500)
    kept = opened(tmp_path)
    kept.write(added(range(500), rows))
    found = kept.search(rows[7], 5)
    exact = rows @ rows[7]
    assert list(found) == np.argsort(-exact)[:5].tolist()
    assert list(found.values()) == pytest.approx(np.sort(exact)[::-1][:5].tolist())
    assert kept.cosines(rows[7], [3, 7, 1000]) == pytest.approx({3: exact[3], 7: 1.0})
    assert kept.search(np.zeros(DIMENSIONS, np.float32), 5) == {}
    assert kept.search(rows[7], 0) == {}


def test_vectors_outlive_the_process_and_no_other_embedder_sees_them(tmp_path: Path) -> None:
    rows = drawn(20)
    opened(tmp_path).write(added(range(20), rows))
    assert set(opened(tmp_path).keys) == set(range(20))
    other = opened(tmp_path, "hash-2")
    assert len(other) == 0
    assert other.search(rows[0], 3) == {}
    other.write(added([5], rows[:1]))
    assert set(opened(tmp_path, "hash-2").keys) == {5}
    assert len(opened(tmp_path)) == 0


def test_reader_keeps_its_commit_until_it_refreshes(tmp_path: Path) -> None:
    rows = drawn(40)
    writer, reader = opened(tmp_path), opened(tmp_path)
    writer.write(added(range(20), rows[:20]))
    assert reader.search(rows[3], 1) == {}
    assert reader.refresh()
    assert not reader.refresh()
    for _ in range(5):
        writer.write(added(range(20, 40), rows[20:]), range(20))
    assert list(reader.search(rows[3], 1)) == [3]
    assert reader.refresh()
    assert 3 not in reader.search(rows[3], 40)


def test_passage_outside_the_audiences_is_not_found(tmp_path: Path) -> None:
    rows = drawn(30)
    kept = opened(tmp_path)
    kept.write(added(range(10), rows[:10], "staff"))
    kept.write(added(range(10, 30), rows[10:], "board", "sales"))
    assert list(kept.search(rows[4], 1, frozenset(("staff", "others")))) == [4]
    assert set(kept.search(rows[4], 30, frozenset(("sales",)))) == set(range(10, 30))
    assert kept.search(rows[4], 30) == {}
    kept.write(added([30], rows[:1]))
    assert list(kept.search(rows[4], 30)) == [30]
    assert set(opened(tmp_path).search(rows[4], 40, frozenset(("staff", "board")))) == set(range(31))


def test_large_block_finds_nearly_all_that_is_near(tmp_path: Path) -> None:
    """Texts lie in groups, and so do these rows."""
    count = COMPARED_ALL * 2
    middles = drawn(200, dimensions=64)
    rows = np.repeat(middles, count // 200, axis=0) + 0.1 * np.random.default_rng(2).standard_normal((count, 64))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    kept = Vectors(tmp_path, embedder="hash", dimensions=64)
    kept.write(added(range(count), rows))
    kept.write(added([-1], middles[:1], "staff"))
    hits = 0
    for row in rows[:: count // 50]:
        exact = np.argsort(-(rows @ row))[:10]
        hits += len(set(exact.tolist()) & kept.search(row, 10).keys())
    assert hits >= 0.98 * 500
    assert list(kept.search(middles[0], 1, frozenset(("staff",)))) == [-1]
    gone = [int(key) for key in kept.search(rows[0], 50)]
    kept.write(removed=gone)
    assert not set(gone) & kept.search(rows[0], 50).keys()
    assert len(kept) == count + 1 - len(gone)


@given(count=st.integers(1, 300), dimensions=st.integers(1, 70))
@settings(max_examples=20, deadline=None)
def test_signs_are_those_of_the_entries(count: int, dimensions: int) -> None:
    rows = drawn(count, dimensions=dimensions)
    words = sign_words(rows)
    assert words.shape == (-(-dimensions // 64), count)
    assert (np.bitwise_count(words).sum(0) == (rows > 0).sum(1)).all()


@pytest.mark.parametrize("harm", ["manifest", "short", "gone", "lies"])
def test_damage_is_found_at_opening_and_said(tmp_path: Path, harm: str) -> None:
    opened(tmp_path).write(added(range(20), drawn(20)))
    rows = next(tmp_path.glob("*.rows.npy"))
    match harm:
        case "manifest":
            (tmp_path / "vectors.json").write_bytes(b"{")
        case "short":
            rows.write_bytes(rows.read_bytes()[:-100])
        case "gone":
            rows.unlink()
        case "lies":
            np.save(rows, drawn(19))
    with pytest.raises(Damaged, match="run `shipmate ingest`"):
        opened(tmp_path)


def test_full_disk_changes_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    kept = opened(tmp_path)
    kept.write(added(range(20), drawn(20)))
    files = {file.name for file in tmp_path.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(StorageError):
            kept.write(added(range(1000), drawn(1000)), range(20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {file.name for file in tmp_path.iterdir()} == files
    for reader in (kept, opened(tmp_path)):
        assert set(reader.keys) == set(range(20))
    kept.write(added(range(1000), drawn(1000)), range(20))
    assert len(opened(tmp_path)) == 1000


class Kept(RuleBasedStateMachine):
    """Whatever is added and removed in whatever order: the folder holds what a dictionary would."""

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(mkdtemp(dir=self.folder))
        self.vectors = opened(self.home)
        self.expected: dict[int, int] = {}
        self.seed = 0

    @rule(keys=st.sets(st.integers(-20, 20), max_size=12), removed=st.sets(st.integers(-20, 20), max_size=8))
    def write(self, keys: set[int], removed: set[int]) -> None:
        self.seed += 1
        for key in removed:
            self.expected.pop(key, None)
        self.expected |= dict.fromkeys(keys, self.seed)
        self.vectors.write(added(sorted(keys), drawn(len(keys), seed=self.seed), f"{self.seed}"), removed)

    @invariant()
    def holds_what_was_written(self) -> None:
        reader = opened(self.home)
        assert sorted(reader.keys.tolist()) == sorted(self.expected)
        everybody = frozenset(map(str, range(self.seed + 1)))
        for kept in (reader, self.vectors):
            assert kept.search(drawn(1, seed=99)[0], 100, everybody).keys() == self.expected.keys()
        newest = {key for key, seed in self.expected.items() if seed == self.seed}
        assert reader.search(drawn(1, seed=99)[0], 100, frozenset((f"{self.seed}",))).keys() == newest


def test_folder_holds_what_a_dictionary_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)
    machine = type("KeptHere", (Kept,), {"folder": tmp_path})
    run_state_machine_as_test(machine, settings=settings(max_examples=25, stateful_step_count=8, deadline=None))
