"""What a turn leaves in the database; runs in the writer's thread, inside its transaction."""

import sqlite3
from collections.abc import Sequence

import msgspec

from shipmate.adapters.sqlite.writer import Effect
from shipmate.errors import NoConversation, NoTurn
from shipmate.messages import Conversation, Event, Message, TurnClosing, TurnOpening
from shipmate.sql import QUERIES

__all__ = ["write_closing", "write_events", "write_opening"]

ADD_EVENT = QUERIES["add_event"]
ADD_MESSAGE = QUERIES["add_message"]
ADD_TRACE = QUERIES["add_trace"]
BEGIN_CONVERSATION = QUERIES["begin_conversation"]
CONTINUE_CONVERSATION = QUERIES["continue_conversation"]
HAS_TRACE = QUERIES["has_trace"]
OWNS_CONVERSATION = QUERIES["owns_conversation"]
REMEMBER_TURN = QUERIES["remember_turn"]

# The parameters of a query; it may hold more than the query names.
Row = dict[str, object]

_encode_trace = msgspec.msgpack.Encoder().encode
_encode_event = msgspec.json.Encoder().encode


def write_opening(connection: sqlite3.Connection, opening: TurnOpening) -> Effect:
    """Add the user's message, and begin its conversation where there is none."""
    row = _row(opening.conversation, opening.turn_id, opening.message)
    effect = Effect.BEGUN if _changes(connection, BEGIN_CONVERSATION, row) else Effect.CONTINUED
    if effect is Effect.CONTINUED and not connection.execute(OWNS_CONVERSATION, row).fetchone():
        raise NoConversation("There is no such conversation.", do="Begin a new one: leave its id out.")
    if not _changes(connection, ADD_MESSAGE, row):
        return Effect.REPEATED
    write_events(connection, opening.events)
    return effect


def write_closing(connection: sqlite3.Connection, closing: TurnClosing) -> Effect:
    """Add the reply to a turn that was opened, or that is opened with it, and bring its conversation up to date."""
    row = _row(closing.conversation, closing.trace.turn_id, closing.message)
    row["trace"] = _encode_trace(closing.trace)
    effect = Effect.CLOSED
    if closing.asked:
        begun = _changes(connection, BEGIN_CONVERSATION, row)
        if _changes(connection, ADD_MESSAGE, row | _said(closing.asked)):
            effect = Effect.BEGUN if begun else Effect.ANSWERED
    if not _changes(connection, ADD_TRACE, row):
        if connection.execute(HAS_TRACE, row).fetchone():
            return Effect.REPEATED
        raise NoTurn("There is no such turn to close.", do="Open it first: a reply needs its question.")
    if effect is not Effect.BEGUN and not _changes(connection, CONTINUE_CONVERSATION, row):
        raise NoConversation("There is no such conversation.", do="Begin a new one: leave its id out.")
    connection.execute(ADD_MESSAGE, row)
    if closing.conversation.consent_id:
        connection.execute(REMEMBER_TURN, row)
    write_events(connection, closing.events)
    return effect


def write_events(connection: sqlite3.Connection, events: Sequence[Event]) -> Effect:
    """Append to the journal."""
    rows = [{"name": event.name, "ts": event.ts, "event": _encode_event(event).decode()} for event in events]
    connection.executemany(ADD_EVENT, rows)
    return Effect.CONTINUED


def _row(conversation: Conversation, turn_id: str, message: Message) -> Row:
    return msgspec.structs.asdict(conversation) | {"turn_id": turn_id} | _said(message)


def _said(message: Message) -> Row:
    return {"role": message.role.value, "text": message.text, "at": message.at}


def _changes(connection: sqlite3.Connection, query: str, row: Row) -> bool:
    return connection.execute(query, row).rowcount > 0
