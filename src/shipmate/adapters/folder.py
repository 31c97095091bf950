"""The state folder of an assistant: who holds it, what a killed restore left, and the key of this installation."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from shipmate.disk import disk_faults, make_once
from shipmate.errors import Damaged, FolderInUse

__all__ = [
    "FolderLock",
    "abandoned_restores",
    "complete_restore",
    "incoming",
    "install_key",
    "keep_from_git",
    "make_state",
    "restoring",
]

KEY_BYTES = 32
# Held, in the folder where a restore unpacks, until it ends.
UNPACKING = "restore.lock"


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
            make_state(self._path.parent)
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


def make_state(state: Path) -> None:
    """Make the state folder where there is none; raise `StorageError` when it cannot be made."""
    with disk_faults(state), suppress(FileExistsError):
        state.mkdir(parents=True)
        keep_from_git(state)


def keep_from_git(folder: Path) -> None:
    """Let git leave a folder alone, whatever it is called: it holds what people said."""
    (folder / ".gitignore").write_text("*\n", encoding="ascii")


@contextmanager
def restoring(state: Path) -> Iterator[Path]:
    """Make a folder beside the state to unpack in, while the `with` block runs; what killed restores left is removed."""
    for left in abandoned_restores(state):
        shutil.rmtree(left, ignore_errors=True)
    with (
        TemporaryDirectory(dir=state.parent, prefix=f"{state.name}.restore.") as name,
        FolderLock(Path(name) / UNPACKING, "restore"),
    ):
        keep_from_git(Path(name))
        yield Path(name)


def abandoned_restores(state: Path) -> list[Path]:
    """Return the folders beside the state in which a restore was unpacking when it was killed."""
    return [folder for folder in sorted(state.parent.glob(f"{state.name}.restore.*")) if not _is_held(folder)]


def _is_held(folder: Path) -> bool:
    """Tell whether a restore is unpacking there, writing nothing."""
    with suppress(FileNotFoundError), (folder / UNPACKING).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


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
            make_state(state)
            make_once(path, secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise Damaged(f"{path} has {len(key)} bytes instead of {KEY_BYTES}", do="put a backup's in its place")
    return key
