"""What stands beside a release because it was made on this installation: its index, with the hash of each file."""

from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from shipmate.disk import disk_faults, write_whole
from shipmate.errors import Damaged, Untrusted
from shipmate.messages import Record
from shipmate.release.bundle import INDEX, Content, checksum
from shipmate.signing import Signature, Signer, verify

__all__ = ["SEAL", "broken", "seal"]

SEAL = "index.json"
# What opening an index leaves beside it.
PASSING = (".lock", "-wal", "-shm")
SEAL_BYTES = 16 << 20


class Sealed(Record, frozen=True, kw_only=True):
    """The files of an index."""

    release: str
    files: dict[str, Content]


class Seal(Record, frozen=True, kw_only=True):
    """The files of an index, and who has made it."""

    index: Sealed
    signature: Signature


def seal(home: Path, release: str, signer: Signer) -> None:
    """Sign the index of a release's folder as it is now."""
    index = Sealed(release=release, files=_contents(home / INDEX))
    made = Seal(index=index, signature=signer.sign(_signed(index), purpose=INDEX))
    with disk_faults(home / SEAL):
        write_whole(home / SEAL, msgspec.json.encode(made, order="deterministic"))


def broken(home: Path, release: str, trusted: Collection[str]) -> Iterator[str]:
    """Yield what was changed in the index since it was made, file by file."""
    try:
        made = _read(home / SEAL, release)
        verify(_signed(made.index), made.signature, purpose=INDEX, trusted=trusted)
    except (Damaged, Untrusted) as error:
        yield f"{SEAL}: {error.what}"
        return
    found = _contents(home / INDEX)
    for name in sorted(made.index.files.keys() | found.keys()):
        if name not in found:
            yield f"{INDEX}/{name} is missing"
        elif name not in made.index.files:
            yield f"{INDEX}/{name} was added"
        elif made.index.files[name] != found[name]:
            yield f"{INDEX}/{name} was changed"


def _contents(index: Path) -> dict[str, Content]:
    return {
        path.relative_to(index).as_posix(): checksum(path)
        for path in sorted(index.rglob("*"))
        if path.is_file() and not path.name.endswith(PASSING)
    }


def _signed(index: Sealed) -> bytes:
    return msgspec.json.encode(index, order="deterministic")


def _read(path: Path, release: str) -> Seal:
    with disk_faults(path):
        if not path.exists():
            raise Damaged("it is missing: the index was not made here")
        with path.open("rb") as file:
            content = file.read(SEAL_BYTES)
    try:
        made = msgspec.json.decode(content, type=Seal)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Damaged(f"it does not read back: {error}") from error
    if made.index.release != release:
        raise Damaged(f"it is of the release {made.index.release}")
    return made
