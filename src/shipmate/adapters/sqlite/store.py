"""The store on SQLite: writes go through the one writer, reads through a thread and connection of their own."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Self, TypeVar

import msgspec
from msgspec import Meta

from shipmate.adapters.sqlite.database import Durability, connect, fault, roll_back
from shipmate.adapters.sqlite.episodes import (
    count_erasures,
    read_episodes,
    rested_episodes,
    scrub,
    write_erasure,
)
from shipmate.adapters.sqlite.recent import RecentConversations
from shipmate.adapters.sqlite.schema import ensure_schema
from shipmate.adapters.sqlite.turns import write_closing, write_events, write_opening
from shipmate.adapters.sqlite.writer import Effect, Writer
from shipmate.errors import Damaged, NoConversation, NoTurn, StorageError
from shipmate.messages import (
    HISTORY,
    Asked,
    Conversation,
    Entry,
    Episode,
    Event,
    Message,
    Question,
    Role,
    Trace,
    TurnClosing,
    TurnOpening,
)
from shipmate.sql import QUERIES

__all__ = ["SqliteSettings", "SqliteStore"]

T = TypeVar("T")

_decode_trace = msgspec.msgpack.Decoder(Trace).decode
_decode_event = msgspec.json.Decoder(Event).decode


class SqliteSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stack.yml may say of the store."""

    durable: Annotated[Durability, Meta(description="`normal` survives `kill -9`, `full` also a power cut.")] = "normal"


class SqliteStore:
    """A `Store` with its `Episodes` in one file.

    Several processes may use it at once; each has one of these, on one event loop.
    """

    def __init__(self, path: Path, writing: sqlite3.Connection, reading: sqlite3.Connection) -> None:
        self._path = path
        self._writer = Writer(writing, path)
        self._recent = RecentConversations()
        self._reading = reading
        self._reading.row_factory = sqlite3.Row
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="shipmate-reader")
        self._is_closed = False

    @classmethod
    def open(cls, path: Path, *, durable: Durability = "normal") -> Self:
        """Open the database, or make it.

        Raises `SchemaTooOld`, `SchemaTooNew`, `Damaged` or `StorageError`; then nothing was changed.
        """
        writing = connect(path, durable=durable)
        try:
            ensure_schema(writing, path)
            return cls(path, writing, connect(path, read_only=True))
        except BaseException:
            writing.close()
            raise

    async def conversation(self, conversation_id: str, caller: str, *, messages: int = HISTORY) -> Conversation:
        """Return a conversation with its most recent messages; one that was just used is not read again."""
        if self._writer.others_wrote():
            self._recent.forget()
        conversation = self._recent.find(conversation_id, messages)
        if conversation is None:
            conversation = await self._read_conversation(conversation_id, messages)
        if conversation is None or conversation.caller != caller:
            raise NoConversation("There is no such conversation.", do="Begin a new one: leave its id out.")
        return conversation

    def open_turn(self, opening: TurnOpening) -> Awaitable[None]:
        """Queue the user's message for the next commit."""
        return self._writer.submit(partial(write_opening, opening=opening), partial(self._recent.opened, opening))

    def close_turn(self, closing: TurnClosing) -> Awaitable[None]:
        """Queue the reply, its trace, its events and perhaps its question for the next commit."""
        return self._writer.submit(partial(write_closing, closing=closing), partial(self._recent.closed, closing))

    def record(self, events: Sequence[Event]) -> Awaitable[None]:
        """Queue events for the next commit."""
        return self._writer.submit(partial(write_events, events=events), _nothing_more)

    async def trace(self, turn_id: str, caller: str) -> Trace:
        """Return why a turn ended as it did."""
        row = {"turn_id": turn_id, "caller": caller}
        found = await self._read(lambda connection: connection.execute(QUERIES["trace"], row).fetchone())
        if found is None:
            raise NoTurn("There is no such turn.", do="Take a turn id from a reply: `shipmate ask --json` prints it.")
        try:
            return _decode_trace(found["trace"])
        except msgspec.DecodeError as error:
            raise Damaged(f"the trace of turn {turn_id} does not read back: {error}", do="restore a backup") from error

    async def events(self, after: int, limit: int) -> list[Entry]:
        """Return the journal's entries that follow `after`, in the order of their commits; 0 is before the first."""
        row = {"after": after, "limit": limit}
        found = await self._read(lambda connection: connection.execute(QUERIES["events"], row).fetchall())
        return [Entry(seq, _decode_event(event)) for seq, event in found]

    async def rested(self, *, since: float, until: float, limit: int) -> list[str]:
        """Return the ids of the episodes that came to rest between these times, newest first."""
        return await self._read(partial(rested_episodes, since=since, until=until, limit=limit))

    async def episodes(self, issue_ids: Sequence[str]) -> list[Episode]:
        """Return the episodes that are still there."""
        return await self._read(partial(read_episodes, issue_ids=issue_ids))

    async def erasures(self) -> int:
        """Return how often somebody was forgotten."""
        return await self._read(count_erasures)

    async def erase(self, whom: str) -> int:
        """Delete a caller's conversations, or the one of that id, and write the database anew without them."""
        erased: list[int] = []

        def write(connection: sqlite3.Connection) -> Effect:
            # Written twice, it counts once.
            erased[:] = [write_erasure(connection, whom)]
            return Effect.CLOSED

        await self._writer.submit(write, lambda _: self._recent.forget())
        await asyncio.to_thread(scrub, self._path)
        return erased[0]

    async def asked(self, limit: int, caller: str) -> list[Asked]:
        """Return the last questions, as their traces have them."""
        return await self._read(partial(_asked, limit=limit, caller=caller))

    async def traces(self, turn_ids: Sequence[str]) -> list[Trace]:
        """Return why these turns ended as they did, as far as they are still there."""
        return [_decode_trace(trace) for trace in await self._read(partial(_traces, turn_ids=turn_ids))]

    async def close(self) -> None:
        """Commit what is queued and give back the database; idempotent."""
        if not self._is_closed:
            self._is_closed = True
            await asyncio.to_thread(self._reader.shutdown)
            self._reading.close()
        await self._writer.close()
        self._recent.forget()

    async def _read_conversation(self, conversation_id: str, messages: int) -> Conversation | None:
        reading = self._recent.reading(conversation_id)
        conversation = await self._read(partial(_conversation, conversation_id=conversation_id, messages=messages))
        if conversation:
            self._recent.read(reading, conversation, is_whole=len(conversation.messages) < messages)
        else:
            self._recent.missed(reading, conversation_id)
        return conversation

    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        if self._is_closed:
            raise StorageError("the store is closed", do="ask the server that runs now")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader, query, self._reading)
        except (sqlite3.Error, UnicodeEncodeError) as error:
            raise fault(error, self._path) from error


