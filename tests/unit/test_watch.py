"""Changes are noticed when they have come to rest, and only then."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from shipmate.adapters.system_clock import SystemClock
from shipmate.listing import changes
from shipmate.sources import DocumentFile, DocumentFolder, Origin

LOOK_S = 0.05


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.md").write_text("words")
    return tmp_path


def watching(*origins: Origin) -> Iterator[None]:
    made = changes(origins, SystemClock(), look_s=LOOK_S)
    next(made)
    return made


def waited_s(changing: Iterator[None]) -> float:
    started = time.perf_counter()
    next(changing)
    return time.perf_counter() - started


def test_every_kind_of_change_is_noticed(folder: Path) -> None:
    changing = watching(DocumentFolder(path=folder, prefix=""), DocumentFile(path=folder / "a.md", prefix="x/"))
    (folder / "b.md").write_text("new")
    next(changing)
    about = (folder / "a.md").stat()
    (folder / "a.md").write_text("other")
    os.utime(folder / "a.md", ns=(about.st_atime_ns, about.st_mtime_ns + 1))
    next(changing)
    (folder / "b.md").rename(folder / "c.md")
    next(changing)
    (folder / "c.md").unlink()
    next(changing)


def test_change_during_an_ingest_is_noticed_after_it(folder: Path) -> None:
    changing = changes([DocumentFolder(path=folder, prefix="")], SystemClock(), look_s=LOOK_S)
    next(changing)
    (folder / "b.md").write_text("written while the first ingest runs")
    next(changing)


def test_file_that_is_being_written_is_waited_for(folder: Path) -> None:
    def write() -> None:
        for number in range(20):
            with (folder / "b.md").open("a") as file:
                file.write(f"{number} ")
            time.sleep(LOOK_S / 2)

    changing = watching(DocumentFolder(path=folder, prefix=""))
    writing = Thread(target=write)
    writing.start()
    assert waited_s(changing) > 20 * LOOK_S / 2 * 0.9
    assert len((folder / "b.md").read_text().split()) == 20
    writing.join()


def test_folder_that_goes_and_comes_again_is_no_fault(folder: Path) -> None:
    inner = folder / "docs"
    inner.mkdir()
    (inner / "b.md").write_text("words")
    changing = watching(DocumentFolder(path=inner, prefix=""))
    inner.rename(folder / "away")
    next(changing)
    (folder / "away").rename(inner)
    next(changing)
