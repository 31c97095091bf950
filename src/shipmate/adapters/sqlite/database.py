"""Connections to one SQLite file, and its failures in the words of the house."""

import os
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Literal

from shipmate.disk import disk_fault
from shipmate.errors import Busy, Damaged, DiskFull, Malformed, ShipmateError, StorageError, TooLarge

__all__ = ["Durability", "connect", "fault", "is_locked", "roll_back"]

# "normal" survives a killed process; "full" also survives a power cut, for one flush to the disk per commit.
Durability = Literal["normal", "full"]

# How long a commit waits for another process's before it gives up.
LOCK_WAIT_S = 10.0
# SQLite's own bound on the write-ahead log, should the writer never be idle: 16 MiB.
LOG_PAGES = 4096
# Less than this, and a failed write means that the disk is full.
SPARE_BYTES = 1 << 20


def connect(path: Path, *, durable: Durability = "normal", read_only: bool = False) -> sqlite3.Connection:
    """Open a database in write-ahead mode; one that is not there is created, readable by its owner alone.

    Raises `Damaged` for a file that is no database, `StorageError` for one that cannot be opened.
    """
    connection = None
    try:
        _create(path)
        connection = sqlite3.connect(  # noqa: TID251 - this is that adapter
            path, isolation_level=None, check_same_thread=False, timeout=LOCK_WAIT_S
        )
        connection.execute("PRAGMA journal_mode = WAL")
        # Not every build of SQLite wipes by itself what is deleted.
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA synchronous = {durable}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        connection.execute(f"PRAGMA query_only = {read_only:d}")
    except (OSError, sqlite3.Error) as error:
        if connection:
            connection.close()
        raise fault(error, path) from error
    return connection


def _create(path: Path) -> None:
    # Only a new file is opened here: closing one that SQLite has open would give up SQLite's locks on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def roll_back(connection: sqlite3.Connection) -> None:
    """Undo what is not committed; SQLite may have done so by itself, and what it cannot undo now it will undo later."""
    if connection.in_transaction:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def is_locked(error: Exception) -> bool:
    """Tell whether another process held the database for all of the waiting time."""
    return isinstance(error, sqlite3.Error) and _code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def fault(error: Exception, path: Path) -> Exception:
    """Return the house's error for what went wrong at `path`; one that is no failure of storage stays itself."""
    match error:
        case ShipmateError():
            return error
        case UnicodeEncodeError():
            return Malformed("The text holds half a surrogate pair, which is no text.", do="Send valid Unicode.")
        case OSError():
            return disk_fault(error, path)
        case sqlite3.Error():
            return _database_fault(error, path)
    return error


def _database_fault(error: sqlite3.Error, path: Path) -> ShipmateError:
    match _code(error):
        case sqlite3.SQLITE_FULL:
            return _full(path)
        case sqlite3.SQLITE_IOERR if shutil.disk_usage(path.parent).free < SPARE_BYTES:
            return _full(path)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Busy(
                f"another program has held {path} for more than {LOCK_WAIT_S:.0f} s",
                do="end the program that has it open, then try again",
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return Damaged(f"{path} does not read back: {error}", do="put a backup in its place: `shipmate restore`")
        case sqlite3.SQLITE_TOOBIG:
            return TooLarge("A text is larger than the database can hold.", do="Send a shorter one.")
    return StorageError(f"{path} refuses: {error}", do=f"check the disk and the permissions of {path}")


def _full(path: Path) -> DiskFull:
    return DiskFull(f"no space is left for {path}; nothing was half-written", do="free some space, then try again")


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code, or 0 for an error of the Python module itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
