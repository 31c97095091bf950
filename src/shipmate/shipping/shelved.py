"""The releases of an installation: brought from a file, examined, listed, deleted."""

from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from shipmate import config
from shipmate.adapters.bundle_file import read_head, unpack
from shipmate.adapters.folder import FolderLock
from shipmate.config import Project
from shipmate.errors import Damaged, Missing, Untrusted, UsageError
from shipmate.live import Live, read_live, write_live
from shipmate.messages import Record
from shipmate.release import bundle, snapshot
from shipmate.release.bundle import FILES, INDEX, PURPOSE, Manifest
from shipmate.release.seal import broken
from shipmate.release.shelf import LOCK, SHELF_LOCK, added, dropped, found, home_of, making, shelved
from shipmate.signing import own_key, trusted_keys, verify
from shipmate.versions import is_index_sound, library_of, make_index

__all__ = [
    "Inspected",
    "Shelved",
    "brought",
    "check_signature",
    "delete",
    "examine",
    "inspect",
    "is_file",
    "releases",
    "trusted_by",
]


class Shelved(Record, frozen=True, kw_only=True):
    """A release in the list of all."""

    release: str
    name: str
    documents: int
    passages: int
    # Of all that is kept of it; what the index shares with other ones counts for each.
    bytes: int
    # Seconds since the epoch: when it was built here, or brought.
    at: float
    # "live", "previous", "on trial", or nothing.
    role: str
    # Why it cannot be read; empty: it can.
    fault: str = ""


class Inspected(Record, frozen=True, kw_only=True):
    """What a release says of itself."""

    release: str
    manifest: Manifest
    signed_by: str
    # Whose key that is: "this installation", a name from `trusted_keys`, or nothing for a stranger's.
    trusted_as: str
    role: str = ""


def trusted_by(project: Project) -> dict[str, str]:
    """Return whose signatures count, by their keys: one's own, and those that the folder trusts."""
    own = own_key(project.state)
    return {**trusted_keys(project.folder), **({own: "this installation"} if own else {})}


def releases(project: Project) -> list[Shelved]:
    """Return all releases, the one that was built or brought last at the beginning."""
    live = read_live(project.state)
    return [_told(project.state, release, live) for release in reversed(shelved(project.state))]


def delete(project: Project, written: str, *, even_previous: bool = False) -> str:
    """Delete a release that neither answers nor is on trial; return its id.

    What `rollback` goes back to is deleted only `even_previous`: then it goes back to the folder as it is.
    """
    state = project.state
    with FolderLock(state / SHELF_LOCK, "releases --delete"), FolderLock(state / LOCK, "releases --delete"):
        release = found(state, written)
        live = read_live(state)
        role = _role(release, live)
        if role == "previous" and even_previous:
            write_live(state, msgspec.structs.replace(live, previous=""))
        elif role:
            do = "Promote another one first." if role != "previous" else "Add --even-previous if it has to be gone."
            raise UsageError(f"The release {release} is {role}.", do=do)
        dropped(state, release)
        return release


def inspect(project: Project, named: str) -> Inspected:
    """Return what a release, or a file that holds one, says of itself; nothing but its manifest is read.

    Raises `Damaged` where that is not what the key has signed that stands beside it.
    """
    with _head(project, named) as (home, release):
        manifest, content = bundle.read_manifest(home)
        signature = bundle.read_signature(home)
        key = signature.key
        verify(content, signature, purpose=PURPOSE, trusted=(key,))
        own = bundle.release_id(content)
        role = _role(own, read_live(project.state)) if release else ""
        trusted = trusted_by(project)
        return Inspected(release=own, manifest=manifest, signed_by=key, trusted_as=trusted.get(key, ""), role=role)


def examine(project: Project, named: str, *, keys: Collection[str] = ()) -> tuple[str, list[str]]:
    """Return a release's id and what is wrong with it, file by file: nothing, when it is what was built and signed.

    `named` is its id, or a file that holds one; `keys` are trusted besides the folder's own.
    """
    trusted = {*trusted_by(project), *keys}
    if not is_file(named):
        release = found(project.state, named)
        home = home_of(project.state, release)
        return release, [*_faults(home, release, trusted), *_faults_of_index(home, release, trusted)]
    with TemporaryDirectory(prefix="shipmate-") as name:
        home = Path(name) / "release"
        home.mkdir()
        try:
            unpack(Path(named), home)
        except Damaged as error:
            return "", [error.what]
        return bundle.release_id(bundle.read_manifest(home)[1]), list(_faults(home, "", trusted))


