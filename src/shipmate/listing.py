"""What each place holds that documents come from: folders, files, repositories, websites."""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from shipmate.errors import UsageError
from shipmate.knowledge.documents import File, Listing, list_file, list_files, select
from shipmate.ports import Clock
from shipmate.sources import DocumentFile, DocumentFolder, GitFolder, Origin, Website

__all__ = ["changes", "listings"]

# How often places are looked at: what has rested so long is taken for finished, not for half-written.
LOOK_S = 1.0
# Looking takes one part of so many of the time, however large the folders are.
LOOKING_SHARE = 20
# How often a website is visited.
VISIT_S = 3600.0

Progress = Callable[[str, int, int], None]


def listings(
    origins: Iterable[Origin], state: Path, clock: Clock, *, visits: bool = True, progress: Progress = lambda *_: None
) -> list[Listing]:
    """List the documents of each place; without visits, websites as they were when they were visited last.

    Raises `UsageError` when a place has vanished: that must not empty the index.
    """
    origins = list(origins)
    sites = {_copy(origin, state) for origin in origins if isinstance(origin, Website)}
    for copy in (state / "websites").glob("*"):
        if copy not in sites and visits:
            shutil.rmtree(copy, ignore_errors=True)
    return [_listing(origin, state, clock, progress if visits else None) for origin in origins]


def changes(origins: Sequence[Origin], clock: Clock, *, look_s: float = LOOK_S) -> Iterator[None]:
    """Yield at once, and from then on whenever the places have changed and come to rest; never end.

    They are looked at again and again because notices of the system are lost on network drives and in containers.
    """
    known = before = _marks(origins, clock)
    yield
    while True:
        started = clock.elapsed()
        now = _marks(origins, clock)
        if now == before and now != known:
            known = now
            yield
        before = now
        time.sleep(max(look_s, (clock.elapsed() - started) * LOOKING_SHARE))


def _marks(origins: Sequence[Origin], clock: Clock) -> list[object]:
    """Return what is another as soon as a document is, without reading any."""
    return [mark for origin in origins for mark in _mark(origin, clock)]


def _mark(origin: Origin, clock: Clock) -> Iterator[object]:
    if isinstance(origin, Website):
        yield clock.elapsed() // VISIT_S
        return
    with suppress(UsageError, OSError):
        if isinstance(origin, GitFolder):
            from shipmate.adapters.git import last_commit

            yield last_commit(origin)
            return
        listing = list_files(origin) if isinstance(origin, DocumentFolder) else list_file(origin)
        for file in listing.entries:
            if isinstance(file, File):
                about = file.path.stat()
                yield file.source, about.st_size, about.st_mtime_ns, about.st_ino


def _listing(origin: Origin, state: Path, clock: Clock, progress: Progress | None) -> Listing:
    match origin:
        case DocumentFolder():
            return list_files(origin)
        case DocumentFile():
            return list_file(origin)
        case GitFolder():
            return _repository(origin)
        case Website():
            return _website(origin, _copy(origin, state), clock, progress)


def _repository(folder: GitFolder) -> Listing:
    from shipmate.adapters.git import Repository

    repository = Repository(folder)
    return select(folder.prefix, folder.path.name, repository.files(), state=repository.commit)


def _website(site: Website, copy: Path, clock: Clock, progress: Progress | None) -> Listing:
    from shipmate.knowledge.website import Mirror, visit

    mirror = Mirror(copy)
    problems = []
    if progress:
        from shipmate.adapters.web import Web

        web = Web(clock, allow_private=site.allow_private, requests_per_s=site.requests_per_s)
        problems = visit(site, mirror, web.get, progress=progress)
    return select(site.url, site.url, [*problems, *mirror.files(site)])


def _copy(site: Website, state: Path) -> Path:
    return state / "websites" / blake2b(site.url.encode(), digest_size=12).hexdigest()
