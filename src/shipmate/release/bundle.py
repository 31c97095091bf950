"""What a release is: the assistant's files as they were written, its documents as they were cut, and one manifest.

The manifest names every byte by its hash, and the release's id is the beginning of the manifest's own: whoever knows the
id knows what it is. No time, no path and no name of a machine is in it, so the same folder gives the same release.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated

import msgspec
from msgspec import Meta

from shipmate.disk import disk_faults
from shipmate.errors import Damaged, SchemaTooNew
from shipmate.messages import Record
from shipmate.signing import Signature
from shipmate.stack import LockedLayer

__all__ = [
    "FILES",
    "FORMAT",
    "ID_CHARS",
    "INDEX",
    "MANIFEST",
    "MANIFEST_BYTES",
    "PURPOSE",
    "RELEASE_ID",
    "REPORT",
    "SIGNATURE",
    "SIGNATURE_BYTES",
    "SNAPSHOT",
    "Content",
    "Documents",
    "Evaluation",
    "Manifest",
    "checksum",
    "contents",
    "encoded",
    "faults",
    "read_manifest",
    "read_signature",
    "release_id",
]

FORMAT = 1
MANIFEST = "manifest.json"
SIGNATURE = "signature.json"
FILES = "files"
SNAPSHOT = "snapshot"
# Made from the snapshot where it is missing, and no part of the release's id.
INDEX = "index"
# The report of the evaluation, among the files.
REPORT = "report.json"
# What it is signed as.
PURPOSE = "release"
ID_CHARS = 12
RELEASE_ID = re.compile(rf"[0-9a-f]{{{ID_CHARS}}}")
MANIFEST_BYTES = 16 << 20
SIGNATURE_BYTES = 4096
FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Content(Record, frozen=True, kw_only=True):
    """What one file holds."""

    sha256: str
    size: Annotated[int, Meta(ge=0)]


class Documents(Record, frozen=True, kw_only=True):
    """Documents that are searched together, in a snapshot of their own."""

    # Of the collection: empty for the one that most documents share.
    home: str
    # The groups that may know of it at all; empty: everyone.
    audience: tuple[str, ...] = ()
    documents: int = 0
    passages: int = 0
    # How many passages not everyone may see.
    restricted: int = 0

    @property
    def snapshot(self) -> str:
        """Return the snapshot's path in the release."""
        return f"{SNAPSHOT}/{self.home or 'shared'}.jsonl"


class Evaluation(Record, frozen=True, kw_only=True):
    """The report of an evaluation that belongs to this release."""

    # The report's path in the release.
    file: str
    # Of the cases that were asked.
    suite: str
    # What the gate has decided; empty where it was not asked.
    verdict: str = ""


class Manifest(Record, frozen=True, kw_only=True):
    """What a release consists of."""

    format: int
    # The version of Shipmate that has built it.
    shipmate: str
    # What the assistant is called.
    name: str
    charter_sha: str
    # The models and the other layers, with their settings.
    layers: dict[str, LockedLayer]
    # One hash of the files and documents that were built: the `dev-` release of the folder begins with it.
    content: str
    collections: tuple[Documents, ...]
    evaluation: Evaluation | None = None
    # By their paths.
    files: dict[str, Content]


def encoded(manifest: Manifest) -> bytes:
    """Return the bytes of a manifest: the same ones each time."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1) + b"\n"


def release_id(manifest: bytes) -> str:
    """Return the id of the release with this manifest."""
    return hashlib.sha256(manifest).hexdigest()[:ID_CHARS]


def read_manifest(home: Path) -> tuple[Manifest, bytes]:
    """Return the manifest of a release's folder, and its bytes; raise `Missing`, `Damaged`, `SchemaTooNew`."""
    path = home / MANIFEST
    with disk_faults(path), path.open("rb") as file:
        content = file.read(MANIFEST_BYTES)
    try:
        found = msgspec.json.decode(content)
        if isinstance(found, dict) and isinstance(number := found.get("format"), int) and number > FORMAT:
            written_by = str(found.get("shipmate", "a later version"))[:40]
            what = f"{home} was built by Shipmate {written_by}, in a form that this version does not know"
            raise SchemaTooNew(what, do="upgrade Shipmate")
        manifest = msgspec.json.decode(content, type=Manifest)
    except FAULTS as error:
        raise Damaged(f"{path} is no manifest of a release: {error}", do="take the release anew") from error
    if odd := sorted(name for name in manifest.files if not _is_inside(name)):
        raise Damaged(f"{path} names a file that cannot be in a release: {odd[0]!r}", do="take the release anew")
    return manifest, content


def read_signature(home: Path) -> Signature:
    """Return the signature beside a manifest; raise `Missing`, `Damaged`."""
    path = home / SIGNATURE
    with disk_faults(path), path.open("rb") as file:
        content = file.read(SIGNATURE_BYTES)
    try:
        return msgspec.json.decode(content, type=Signature)
    except FAULTS as error:
        raise Damaged(f"{path} is no signature: {error}", do="take the release anew") from error


def contents(home: Path) -> dict[str, Content]:
    """Return what a release's folder holds that its manifest is to name."""
    return {name: checksum(home / name) for name in _names(home)}


def faults(home: Path, release: str = "", *, without: str = "") -> Iterator[str]:
    """Yield what was changed since a release was built, file by file; raise what reading the manifest raises.

    `release` is the id under which it goes. What lies below the folder `without` is not looked at.
    """
    manifest, content = read_manifest(home)
    if release and release_id(content) != release:
        yield f"{MANIFEST} belongs to the release {release_id(content)}, not to {release}"
    found = set(_names(home))
    for name, expected in sorted(manifest.files.items()):
        if without and name.startswith(f"{without}/"):
            continue
        if name not in found:
            yield f"{name} is missing"
        elif (home / name).is_symlink():
            yield f"{name} is a link, where a file was built"
        elif (home / name).stat().st_size != expected.size or checksum(home / name) != expected:
            yield f"{name} was changed"
    for name in sorted(found - manifest.files.keys()):
        if not (without and name.startswith(f"{without}/")):
            yield f"{name} was added"


def checksum(path: Path) -> Content:
    """Return the size and the hash of a file."""
    with disk_faults(path), path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Content(sha256=digest, size=os.fstat(file.fileno()).st_size)


def _names(home: Path) -> list[str]:
    """Return the files of a release by their paths; a link is none."""
    return sorted(
        path.relative_to(home).as_posix()
        for part in (FILES, SNAPSHOT)
        for path in (home / part).rglob("*")
        if path.is_symlink() or not path.is_dir()
    )


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        path.as_posix() == name
        and not path.is_absolute()
        and ".." not in path.parts
        and "\0" not in name
        and path.parts[:1] in ((FILES,), (SNAPSHOT,))
        and len(path.parts) > 1
    )
