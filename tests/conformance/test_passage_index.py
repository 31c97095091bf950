"""Every passage index keeps the promises of its port; the one on disk also outlives kills, full disks and damage."""

import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from shipmate.adapters.tantivy_index import TantivyIndex
from shipmate.errors import Damaged, DiskFull, FolderInUse
from shipmate.knowledge.outline import outline
from shipmate.messages import Passage
from shipmate.testing.conformance.passage_index import CHECKS, OpenIndex, passage
from shipmate.testing.memory_index import Commits, MemoryIndex

KILLS = 5
SOURCES = ("a.md", "b.md", "c.md")
WRITER = """
import itertools, pathlib, sys
from shipmate.adapters.tantivy_index import TantivyIndex
from shipmate.testing.conformance.passage_index import passage
index = TantivyIndex(pathlib.Path(sys.argv[1]))
for number in itertools.count(int(sys.argv[2])):
    said = f"commit{number} " + "and some more words that take their time " * 200
    index.write([(name, str(number), [passage(name, said)] * 20) for name in ("a.md", "b.md", "c.md")], [f"{number}.md"])
    print(number, flush=True)
"""


def _memory(_: Path) -> OpenIndex:
    commits = Commits()
    return lambda: MemoryIndex(commits)


INDEXES: dict[str, Callable[[Path], OpenIndex]] = {
    "memory": _memory,
    "tantivy": lambda folder: lambda: TantivyIndex(folder / "index"),
}


@pytest.mark.parametrize("open_index", INDEXES.values(), ids=INDEXES)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_index_keeps_its_promises(
    check: Callable[[OpenIndex], None], open_index: Callable[[Path], OpenIndex], tmp_path: Path
) -> None:
    check(open_index(tmp_path))


def test_killed_writer_leaves_a_whole_commit_and_the_next_one_goes_on(tmp_path: Path) -> None:
    moments = random.Random(7)
    acknowledged = 0
    for _ in range(KILLS):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(acknowledged + 1)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        acknowledged = int(writer.stdout.readline())
        time.sleep(moments.uniform(0, 0.08))
        writer.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, writer.stdout.read().split())])
        writer.wait()
        writer.stdout.close()
        index = TantivyIndex(tmp_path)
        (committed,) = set(index.sources().values())
        assert int(committed) in {acknowledged, acknowledged + 1}
        assert set(index.sources()) == set(SOURCES)
        assert len(index.search({f"commit{committed}": 1.0}, 100)) == 20 * len(SOURCES)
        acknowledged = int(committed)


def test_full_disk_is_said_and_leaves_no_half_written_file(tmp_path: Path) -> None:
    index = TantivyIndex(tmp_path)
    index.write([("kept.md", "1", [passage("kept.md", "zebra")])], [])
    files = {file.name for file in tmp_path.rglob("*")}
    noise = random.Random(1)
    large = [passage("large.md", noise.randbytes(1000).hex()) for _ in range(2000)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))
    try:
        with pytest.raises(DiskFull, match=r"run `shipmate ingest` again"):
            index.write([("large.md", "1", large)], ["kept.md"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {file.name for file in tmp_path.rglob("*")} == files
    for reader in (index, TantivyIndex(tmp_path)):
        assert reader.sources() == {"kept.md": "1"}
    index.write([("large.md", "1", large)], ["kept.md"])
    assert index.sources() == {"large.md": "1"}


def test_second_writer_is_refused_and_readers_are_not(tmp_path: Path) -> None:
    index, other = TantivyIndex(tmp_path), TantivyIndex(tmp_path)

    def meanwhile() -> Iterator[tuple[str, str, Sequence[Passage]]]:
        with pytest.raises(FolderInUse):
            other.write([], ["a.md"])
        assert TantivyIndex(tmp_path).sources() == {}
        yield "a.md", "1", [passage("a.md", "zebra")]

    index.write(meanwhile(), [])
    other.write([], ["a.md"])
    assert index.refresh()
    assert index.sources() == {}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"{}"])
def test_damaged_index_says_how_to_mend_it(tmp_path: Path, content: bytes) -> None:
    TantivyIndex(tmp_path)
    (meta,) = tmp_path.rglob("meta.json")
    meta.write_bytes(content)
    with pytest.raises(Damaged, match=r"Delete .* and run `shipmate ingest`"):
        TantivyIndex(tmp_path)


def test_index_of_an_earlier_version_is_not_read_and_the_next_ingest_replaces_it(tmp_path: Path) -> None:
    earlier = tmp_path / "passages-1"
    earlier.mkdir()
    (earlier / "meta.json").write_text("of another format")
    index = TantivyIndex(tmp_path)
    assert index.sources() == {}
    assert earlier.exists()
    index.write([("a.md", "1", [passage("a.md", "zebra")])], [])
    assert not earlier.exists()
    assert TantivyIndex(tmp_path).sources() == {"a.md": "1"}


def test_passage_that_is_read_has_the_outline_that_was_made_at_ingest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    TantivyIndex(tmp_path).write([("a.md", "1", [passage("a.md", "A zebra eats grass. It sleeps.")])], [])
    made = outline(passage("a.md", "A zebra eats grass. It sleeps."))
    outline.cache_clear()
    monkeypatch.setattr("shipmate.knowledge.outline.sentence_spans", None)
    (hit,) = TantivyIndex(tmp_path).search({"zebra": 1.0}, 1)
    assert outline(hit.passage) == made


def test_index_whose_files_are_gone_is_damaged(tmp_path: Path) -> None:
    TantivyIndex(tmp_path).write([("a.md", "1", [passage("a.md", "zebra")])], [])
    for file in tmp_path.rglob("*.idx"):
        file.unlink()
    with pytest.raises(Damaged):
        TantivyIndex(tmp_path)


def test_reader_outlives_that_its_folder_is_made_anew(tmp_path: Path) -> None:
    reader = TantivyIndex(tmp_path)
    for file in [*tmp_path.rglob("*.*")]:
        file.unlink()
    assert not reader.refresh()
    TantivyIndex(tmp_path).write([("a.md", "1", [passage("a.md", "zebra")])], [])
    assert reader.refresh()
    assert reader.sources() == {"a.md": "1"}
