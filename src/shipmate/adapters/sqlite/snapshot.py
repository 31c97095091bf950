"""A whole database as one file, taken while others write to it; and whether a database is whole."""

import sqlite3
from contextlib import closing
from pathlib import Path

from shipmate.adapters.sqlite.database import connect, fault
from shipmate.errors import Damaged

__all__ = ["check_integrity", "snapshot_database"]


def snapshot_database(path: Path, target: Path) -> None:
    """Copy the database as of one moment; writers go on. Raises `Damaged`, `DiskFull`."""
    with closing(connect(path, read_only=True)) as source, closing(connect(target)) as copy:
        try:
            source.backup(copy)
            # Everything in one file, none of it in a log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            raise fault(error, path) from error
    check_integrity(target)


def check_integrity(path: Path) -> None:
    """Read every page of the database; raise `Damaged` with what does not fit."""
    with closing(connect(path, read_only=True)) as connection:
        try:
            findings = [line for (line,) in connection.execute("PRAGMA integrity_check")]
        except sqlite3.Error as error:
            raise fault(error, path) from error
    if findings != ["ok"]:
        raise Damaged(f"{path} is damaged: {findings[0]}", do="put a backup in its place: `shipmate restore`")
