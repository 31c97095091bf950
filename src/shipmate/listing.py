"""What each place holds that documents come from: folders, files, repositories, websites."""

import shutil
from collections.abc import Callable, Iterable
from hashlib import blake2b
from pathlib import Path

from shipmate.knowledge.documents import Listing, list_file, list_files, select
from shipmate.ports import Clock
from shipmate.sources import DocumentFile, DocumentFolder, GitFolder, Origin, Website

__all__ = ["listings"]

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
