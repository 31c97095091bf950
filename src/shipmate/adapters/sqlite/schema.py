"""The database's schema: which version it has, and the steps to the present one."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from shipmate.adapters.sqlite.database import fault, roll_back
from shipmate.errors import Damaged, SchemaTooNew, SchemaTooOld
from shipmate.sql import MIGRATIONS, QUERIES, Migration

__all__ = ["ensure_schema", "migrate", "pending_migrations", "schema_version"]

# "SHPM": how a database says that it is one of ours.
APPLICATION_ID = 0x5348_504D


def ensure_schema(connection: sqlite3.Connection, path: Path, *, known: Sequence[Migration] = MIGRATIONS) -> None:
    """Make the tables of an empty database, and let an up-to-date one pass.

    Raises `SchemaTooOld`, `SchemaTooNew` or `Damaged`; then nothing was changed.
    """
    pending = pending_migrations(connection, path, known=known)
    if len(pending) == len(known):
        migrate(connection, path, known=known)
    elif pending:
        raise SchemaTooOld(
            f"{path} was written by an earlier version.",
            do="run `shipmate upgrade`: it makes a backup first",
        )


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the number of the last migration; 0 for an empty database."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def pending_migrations(
    connection: sqlite3.Connection, path: Path, *, known: Sequence[Migration] = MIGRATIONS
) -> tuple[Migration, ...]:
    """Return the steps that the database still needs, in order.

    Raises `SchemaTooNew` for a later version's, `Damaged` for one that was not made by the known steps.
    """
    version, applied = _history(connection, path)
    if version > len(known):
        raise SchemaTooNew(
            f"{path} has schema {version}; this version of Shipmate knows schemas up to {len(known)}",
            do="install the version that wrote it, or a later one: `pip install -U shipmate`",
        )
    if applied != [(step.number, step.checksum) for step in known[:version]]:
        raise Damaged(
            f"{path} was made by other migrations than this version's {version}",
            do="open it with the version of Shipmate that made it, or restore a backup",
        )
    return tuple(known[version:])


def migrate(connection: sqlite3.Connection, path: Path, *, known: Sequence[Migration] = MIGRATIONS) -> None:
    """Apply what is pending, all of it in one transaction; another process may do so at the same time."""
    steps = pending_migrations(connection, path, known=known)
    try:
        connection.execute("BEGIN IMMEDIATE")
        for step in steps:
            if schema_version(connection) == step.number - 1:
                _apply(connection, step)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        roll_back(connection)
        raise fault(error, path) from error


def _history(connection: sqlite3.Connection, path: Path) -> tuple[int, list[tuple[int, str]]]:
    """Return the version and what made it, as of one moment; raise `Damaged` for somebody else's database."""
    try:
        connection.execute("BEGIN")
        version = schema_version(connection)
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute(QUERIES["table_count"]).fetchone()
        is_ours = application_id == APPLICATION_ID if version else not tables
        applied = connection.execute(QUERIES["applied_migrations"]).fetchall() if version and is_ours else []
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        roll_back(connection)
        raise fault(error, path) from error
    if not is_ours:
        raise Damaged(f"{path} is not a database of Shipmate's", do="move it away, or restore a backup")
    return version, applied


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    for statement in _statements(step.text):
        connection.execute(statement)
    connection.execute(
        QUERIES["record_migration"], {"number": step.number, "name": step.name, "checksum": step.checksum}
    )
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {step.number}")


def _statements(text: str) -> Iterator[str]:
    """Yield the statements one by one: sqlite3 runs a whole script outside any transaction."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