def check_signature(project: Project, home: Path) -> None:
    """Raise `Untrusted` where nobody trusted has signed a release, `Damaged` where it is not what they signed."""
    content = bundle.read_manifest(home)[1]
    verify(content, bundle.read_signature(home), purpose=PURPOSE, trusted=trusted_by(project))


def brought(project: Project, file: Path) -> str:
    """Take in a release from a file, when it is what somebody trusted has signed; return its id.

    Whoever calls it holds the shelf. Raises `Damaged`, `Untrusted`, `SchemaTooNew`, `DiskFull`; then nothing is new.
    """
    state = project.state
    with making(state) as draft:
        unpack(file, draft)
        release = bundle.release_id(bundle.read_manifest(draft)[1])
        if wrong := list(bundle.faults(draft)):
            raise Damaged(
                f"{file} is not what was built: {'; '.join(wrong)}.", do="take it anew from where it was built"
            )
        check_signature(project, draft)
        if release in shelved(state) and not any(bundle.faults(home_of(state, release))):
            return release
        make_index(draft, config.load_built(draft / FILES, project), release)
        added(state, draft, release)
        return release


def _faults(home: Path, release: str, trusted: Collection[str]) -> Iterator[str]:
    try:
        yield from bundle.faults(home, release)
        content = bundle.read_manifest(home)[1]
    except (Damaged, Missing) as error:
        yield error.what
        return
    try:
        verify(content, bundle.read_signature(home), purpose=PURPOSE, trusted=trusted)
    except (Damaged, Missing, Untrusted) as error:
        yield f"{bundle.SIGNATURE}: {error.what}"


def _faults_of_index(home: Path, release: str, trusted: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with the index: its files, or the documents that it holds otherwise than the snapshot."""
    try:
        manifest, _ = bundle.read_manifest(home)
        changed = list(broken(home, release, trusted))
        yield from changed
        if changed:
            return
        library = library_of(manifest, home / INDEX)
        if not is_index_sound(library):
            yield f"{INDEX}/ does not open, or an earlier version made it; `shipmate promote` makes it anew"
            return
        for documents, collection in zip(manifest.collections, library.opened(), strict=True):
            with closing(collection):
                for source in snapshot.same_as(collection.index, home / documents.snapshot):
                    yield f"{INDEX}/ holds {source} otherwise than {documents.snapshot}"
    except (Damaged, Missing) as error:
        yield error.what


@contextmanager
def _head(project: Project, named: str) -> Iterator[tuple[Path, str]]:
    """Give a folder with manifest and signature, and the id under which it stands here; none of a file."""
    if not is_file(named):
        release = found(project.state, named)
        yield home_of(project.state, release), release
        return
    with TemporaryDirectory(prefix="shipmate-") as name:
        read_head(Path(named), Path(name))
        yield Path(name), ""


def is_file(named: str) -> bool:
    """Return whether a file is meant, and no release by its id."""
    return "/" in named or "." in named or Path(named).is_file()


def _role(release: str, live: Live) -> str:
    if release == live.release:
        return "live"
    if live.trial and release == live.trial.release:
        return "on trial"
    return "previous" if release == live.previous else ""


def _told(state: Path, release: str, live: Live) -> Shelved:
    home = home_of(state, release)
    name, documents, passages, fault = "", 0, 0, ""
    try:
        manifest, _ = bundle.read_manifest(home)
    except (Damaged, Missing) as error:
        fault = error.what
    else:
        name = manifest.name
        documents = sum(own.documents for own in manifest.collections)
        passages = sum(own.passages for own in manifest.collections)
    return Shelved(
        release=release,
        name=name,
        documents=documents,
        passages=passages,
        bytes=sum(path.stat().st_size for path in home.rglob("*") if path.is_file()),
        at=(home / bundle.MANIFEST).stat().st_mtime if not fault else home.stat().st_mtime,
        role=_role(release, live),
        fault=fault,
    )
