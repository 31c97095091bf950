"""The state folder of an assistant: who holds it, and the key of this installation."""

import fcntl
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

from shipmate.errors import FolderInUse

__all__ = ["FolderLock", "install_key"]

KEY_BYTES = 32


class FolderLock:
    """Hold a folder for one purpose while the `with` block runs; a killed process lets go by itself."""

    def __init__(self, path: Path, purpose: str) -> None:
        self._path = path
        self._purpose = purpose

    def __enter__(self) -> Self:
        """Take the lock; raise `FolderInUse` when another process has it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a+", encoding="ascii")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise FolderInUse(
                f"Another `shipmate {self._purpose}` (process {holder}) holds {self._path.parent.parent}.",
                do="Wait until it has ended, or end it.",
            ) from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go."""
        self._file.close()


def install_key(state: Path) -> bytes:
    """Return the installation's secret, which keys the journal's hashes; it is made at the first call."""
    path = state / "install.key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        state.mkdir(parents=True, exist_ok=True)
    draft = state / f"install.key.{os.getpid()}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first; its key is the one
    finally:
        draft.unlink()
    return path.read_bytes()
