"""What a turn leaves in the database; runs in the writer's thread, inside its transaction."""

import sqlite3
from collections.abc import Mapping, Sequence

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

_encode_trace = msgspec.msgpack.Encoder().encode
_encode_event = msgspec.json.Encoder().encode


def write_opening(connection: sqlite3.Connection, opening: TurnOpening) -> Effect:
    """Add the user's message, and begin its conversation where there is none."""
    if not _add_message(connection, opening.conversation, opening.turn_id, opening.message):
        return Effect.REPEATED
    conversation = msgspec.structs.asdict(opening.conversation)
    effect = Effect.CONTINUED
    if not _changes(connection, CONTINUE_CONVERSATION, conversation):
        effect = Effect.BEGUN
        if not _changes(connection, BEGIN_CONVERSATION, conversation):
            raise NoConversation("There is no such conversation.", do="Begin a new one: leave its id out.")
    write_events(connection, opening.events)
    return effect


def write_closing(connection: sqlite3.Connection, closing: TurnClosing) -> Effect:
    """Add the reply to a turn that was opened."""
    conversation, trace = closing.conversation, closing.trace
    ids = {"conversation_id": conversation.conversation_id, "turn_id": trace.turn_id}
    if not _changes(connection, ADD_TRACE, ids | {"trace": _encode_trace(trace)}):
        if connection.execute(HAS_TRACE, ids).fetchone():
            return Effect.REPEATED
        raise NoTurn("There is no such turn to close.", do="Open it first: a reply needs its question.")
    if not _changes(connection, CONTINUE_CONVERSATION, msgspec.structs.asdict(conversation)):
        raise NoConversation("There is no such conversation.", do="Begin a new one: leave its id out.")
    _add_message(connection, conversation, trace.turn_id, closing.message)
    write_events(connection, closing.events)
    return Effect.CONTINUED


def write_events(connection: sqlite3.Connection, events: Sequence[Event]) -> Effect:
    """Append to the journal."""
    for event in events:
        row = {"name": event.name, "ts": event.ts, "event": _encode_event(event).decode()}
        connection.execute(ADD_EVENT, row)
    return Effect.CONTINUED


def _add_message(connection: sqlite3.Connection, conversation: Conversation, turn_id: str, message: Message) -> bool:
    row = {
        "conversation_id": conversation.conversation_id,
        "turn_id": turn_id,
        "role": message.role.value,
        "text": message.text,
        "at": message.at,
    }
    return _changes(connection, ADD_MESSAGE, row)


def _changes(connection: sqlite3.Connection, query: str, row: Mapping[str, object]) -> bool:
    return connection.execute(query, row).rowcount > 0