def _asked(connection: sqlite3.Connection, *, limit: int, caller: str) -> list[Asked]:
    found = connection.execute(QUERIES["asked"], {"limit": limit, "caller": caller}).fetchall()
    return [
        _asked_in(connection, _decode_trace(trace), asker, may_be_shown=bool(may_be_shown))
        for trace, asker, may_be_shown in found
    ]


def _asked_in(connection: sqlite3.Connection, trace: Trace, asker: str, *, may_be_shown: bool) -> Asked:
    row = {"conversation_id": trace.conversation_id, "turn_id": trace.turn_id, "messages": HISTORY}
    said = connection.execute(QUERIES["said_before"], row).fetchall()
    history = tuple(Message(role=Role(role), text=text, at=at) for role, text, at in said)
    return Asked(
        turn_id=trace.turn_id,
        caller=asker,
        question=Question(text=trace.question, standalone=trace.standalone, history=history),
        may_be_shown=may_be_shown,
    )


def _traces(connection: sqlite3.Connection, turn_ids: Sequence[str]) -> list[bytes]:
    found = [connection.execute(QUERIES["trace_of_turn"], {"turn_id": turn_id}).fetchone() for turn_id in turn_ids]
    return [row["trace"] for row in found if row]


def _nothing_more(_: Effect) -> None:
    """Events touch no conversation."""


def _conversation(connection: sqlite3.Connection, conversation_id: str, messages: int) -> Conversation | None:
    row = {"conversation_id": conversation_id, "messages": messages}
    try:
        connection.execute("BEGIN")
        found = connection.execute(QUERIES["conversation"], row).fetchone()
        said = connection.execute(QUERIES["recent_messages"], row).fetchall()
    finally:
        roll_back(connection)
    if found is None:
        return None
    return Conversation(
        **dict(found),
        messages=tuple(Message(role=Role(role), text=text, at=at) for role, text, at in said),
    )
