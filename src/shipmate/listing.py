"""What each place holds that documents come from: folders, files, repositories, websites."""

from collections.abc import Iterable
from pathlib import Path

from shipmate.knowledge.documents import Listing, list_file, list_files
from shipmate.sources import DocumentFile, DocumentFolder, GitFolder, Origin, Website

__all__ = ["listings"]


def listings(origins: Iterable[Origin], state: Path) -> list[Listing]:
    """List the documents of each place.

    Raises `UsageError` when a place has vanished: that must not empty the index.
    """
    return [_listing(origin, state) for origin in origins]


def _listing(origin: Origin, state: Path) -> Listing:
    match origin:
        case DocumentFolder():
            return list_files(origin)
        case DocumentFile():
            return list_file(origin)
        case GitFolder() | Website():
            raise NotImplementedError(state)
