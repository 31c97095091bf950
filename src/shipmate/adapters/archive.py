"""A folder as one file that proves what it holds: a compressed tar whose first entry lists every file's checksum."""

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Self

import msgspec

from shipmate import __version__
from shipmate.disk import disk_fault, disk_faults
from shipmate.errors import Damaged, DiskFull, SchemaTooNew

__all__ = ["FAULTS", "PlainFile", "add_file", "check_space", "pack", "unpack", "unusable", "write_file"]

FORMAT = 1
MANIFEST = "manifest.json"
MANIFEST_BYTES = 16 << 20
CHUNK_BYTES = 1 << 20
# Level 1 packs a database nearly as small as 9, several times as fast.
COMPRESSION = 1
# What reading an archive raises when it is none, was cut short, or means harm.
FAULTS = (
    tarfile.TarError,
    EOFError,
    gzip.BadGzipFile,
    zlib.error,
    msgspec.DecodeError,
    RecursionError,
    UnicodeDecodeError,
)


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What one file must be."""

    sha256: str
    size: Annotated[int, msgspec.Meta(ge=0)]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive holds."""

    format: int
    # The version of Shipmate that wrote it.
    shipmate: str
    files: dict[str, Content]


class PlainFile(tarfile.TarInfo):
    """An entry of an archive that can be nothing but a file; a header that goes on elsewhere is never read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a header; raise `ReadError` for one of a link, a folder, or of more headers."""
        entry = super().frombuf(buf, encoding, errors)
        if entry.type not in {tarfile.REGTYPE, tarfile.AREGTYPE} or entry.size < 0:
            raise tarfile.ReadError(f"{entry.name!r} is no plain file")
        return entry


def pack(folder: Path, archive: Path) -> None:
    """Write all files of a folder into an archive, which is there as a whole or not at all; only its owner reads it.

    Raises `DiskFull`, `StorageError`.
    """
    draft = archive.with_name(f"{archive.name}.{os.getpid()}.part")
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    try:
        with disk_faults(archive):
            _pack(folder, paths, draft)
            draft.replace(archive)
    finally:
        draft.unlink(missing_ok=True)


def unpack(archive: Path, folder: Path) -> None:
    """Write the files of an archive into a new folder, each proven by its checksum.

    Nothing is written outside the folder, whatever the archive says, and nothing but plain files. Raises `Missing`,
    `Damaged`, `SchemaTooNew` for an archive of a later version, `DiskFull` before anything is written.
    """
    with _reading(archive), tarfile.open(archive, mode="r:gz", tarinfo=PlainFile) as tar:
        expected = _read_manifest(tar, archive)
        check_space(sum(content.size for content in expected.values()), folder.parent)
        folder.mkdir()
        while member := tar.next():
            content = expected.pop(member.name, None)
            if content is None or member.size != content.size:
                raise unusable(archive, f"{member.name!r} is not what its manifest says")
            write_file(tar, member, folder / member.name)
            if _digest(folder / member.name) != content.sha256:
                raise unusable(archive, f"{member.name!r} has another checksum than its manifest says")
        if expected:
            raise unusable(archive, f"{min(expected)!r} is missing")


def unusable(archive: Path, what: str) -> Damaged:
    """Return the error for an archive that is not to be unpacked, or whose content is of no use."""
    return Damaged(f"{archive} cannot be used: {what}", do="take another backup; nothing was changed")


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    """Say in the house's words what is wrong with an archive."""
    try:
        yield
    except FAULTS as error:
        raise unusable(archive, str(error)) from error
    except OSError as error:
        raise disk_fault(error, archive) from error


def _pack(folder: Path, paths: list[Path], draft: Path) -> None:
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=COMPRESSION, format=tarfile.GNU_FORMAT) as tar:
            add_file(tar, MANIFEST, io.BytesIO(msgspec.json.encode(_manifest(folder, paths))))
            for path in paths:
                with path.open("rb") as content:
                    add_file(tar, path.relative_to(folder).as_posix(), content)
        file.flush()
        os.fsync(file.fileno())


def _manifest(folder: Path, paths: list[Path]) -> Manifest:
    files = {
        path.relative_to(folder).as_posix(): Content(sha256=_digest(path), size=path.stat().st_size) for path in paths
    }
    return Manifest(format=FORMAT, shipmate=__version__, files=files)


def _read_manifest(tar: tarfile.TarFile, archive: Path) -> dict[str, Content]:
    first = tar.next()
    content = tar.extractfile(first) if first and first.name == MANIFEST and first.size <= MANIFEST_BYTES else None
    if content is None:
        raise unusable(archive, "it does not begin with a manifest, so it is no backup of Shipmate's")
    manifest = msgspec.json.decode(content.read(), type=Manifest)
    if manifest.format > FORMAT:
        raise SchemaTooNew(
            f"{archive} was written by Shipmate {manifest.shipmate}, in a form that this version does not know",
            do=f"install it: `pip install 'shipmate>={manifest.shipmate}'`",
        )
    for name in manifest.files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
            raise unusable(archive, f"it names a file outside: {name!r}")
        if path.as_posix() != name or any(str(parent) in manifest.files for parent in path.parents):
            raise unusable(archive, f"{name!r} cannot be a file beside the others")
    return dict(manifest.files)


def check_space(size: int, place: Path) -> None:
    """Raise `DiskFull` where there is no room for so many bytes."""
    free = shutil.disk_usage(place).free
    if size > free:
        raise DiskFull(
            f"{size:,} bytes are to be unpacked in {place}, {free:,} are free", do="free some space, try again"
        )


def add_file(tar: tarfile.TarFile, name: str, content: IO[bytes]) -> None:
    """Add a file to a tar: its name and what it holds, and nothing of where it came from."""
    entry = tarfile.TarInfo(name)
    entry.size = content.seek(0, os.SEEK_END)
    entry.mode = 0o600
    content.seek(0)
    tar.addfile(entry, content)


def write_file(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    """Write a file of a tar to a path where none is; only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while content and (chunk := content.read(CHUNK_BYTES)):
            file.write(chunk)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
