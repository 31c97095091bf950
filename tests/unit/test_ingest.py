"""After an ingest the index holds the folders as they are, whatever they were before and whatever happened on the way."""

import asyncio
import random
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipmate.adapters.tantivy_index import TantivyIndex
from shipmate.errors import UsageError
from shipmate.knowledge import ingest as ingesting
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.documents import list_files
from shipmate.knowledge.ingest import IngestProgress, IngestReport, ingest
from shipmate.knowledge.search import Search
from shipmate.messages import Question
from shipmate.ports import PassageIndex
from shipmate.sources import DocumentFolder
from shipmate.testing.memory_index import MemoryIndex
from shipmate.text import stem

ANIMALS = ("zebra", "lion", "pelican", "otter")
NAMES = st.sampled_from(["a.md", "b.txt", "c.html", "deep/d.md"])
STATES = st.lists(st.dictionaries(NAMES, st.lists(st.sampled_from(ANIMALS)).map(" ".join)), min_size=1, max_size=4)


def _fill(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        path.unlink()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def _ingest(folder: Path, index: PassageIndex) -> IngestReport:
    return ingest([list_files(DocumentFolder(path=folder, prefix=""))], index, progress=lambda _: None)


def _found(index: PassageIndex, word: str) -> set[str]:
    return {hit.passage.source for hit in index.search({stem(word): 1.0}, 100)}


@settings(max_examples=50)
@given(STATES)
def test_index_always_equals_the_folder(states: list[dict[str, str]]) -> None:
    with TemporaryDirectory() as name:
        folder, index = Path(name), MemoryIndex()
        for files in states:
            _fill(folder, files)
            report = _ingest(folder, index)
            read = {name: content for name, content in files.items() if content}
            assert set(index.sources()) == set(read)
            assert report.added + report.changed + report.unchanged == len(read)
            for animal in ANIMALS:
                assert _found(index, animal) == {name for name, content in read.items() if animal in content}


def test_what_is_removed_is_found_by_no_search(tmp_path: Path) -> None:
    documents, index = tmp_path / "knowledge", TantivyIndex(tmp_path / "index")
    shown = {f"{number}.md": f"# Note {number}\n\nThe zebra has number {number}." for number in range(20)}
    _fill(documents, {**shown, "secret.md": "# Secret\n\nThe zebra's password is okapi."})
    _ingest(documents, index)
    assert _found(index, "okapi") == {"secret.md"}
    _fill(documents, shown)
    assert _ingest(documents, index).removed == 1
    for reader in (index, TantivyIndex(tmp_path / "index")):
        for words in ("okapi", "secret password", "zebra's password", "What is the zebra's number?"):
            hits = asyncio.run(Search(Collection(index=reader)).passages(Question(text=words, standalone=words), 100))
            assert "secret.md" not in {hit.passage.source for hit in hits}
        assert reader.passages("secret.md") == []
        assert reader.statistics.document_frequency("okapi") == 0


def test_only_what_has_changed_is_read_again(tmp_path: Path) -> None:
    index = MemoryIndex()
    _fill(tmp_path, {"a.md": "zebra", "b.md": "lion", "c.md": "otter"})
    first = _ingest(tmp_path, index)
    assert (first.added, first.passages, first.read_bytes) == (3, 3, 14)
    _fill(tmp_path, {"a.md": "zebra", "b.md": "pelican", "d.md": "otter"})
    second = _ingest(tmp_path, index)
    assert (second.added, second.changed, second.unchanged, second.removed, second.passages) == (1, 1, 1, 1, 2)


def test_other_cutting_reads_everything_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = MemoryIndex()
    _fill(tmp_path, {"a.md": "zebra"})
    _ingest(tmp_path, index)
    monkeypatch.setattr(ingesting, "CHUNKING", "other")
    assert _ingest(tmp_path, index).changed == 1


def test_unreadable_files_are_skipped_and_leave_the_index(tmp_path: Path) -> None:
    index = MemoryIndex()
    _fill(tmp_path, {"a.md": "zebra", "b.md": "lion"})
    _ingest(tmp_path, index)
    _fill(tmp_path, {"a.md": b"zebra\0", "b.md": "lion", "c.md": "gr\xfcn".encode("latin-1"), "d.rtf": b"words"})
    report = _ingest(tmp_path, index)
    assert set(index.sources()) == {"b.md"}
    assert {problem.file for problem in report.skipped} == {f"{tmp_path.name}/{name}" for name in ("a.md", "c.md")} | {
        tmp_path.name
    }
    assert all(problem.what and problem.do for problem in report.skipped)


def test_empty_folder_empties_the_index_and_a_missing_one_does_not(tmp_path: Path) -> None:
    documents, index = tmp_path / "knowledge", MemoryIndex()
    _fill(documents, {"a.md": "zebra"})
    _ingest(documents, index)
    moved = documents.rename(tmp_path / "elsewhere")
    with pytest.raises(UsageError):
        _ingest(documents, index)
    assert set(index.sources()) == {"a.md"}
    _fill(moved, {})
    report = _ingest(moved, index)
    assert (report.removed, index.sources()) == (1, {})
    assert "no documents" in report.skipped[0].what


def test_several_folders_keep_their_names_apart(tmp_path: Path) -> None:
    index = MemoryIndex()
    _fill(tmp_path / "knowledge", {"a.md": "zebra"})
    _fill(tmp_path / "docs", {"a.md": "lion"})
    folders = [
        DocumentFolder(path=tmp_path / "knowledge", prefix=""),
        DocumentFolder(path=tmp_path / "docs", prefix="docs/"),
    ]
    ingest([list_files(folder) for folder in folders], index, progress=lambda _: None)
    assert _found(index, "zebra") == {"a.md"}
    assert _found(index, "lion") == {"docs/a.md"}
    ingest([list_files(folders[0])], index, progress=lambda _: None)
    assert set(index.sources()) == {"a.md"}


def test_progress_ends_with_everything_done(tmp_path: Path) -> None:
    _fill(tmp_path, {"a.md": "zebra", "b.md": "lion"})
    steps: list[IngestProgress] = []
    ingest([list_files(DocumentFolder(path=tmp_path, prefix=""))], MemoryIndex(), progress=steps.append)
    assert [(step.source, step.done, step.done_bytes) for step in steps] == [("a.md", 0, 0), ("b.md", 1, 5), ("", 2, 9)]
    assert {(step.total, step.total_bytes) for step in steps} == {(2, 9)}


def test_interrupted_ingest_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt may come before any file: what was committed stays, and in the end all is there."""
    monkeypatch.setattr(ingesting, "BATCH_DOCUMENTS", 2)
    documents, moments = tmp_path / "knowledge", random.Random(3)
    _fill(documents, {f"{number}.md": f"zebra {number}" for number in range(10)})
    index = TantivyIndex(tmp_path / "index")
    committed = 0
    while committed < 10:
        stop = moments.randrange(committed, 11)

        def interrupt(progress: IngestProgress, stop: int = stop) -> None:
            if progress.done == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            ingest([list_files(DocumentFolder(path=documents, prefix=""))], index, progress=interrupt)
        assert len(index.sources()) >= max(committed, stop // 2 * 2 if stop > committed + 1 else 0)
        committed = len(index.sources())
    assert _ingest(documents, index).unchanged == 10
    assert len(_found(index, "zebra")) == 10
