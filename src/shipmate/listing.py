"""What each place holds that documents come from: folders, files, repositories, websites."""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from msgspec.structs import replace

from shipmate.errors import ShipmateError, UsageError
from shipmate.knowledge.documents import File, Listing, list_file, list_files, select
from shipmate.ports import Clock
from shipmate.sources import DocumentFile, DocumentFolder, GitFolder, Origin, Website

__all__ = ["changes", "document_names", "listings"]

# How often places are looked at: what has rested so long is taken for finished, not for half-written.
LOOK_S = 1.0
# Looking takes one part of so many of the time, however large the folders are.
LOOKING_SHARE = 20
# How long a website is left alone between two visits.
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


def document_names(origins: Sequence[Origin], state: Path, clock: Clock) -> set[str] | None:
    """Return what the documents are called; None where a place has vanished, or a website was not visited yet."""
    try:
        found = listings(origins, state, clock, visits=False)
    except UsageError:
        return None
    sites = {origin.url for origin in origins if isinstance(origin, Website)}
    if any(listing.place in sites and not listing.entries for listing in found):
        return None
    return {entry.source for listing in found for entry in listing.entries}


def changes(
    places: Callable[[], Sequence[Origin]],
    settings: Callable[[], Iterable[Path]],
    clock: Clock,
    *,
    look_s: float = LOOK_S,
    visit_s: float = VISIT_S,
) -> Iterator[bool]:
    """Yield at once, and from then on whenever the places or the settings' files have changed and come to rest.

    Never ends. What is yielded says whether websites are to be visited: their turn comes by the hour, not whenever a
    file is saved. Everything is looked at again and again because notices of the system are lost on network drives and
    in containers. Raises what `places` does at first; later the places from before are kept until it can tell again.
    """
    watched = _Watched(places, settings)
    known = before = watched.marks()
    sites = watched.sites()
    yield True
    visited = clock.elapsed()
    while True:
        started = clock.elapsed()
        now = watched.marks()
        took_s = clock.elapsed() - started
        visits = watched.sites() != sites or (bool(sites) and started - visited >= visit_s)
        if now == before and (now != known or visits):
            known, sites = now, watched.sites()
            yield visits
            visited = clock.elapsed() if visits else visited
        before = now
        time.sleep(max(look_s, took_s * LOOKING_SHARE))


class _Watched:
    """What is looked at: the files that say where documents are, and the places that they name."""

    def __init__(self, places: Callable[[], Sequence[Origin]], settings: Callable[[], Iterable[Path]]) -> None:
        self._places = places
        self._settings = settings
        self._said: list[object] = self._files()
        self._origins = places()

    def marks(self) -> list[object]:
        """Return what is another as soon as a setting or a document is, without reading any document."""
        said = self._files()
        if said != self._said:
            # While they cannot be read, they are read anew with each look: what is amiss may lie elsewhere.
            with suppress(ShipmateError):
                self._origins = self._places()
                self._said = said
        return [said, self._origins, *(mark for origin in self._origins for mark in _mark(origin))]

    def sites(self) -> list[Website]:
        """Return the websites, without saying who may see them: that takes no visit."""
        return [replace(origin, audience=()) for origin in self._origins if isinstance(origin, Website)]

    def _files(self) -> list[object]:
        return [mark for path in self._settings() for mark in _file_mark(path)]


def _mark(origin: Origin) -> Iterator[object]:
    if isinstance(origin, Website):
        return
    with suppress(UsageError, OSError):
        if isinstance(origin, GitFolder):
            from shipmate.adapters.git import last_commit

            yield last_commit(origin)
            return
        listing = list_files(origin) if isinstance(origin, DocumentFolder) else list_file(origin)
        for file in listing.entries:
            if isinstance(file, File):
                yield from _file_mark(file.path)


def _file_mark(path: Path) -> Iterator[object]:
    with suppress(OSError):
        about = path.stat()
        yield str(path), about.st_size, about.st_mtime_ns, about.st_ino


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
