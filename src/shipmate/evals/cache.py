"""What was said once is not asked again: outcomes and opinions by the hash of all that they depend on."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from shipmate.disk import disk_faults

__all__ = ["Cache", "key_of"]

T = TypeVar("T")
# From here on, the older half is forgotten.
MOST_BYTES = 256 * 1024 * 1024


class Cache(Generic[T]):
    """Values by key, in a file that is only ever added to: what was there before Ctrl-C is there after it."""

    def __init__(self, kind: type[T], file: Path | None, *, is_read: bool = True) -> None:
        """Keep values of a kind in a file; without one, as long as this lives. `is_read` off: nothing old is used."""
        self._decoder = msgspec.json.Decoder(kind)
        self._file = file
        self._lines: dict[str, bytes] = {}
        if file is not None and is_read and file.exists():
            with disk_faults(file):
                self._lines = dict(_lines(file.read_bytes()))
                self._bound(file)

    def get(self, key: str) -> T | None:
        """Return what is kept under a key; nothing also where it does not read back."""
        line = self._lines.get(key)
        if line is None:
            return None
        try:
            return self._decoder.decode(line)
        except msgspec.MsgspecError:
            return None

    def put(self, key: str, value: T) -> None:
        """Keep a value, at once."""
        line = msgspec.json.encode(value)
        self._lines[key] = line
        if self._file is None:
            return
        with disk_faults(self._file):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            # One write: lines of two runs at once do not mix.
            with self._file.open("ab", buffering=0) as file:
                file.write(key.encode() + b" " + line + b"\n")

    def _bound(self, file: Path) -> None:
        if file.stat().st_size <= MOST_BYTES:
            return
        kept = list(self._lines.items())[len(self._lines) // 2 :]
        self._lines = dict(kept)
        new = file.with_suffix(".new")
        new.write_bytes(b"".join(key.encode() + b" " + line + b"\n" for key, line in kept))
        new.replace(file)


def key_of(*parts: Any) -> str:
    """Return one hash of all that a value depends on."""
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()


def _lines(content: bytes) -> Iterator[tuple[str, bytes]]:
    # What was cut short by a crash has no end.
    for line in content.split(b"\n")[:-1]:
        key, _, value = line.partition(b" ")
        yield key.decode("ascii", "replace"), value
