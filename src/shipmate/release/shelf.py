"""Where built releases stand: a folder for each, named by its id."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from shipmate.disk import disk_faults, keep_names
from shipmate.errors import Missing
from shipmate.release.bundle import ID_CHARS, MANIFEST, RELEASE_ID

__all__ = ["LOCK", "RELEASES", "SHELF_LOCK", "added", "dropped", "found", "home_of", "making", "shelved"]

RELEASES = "releases"
# Held, in the state folder, by whoever changes which release answers: never for long.
LOCK = "release.lock"
# Held by whoever brings a release to the shelf, makes its index or deletes it.
SHELF_LOCK = "shelf.lock"
# What folders are called in which a release is being made, or on its way out.
DRAFT = ".draft-"
LEAST_CHARS = 4


def home_of(state: Path, release: str) -> Path:
    """Return the folder of a release; raise `Missing` where there is none."""
    home = state / RELEASES / release
    if not RELEASE_ID.fullmatch(release) or not home.is_dir():
        raise Missing(
            f"There is no release {release!r}.", do="See `shipmate releases`, or build one: `shipmate build`."
        )
    return home


def shelved(state: Path) -> list[str]:
    """Return the ids of all releases, the one that was built or brought first at the beginning."""
    homes = [home for home in (state / RELEASES).glob("*") if RELEASE_ID.fullmatch(home.name) and home.is_dir()]
    return [home.name for home in sorted(homes, key=_place)]


def found(state: Path, written: str) -> str:
    """Return the id that somebody means, who may have written its beginning alone; raise `Missing`."""
    if len(written) == ID_CHARS:
        home_of(state, written)
        return written
    meant = [release for release in shelved(state) if release.startswith(written)]
    if len(written) < LEAST_CHARS or len(meant) != 1:
        many = f" {len(meant)} begin so." if len(meant) > 1 else ""
        raise Missing(f"There is no one release {written!r}.{many}", do="See `shipmate releases`.")
    return meant[0]


@contextmanager
def making(state: Path) -> Iterator[Path]:
    """Make a folder for a new release, which is gone when the `with` block ends unless it was added.

    Whoever holds the lock calls it: what others left who were killed is removed.
    """
    shelf = state / RELEASES
    with disk_faults(shelf):
        shelf.mkdir(mode=0o700, exist_ok=True)
        for left in shelf.glob(f"{DRAFT}*"):
            shutil.rmtree(left, ignore_errors=True)
        with TemporaryDirectory(dir=shelf, prefix=DRAFT) as name:
            draft = Path(name) / "release"
            draft.mkdir()
            yield draft


def added(state: Path, draft: Path, release: str) -> Path:
    """Put a complete release in its place, and away what was there; when this returns, a power cut changes nothing."""
    home = state / RELEASES / release
    with disk_faults(home):
        for folder, _, files in os.walk(draft):
            for name in files:
                _kept(Path(folder) / name)
            keep_names(Path(folder))
        if home.exists():
            home.rename(draft.with_name("replaced"))
        draft.rename(home)
        keep_names(home.parent)
    return home


def dropped(state: Path, release: str) -> None:
    """Delete a release: from the first moment it is not there, and never there in part."""
    home = home_of(state, release)
    gone = home.with_name(f"{DRAFT}{release}")
    with disk_faults(home):
        shutil.rmtree(gone, ignore_errors=True)
        home.rename(gone)
        keep_names(gone.parent)
        shutil.rmtree(gone)


def _place(home: Path) -> tuple[int, str]:
    try:
        return (home / MANIFEST).stat().st_mtime_ns, home.name
    except OSError:
        return 0, home.name


def _kept(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
