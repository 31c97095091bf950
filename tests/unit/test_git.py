"""Of a repository, what was committed is read: not the working tree, not what git does not track."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from shipmate.adapters.git import Repository
from shipmate.adapters.system_clock import SystemClock
from shipmate.errors import UsageError
from shipmate.knowledge.documents import Listing
from shipmate.knowledge.ingest import ingest
from shipmate.listing import listings
from shipmate.sources import GitFolder
from shipmate.testing.memory_index import MemoryIndex


@pytest.fixture
def repository(tmp_path: Path, required: Callable[[object, str], None]) -> Path:
    """Return a repository with a commit."""
    required(shutil.which("git"), "git")
    place = tmp_path / "manual"
    place.mkdir()
    git(place, "init", "-q")
    for name in ("docs/a.md", "docs/deep/b.md", "other.md", "docs/.hidden/c.md", "docs/logo.png"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(f"This is {name}, as committed.")
    (place / "docs" / "link.md").symlink_to("/etc/passwd")
    commit(place)
    return place


def git(place: Path, *words: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", "-C", str(place), *who, *words], check=True, capture_output=True, text=True).stdout


def commit(place: Path) -> None:
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "x")


def listed(place: Path, below: str = "") -> Listing:
    (listing,) = listings([GitFolder(path=place, prefix="manual/", below=below)], place, SystemClock())
    return listing


def test_committed_files_are_read_and_nothing_else(repository: Path) -> None:
    (repository / "docs" / "a.md").write_text("Edited, and not committed.")
    (repository / "docs" / "new.md").write_text("Not tracked.")
    listing = listed(repository, "docs")
    assert [entry.source for entry in listing.entries] == ["manual/a.md", "manual/deep/b.md"]
    assert listing.entries[0].read(1000) == b"This is docs/a.md, as committed."
    assert listing.state == git(repository, "rev-parse", "HEAD").strip()
    assert {entry.source for entry in listed(repository).entries} >= {"manual/docs/a.md", "manual/other.md"}


def test_only_what_a_commit_changed_is_read_again(repository: Path) -> None:
    index = MemoryIndex()
    assert ingest([listed(repository)], index).added == 3
    (repository / "other.md").write_text("Changed.")
    (repository / "docs" / "a.md").unlink()
    commit(repository)
    report = ingest([listed(repository)], index)
    assert (report.changed, report.removed, report.unchanged, report.read_bytes) == (1, 1, 1, 8)
    assert report.states == {"manual/": git(repository, "rev-parse", "HEAD").strip()}


def test_many_files_and_equal_ones_are_read(repository: Path) -> None:
    for number in range(600):
        (repository / f"{number}.txt").write_text(f"words {number % 500}")
    commit(repository)
    for entry in listed(repository).entries:
        if entry.suffix == ".txt":
            name = int(entry.source.removeprefix("manual/").removesuffix(".txt"))
            assert entry.read(100) == f"words {name % 500}".encode()


def test_folder_that_the_commit_does_not_hold_empties_nothing(repository: Path) -> None:
    for below in ("nothere", "docs/a.md"):
        with pytest.raises(UsageError, match=f"There is no folder {below} in the last commit"):
            listed(repository, below)


def test_every_folder_can_be_named_whatever_its_name_begins_with(repository: Path) -> None:
    for below in ("-x", ".github", ":(top)", "[a]"):
        (repository / below).mkdir()
        (repository / below / "z.md").write_text(f"This is in {below}.")
    commit(repository)
    for below in ("-x", ".github", ":(top)", "[a]"):
        (entry,) = listed(repository, below).entries
        assert entry.read(100) == f"This is in {below}.".encode()


def test_clone_without_contents_says_how_to_fetch_them(repository: Path, tmp_path: Path) -> None:
    git(repository, "config", "uploadpack.allowFilter", "true")
    part = tmp_path / "part"
    git(tmp_path, "clone", "-q", "--filter=blob:none", "--no-checkout", repository.as_uri(), str(part))
    with pytest.raises(UsageError) as caught:
        listed(part)
    assert "`git fetch --refetch --no-filter`" in caught.value.do
    git(part, "fetch", "-q", "--refetch", "--no-filter")
    assert len(listed(part).entries) == 3


def test_what_is_no_repository_says_so(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(UsageError, match="git does not read"):
        Repository(GitFolder(path=tmp_path, prefix=""))
