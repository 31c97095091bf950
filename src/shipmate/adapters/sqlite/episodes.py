"""Past conversations in the database: what may be recalled, and how they are forgotten."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from shipmate.adapters.sqlite.database import connect, fault
from shipmate.errors import Busy, Damaged
from shipmate.messages import Episode, Exchange, Trace
from shipmate.sql import QUERIES

__all__ = ["count_erasures", "read_episodes", "rested_episodes", "scrub", "write_erasure"]

# The messages tell which traces there are.
ERASE = (
    QUERIES["erase_traces"],
    QUERIES["erase_messages"],
    QUERIES["erase_remembered"],
    QUERIES["erase_conversation"],
)

_decode_trace = msgspec.msgpack.Decoder(Trace).decode


def rested_episodes(connection: sqlite3.Connection, *, since: float, until: float, limit: int) -> list[str]:
    """Return the ids of the episodes that came to rest between these times, newest first."""
    row = {"since": since, "until": until, "limit": limit}
    return [issue_id for (issue_id,) in connection.execute(QUERIES["rested_episodes"], row)]


def read_episodes(connection: sqlite3.Connection, issue_ids: Sequence[str]) -> list[Episode]:
    """Return the episodes that are still there."""
    found = (_episode(connection, issue_id) for issue_id in issue_ids)
    return [episode for episode in found if episode]


def _episode(connection: sqlite3.Connection, issue_id: str) -> Episode | None:
    rows = connection.execute(QUERIES["episode"], {"issue_id": issue_id}).fetchall()
    if not rows:
        return None
    conversation_id, caller, _, _ = rows[0]
    return Episode(
        issue_id=issue_id,
        conversation_id=conversation_id,
        caller=caller,
        exchanges=tuple(_exchange(at, trace) for _, _, at, trace in rows),
    )


def _exchange(at: float, packed: bytes) -> Exchange:
    try:
        return Exchange.of(_decode_trace(packed), at)
    except msgspec.DecodeError as error:
        raise Damaged(f"a trace does not read back: {error}", do="restore a backup") from error


def count_erasures(connection: sqlite3.Connection) -> int:
    """Return how often somebody was forgotten."""
    return int(connection.execute(QUERIES["erasures"]).fetchone()[0])


def write_erasure(connection: sqlite3.Connection, whom: str) -> int:
    """Delete a caller's conversations, or the one of that id; return how many there were."""
    conversations = connection.execute(QUERIES["conversations_of"], {"whom": whom}).fetchall()
    for (conversation_id,) in conversations:
        for query in ERASE:
            connection.execute(query, {"conversation_id": conversation_id})
    if conversations:
        connection.execute(QUERIES["add_erasure"], {"conversations": len(conversations)})
    return len(conversations)


def scrub(path: Path) -> None:
    """Write the database anew, so that what was deleted stands in none of its pages, and empty its log.

    Raises `Busy` while another program reads what was there before.
    """
    with closing(connect(path)) as connection:
        try:
            connection.execute("VACUUM")
            (is_held, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise fault(error, path) from error
    if is_held:
        raise Busy(
            f"What was deleted from {path} may still stand in its log: another program reads it.",
            do="End that program, then run the same command again.",
        )
