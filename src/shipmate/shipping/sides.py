"""Two versions beside each other: built releases, files that hold one, or the folder as it is."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from shipmate.adapters.bundle_file import unpack
from shipmate.config import Project
from shipmate.knowledge.collection import Collection
from shipmate.live import read_live
from shipmate.messages import Passage, Record
from shipmate.release import bundle, snapshot
from shipmate.release.bundle import FILES
from shipmate.release.difference import Difference, Side, difference, differing, wider
from shipmate.release.shelf import found, home_of
from shipmate.shipping.build import written_files
from shipmate.shipping.shelved import is_file
from shipmate.versions import opened

__all__ = ["DEV", "Drift", "diff", "drift", "returned", "widened"]

# The folder as it is.
DEV = "dev"


def diff(project: Project, before: str, after: str) -> Difference:
    """Return what is different between two versions: ids of releases, files that hold one, `dev` for the folder."""
    with _side(project, before) as one, _side(project, after) as other:
        return difference(one, other)


class Drift(Record, frozen=True, kw_only=True):
    """How far the folder is from the release that answers."""

    release: str
    files: tuple[str, ...]
    documents: tuple[str, ...]


def drift(project: Project) -> Drift | None:
    """Return how the folder differs from the release that is live; None where the folder itself answers."""
    release = read_live(project.state).release
    if not release:
        return None
    with _side(project, release) as one, _side(project, DEV) as other:
        files, documents = differing(one, other)
    return Drift(release=release, files=tuple(files), documents=tuple(documents))


def widened(project: Project, release: str) -> list[str]:
    """Return the documents that a release shows to more people than the folder does as it is."""
    with _side(project, release) as one, _side(project, DEV) as other:
        return wider(one, other)


def returned(project: Project, release: str) -> list[str]:
    """Return the documents that a release shows though the folder has them no more."""
    with _side(project, release) as one, _side(project, DEV) as other:
        return sorted(one.documents.keys() - other.documents.keys())


@contextmanager
def _side(project: Project, named: str) -> Iterator[Side]:
    if named == DEV:
        with opened(project) as collections:
            yield _folder(project, collections)
    elif is_file(named):
        with TemporaryDirectory(prefix="shipmate-") as name:
            unpack(Path(named), Path(name))
            yield _release(Path(name), Path(named).name)
    else:
        release = found(project.state, named)
        yield _release(home_of(project.state, release), release)


def _folder(project: Project, collections: Sequence[Collection]) -> Side:
    fingerprints: dict[str, str] = {}
    places: dict[str, Collection] = {}
    for collection in collections:
        own = collection.index.sources()
        fingerprints |= own
        places |= dict.fromkeys(own, collection)

    def passages(sources: set[str]) -> Mapping[str, Sequence[Passage]]:
        return {source: places[source].index.passages(source) for source in sources}

    return Side(name=DEV, files=written_files(project), documents=fingerprints, passages=passages)


def _release(home: Path, name: str) -> Side:
    manifest, _ = bundle.read_manifest(home)
    names = [file.removeprefix(f"{FILES}/") for file in manifest.files if file.startswith(f"{FILES}/")]

    def passages(sources: set[str]) -> Mapping[str, Sequence[Passage]]:
        return {
            document.source: document.passages
            for own in manifest.collections
            for document in snapshot.read(home / own.snapshot)
            if document.source in sources
        }

    return Side(
        name=name,
        files={file: (home / FILES / file).read_bytes() for file in names if file != bundle.REPORT},
        documents={
            heading.source: heading.fingerprint
            for own in manifest.collections
            for heading in snapshot.headings(home / own.snapshot)
        },
        passages=passages,
    )
