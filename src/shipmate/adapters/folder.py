"""The state folder of an assistant: who holds it, what a killed restore left, and the key of this installation."""

import fcntl
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from shipmate.disk import disk_faults
from shipmate.errors import Damaged, FolderInUse

__all__ = ["FolderLock", "complete_restore", "incoming", "install_key"]

KEY_BYTES = 32


class FolderLock:
    """Hold a folder for one purpose while the `with` block runs; a killed process lets go by itself.

    Many may share one lock; then nobody has it alone. The lock is the file's, not the file: `path` stays behind, with
    the name of who had it alone last.
    """

    def __init__(self, path: Path, purpose: str, *, is_shared: bool = False) -> None:
        self._path = path
        self._purpose = purpose
        self._is_shared = is_shared

    def __enter__(self) -> Self:
        """Take the lock; raise `FolderInUse` when another process has it, `StorageError` when it cannot be taken."""
        with disk_faults(self._path):
            complete_restore(self._path.parent)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+", encoding="ascii")
        try:
            fcntl.flock(self._file, (fcntl.LOCK_SH if self._is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            self._check_place()
        except BlockingIOError as error:
            with self._file:
                raise self._in_use() from error
        self._file.truncate(0)
        if not self._is_shared:
            self._file.write(f"{self._purpose} {os.getpid()}")
            self._file.flush()
        # Who restores holds every lock: this was left by one that was killed before it had changed anything.
        shutil.rmtree(incoming(self._path.parent), ignore_errors=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go."""
        self._file.close()

    def _check_place(self) -> None:
        """Raise `BlockingIOError` when a restore has moved the folder away since the file was opened."""
        with suppress(FileNotFoundError):
            if os.path.samestat(self._path.stat(), os.fstat(self._file.fileno())):
                return
        raise BlockingIOError

    def _in_use(self) -> FolderInUse:
        self._file.seek(0)
        purpose, _, process = self._file.read().partition(" ")
        holder = f"`shipmate {purpose}` (process {process})" if process else "another process"
        return FolderInUse(
            f"{self._path.parent.parent} is in use: {holder} holds it",
            do=f"wait until it has ended, or end it: `kill {process}`"
            if process
            else "end what was opened there, such as `shipmate chat`, then try again",
        )


def incoming(state: Path) -> Path:
    """Return where a restored state waits, complete and proven, until the one from before has been moved away."""
    return state.with_name(f"{state.name}.incoming")


def complete_restore(state: Path) -> None:
    """Put the restored state in its place when the one from before has gone; also for a restore that was killed."""
    if not state.exists() and incoming(state).exists():
        # Whoever is faster does the same.
        with suppress(FileNotFoundError):
            incoming(state).rename(state)


def install_key(state: Path) -> bytes:
    """Return the installation's secret, which keys the journal's hashes; it is made at the first call.

    Raises `Damaged` for one that was cut short, `StorageError` when none can be made.
    """
    path = state / "install.key"
    with disk_faults(path):
        if not path.exists():
            _make_key(path)
        key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise Damaged(f"{path} has {len(key)} bytes instead of {KEY_BYTES}", do="put a backup's in its place")
    return key


def _make_key(path: Path) -> None:
    """Write a new key all at once; where another process is faster, its key is the one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"install.key.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
