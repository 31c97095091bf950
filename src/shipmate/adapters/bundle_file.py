"""A release as one file: a plain tar, of which every byte follows from what is in it.

It is not compressed: two versions of a compressor make two files of the same content, and a compressed stream has bits
that nobody looks at. Here, whoever changes any bit is found out.
"""

import hashlib
import os
import tarfile
from pathlib import Path
from typing import IO

from shipmate.adapters.archive import FAULTS, PlainFile, add_file, check_space, write_file
from shipmate.disk import disk_fault
from shipmate.errors import Damaged
from shipmate.release.bundle import MANIFEST, MANIFEST_BYTES, SIGNATURE, SIGNATURE_BYTES, Manifest, read_manifest

__all__ = ["pack", "read_head", "unpack"]


def pack(home: Path, bundle: Path) -> None:
    """Write a release to one file, which is there as a whole or not at all; only its owner may read it.

    Raises `DiskFull`, `StorageError`.
    """
    draft = bundle.with_name(f"{bundle.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            _pack(home, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(bundle)
    except OSError as error:
        raise disk_fault(error, bundle) from error
    finally:
        draft.unlink(missing_ok=True)


def unpack(bundle: Path, home: Path) -> None:
    """Write what a bundle holds into a new folder; what its files hold is for the caller to check.

    Nothing is written outside the folder, and nothing but the plain files that the manifest names. Raises `Missing`,
    `Damaged`, `SchemaTooNew`, `DiskFull`.
    """
    try:
        with tarfile.open(bundle, mode="r:", tarinfo=PlainFile) as tar:
            manifest = _unpacked_head(tar, bundle, home)
            check_space(sum(content.size for content in manifest.files.values()), home)
            for name, content in sorted(manifest.files.items()):
                member = tar.next()
                if member is None or (member.name, member.size) != (name, content.size):
                    raise _unusable(bundle, f"{name} is not where or what its manifest says")
                write_file(tar, member, home / name)
        if _digest_of(bundle) != _digest_as_packed(home):
            raise _unusable(bundle, "it holds bytes that belong to none of its files")
    except FAULTS as error:
        raise _unusable(bundle, str(error)) from error
    except OSError as error:
        raise disk_fault(error, bundle) from error


def read_head(bundle: Path, home: Path) -> None:
    """Write a bundle's manifest and signature alone into a folder; raise `Missing`, `Damaged`, `SchemaTooNew`."""
    try:
        with tarfile.open(bundle, mode="r:", tarinfo=PlainFile) as tar:
            _unpacked_head(tar, bundle, home)
    except FAULTS as error:
        raise _unusable(bundle, str(error)) from error
    except OSError as error:
        raise disk_fault(error, bundle) from error


def _unpacked_head(tar: tarfile.TarFile, bundle: Path, home: Path) -> Manifest:
    for name, most in ((MANIFEST, MANIFEST_BYTES), (SIGNATURE, SIGNATURE_BYTES)):
        member = tar.next()
        if member is None or member.name != name or member.size > most:
            raise _unusable(bundle, f"it does not begin with {MANIFEST} and {SIGNATURE}")
        write_file(tar, member, home / name)
    return read_manifest(home)[0]


def _pack(home: Path, file: IO[bytes]) -> None:
    manifest, _ = read_manifest(home)
    with tarfile.open(fileobj=file, mode="w:", format=tarfile.GNU_FORMAT) as tar:
        for name in (MANIFEST, SIGNATURE, *sorted(manifest.files)):
            with (home / name).open("rb") as content:
                add_file(tar, name, content)


def _digest_as_packed(home: Path) -> str:
    sink = _Hashed()
    _pack(home, sink)  # type: ignore[arg-type]
    return sink.digest.hexdigest()


def _digest_of(bundle: Path) -> str:
    with bundle.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Hashed:
    """A file of which nothing is kept but its hash."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self._size = 0

    def write(self, content: bytes) -> int:
        self.digest.update(content)
        self._size += len(content)
        return len(content)

    def tell(self) -> int:
        return self._size


def _unusable(bundle: Path, what: str) -> Damaged:
    return Damaged(f"{bundle} is no release that could be used: {what}", do="take it anew from where it was built")
