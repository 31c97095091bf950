"""A store that lives and dies with its process: for tests, and for a first look."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from shipmate.errors import Malformed, NoConversation, NoTurn, ShipmateError
from shipmate.messages import Conversation, Event, Message, Role, Trace, TurnClosing, TurnOpening

__all__ = ["MemoryStore"]

R = TypeVar("R", bound=msgspec.Struct)


@dataclass(slots=True)
class Thread:
    """A conversation, and all its messages by turn and role, in the order in which they came."""

    conversation: Conversation
    messages: dict[tuple[str, Role], Message] = field(default_factory=dict)


class MemoryStore:
    """A `Store` in dictionaries; what it keeps and hands out is its own copy, frozen through and through."""

    def __init__(self) -> None:
        self._threads: dict[str, Thread] = {}
        self._traces: dict[str, Trace] = {}
        self._events: list[Event] = []

    async def conversation(self, conversation_id: str, caller: str, *, messages: int = 12) -> Conversation:
        """Return a conversation with its most recent messages."""
        thread = self._thread(conversation_id, caller)
        said = tuple(thread.messages.values())
        return msgspec.structs.replace(thread.conversation, messages=said[max(len(said) - messages, 0) :])

    def open_turn(self, opening: TurnOpening) -> Awaitable[None]:
        """Keep the user's message."""
        return _settled(lambda: self._open(_copy(opening)))

    def close_turn(self, closing: TurnClosing) -> Awaitable[None]:
        """Keep the reply, its trace and its events."""
        return _settled(lambda: self._close(_copy(closing)))

    def record(self, events: Sequence[Event]) -> Awaitable[None]:
        """Keep events that belong to no turn."""
        return _settled(lambda: self._events.extend([_copy(event) for event in events]))

    async def trace(self, turn_id: str, caller: str) -> Trace:
        """Return why a turn ended as it did."""
        trace = self._traces.get(turn_id)
        if trace is None or self._threads[trace.conversation_id].conversation.caller != caller:
            raise NoTurn("There is no such turn.", do="Take a turn id from a reply.")
        return _copy(trace)

    async def events(self, after: int, limit: int) -> list[tuple[int, Event]]:
        """Return the journal's entries that follow `after`, with their numbers; 0 is before the first."""
        return [(seq, _copy(event)) for seq, event in enumerate(self._events, start=1)][after : after + limit]

    async def close(self) -> None:
        """Do nothing: everything is kept until the process ends."""

    def _open(self, opening: TurnOpening) -> None:
        conversation = opening.conversation
        key = (opening.turn_id, opening.message.role)
        if conversation.conversation_id not in self._threads:
            self._threads[conversation.conversation_id] = Thread(conversation)
        thread = self._thread(conversation.conversation_id, conversation.caller)
        if key not in thread.messages:
            thread.messages[key] = opening.message
            self._events.extend(opening.events)

    def _close(self, closing: TurnClosing) -> None:
        conversation = closing.conversation
        turn_id = closing.trace.turn_id
        if turn_id in self._traces:
            return
        if closing.asked:
            self._open(TurnOpening(turn_id=turn_id, conversation=conversation, message=closing.asked))
        known = self._threads.get(conversation.conversation_id)
        if known is None or not any(turn_id == turn for turn, _ in known.messages):
            raise NoTurn("There is no such turn to close.", do="Open it first: a reply needs its question.")
        thread = self._thread(conversation.conversation_id, conversation.caller)
        thread.conversation = msgspec.structs.replace(conversation, opened_at=thread.conversation.opened_at)
        thread.messages[turn_id, closing.message.role] = closing.message
        self._traces[turn_id] = closing.trace
        self._events.extend(closing.events)

    def _thread(self, conversation_id: str, caller: str) -> Thread:
        thread = self._threads.get(conversation_id)
        if thread is None or thread.conversation.caller != caller:
            raise NoConversation("There is no such conversation.", do="Begin a new one: leave its id out.")
        return thread


def _settled(write: Callable[[], None]) -> Awaitable[None]:
    """Write now; return the result as something to wait for."""
    settled = asyncio.get_running_loop().create_future()
    try:
        write()
        settled.set_result(None)
    except ShipmateError as error:
        settled.set_exception(error)
    return settled


def _copy(record: R) -> R:
    try:
        return msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=type(record))
    except UnicodeEncodeError as error:
        raise Malformed("The text holds half a surrogate pair, which is no text.", do="Send valid Unicode.") from error
