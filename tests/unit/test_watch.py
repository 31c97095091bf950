"""Changes are noticed when they have come to rest, and only then."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from shipmate.adapters.system_clock import SystemClock
from shipmate.errors import UsageError
from shipmate.listing import changes
from shipmate.sources import DocumentFile, DocumentFolder, Origin, Website

LOOK_S = 0.05
INGEST_S = 0.5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.md").write_text("words")
    return tmp_path


def watching(*origins: Origin) -> Iterator[bool]:
    made = changes(lambda: origins, list, SystemClock(), look_s=LOOK_S)
    next(made)
    return made


def waited_s(changing: Iterator[bool]) -> float:
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
    changing = watching(DocumentFolder(path=folder, prefix=""))
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


def test_long_ingest_blinds_nobody(folder: Path) -> None:
    changing = watching(DocumentFolder(path=folder, prefix=""))
    (folder / "b.md").write_text("new")
    next(changing)
    time.sleep(INGEST_S)
    (folder / "c.md").write_text("written while the ingest ran")
    assert waited_s(changing) < 10 * INGEST_S


def test_websites_are_visited_when_their_turn_has_come_and_not_for_a_saved_file(folder: Path) -> None:
    site = Website(url="https://example.com/", prefix="https://example.com/")
    places: list[Origin] = [DocumentFolder(path=folder, prefix=""), site]
    settings = folder / "sources.yml"
    changing = changes(lambda: tuple(places), lambda: [settings], SystemClock(), look_s=LOOK_S, visit_s=60)
    assert next(changing)
    (folder / "b.md").write_text("new")
    assert not next(changing)
    places[1] = Website(url=site.url, prefix=site.prefix, audience=("staff",))
    settings.write_text("who may see it")
    assert not next(changing)
    places.append(Website(url="https://example.org/", prefix="https://example.org/"))
    settings.write_text("another website")
    assert next(changing)
    soon = changes(lambda: [site], list, SystemClock(), look_s=LOOK_S, visit_s=2 * LOOK_S)
    assert [next(soon) for _ in range(3)] == [True] * 3


def test_places_are_read_anew_when_the_settings_have_changed_or_could_not_be_read(folder: Path) -> None:
    settings = folder / "sources.yml"

    def places() -> list[Origin]:
        named = settings.read_text().split()
        if not all((folder / name).is_dir() for name in named):
            raise UsageError("There is no such folder.", do="Make it.")
        return [DocumentFolder(path=folder / name, prefix=f"{name}/") for name in named]

    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "a.md").write_text("words")
    settings.write_text("one")
    changing = changes(places, lambda: [settings], SystemClock(), look_s=LOOK_S)
    next(changing)
    settings.write_text("one two")
    next(changing)
    (folder / "two" / "a.md").write_text("other words")
    next(changing)
    settings.write_text("one three")
    next(changing)
    (folder / "three").mkdir()
    next(changing)
