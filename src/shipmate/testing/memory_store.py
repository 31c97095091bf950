"""A store that lives and dies with its process: for tests, and for a first look."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import msgspec

from shipmate.errors import Malformed, NoConversation, NoTurn, ShipmateError
from shipmate.messages import (
    HISTORY,
    Asked,
    Conversation,
    Entry,
    Episode,
    Event,
    Exchange,
    Message,
    Question,
    Role,
    Trace,
    TurnClosing,
    TurnOpening,
)

__all__ = ["MemoryStore"]

R = TypeVar("R", bound=msgspec.Struct)


@dataclass(slots=True)
class Thread:
    """A conversation, and all its messages by turn and role, in the order in which they came."""

    conversation: Conversation
    messages: dict[tuple[str, Role], Message] = field(default_factory=dict)


class Turn(NamedTuple):
    """A turn that may be used for more than answering."""

    turn_id: str
    conversation_id: str
    at: float


class MemoryStore:
    """A `Store` and `Episodes` in dictionaries; what it keeps and hands out is its own copy, frozen through and through."""

    def __init__(self) -> None:
        # The turns with consent, by episode.
        self._remembered: dict[str, list[Turn]] = {}
        self._erasures = 0
        self._threads: dict[str, Thread] = {}
        self._traces: dict[str, Trace] = {}
        self._events: list[Event] = []

    async def conversation(self, conversation_id: str, caller: str, *, messages: int = HISTORY) -> Conversation:
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

    async def events(self, after: int, limit: int) -> list[Entry]:
        """Return the journal's entries that follow `after`, with their numbers; 0 is before the first."""
        return [Entry(seq, _copy(event)) for seq, event in enumerate(self._events, start=1)][after : after + limit]

    async def rested(self, *, since: float, until: float, limit: int) -> list[str]:
        """Return the ids of the episodes that came to rest between these times, newest first."""
        last = {
            issue_id: max(turn.at for turn in turns)
            for issue_id, turns in self._remembered.items()
            if self._threads[turns[0].conversation_id].conversation.consent_id
        }
        rested = [issue_id for issue_id, at in last.items() if since <= at <= until]
        return sorted(rested, key=lambda issue_id: (last[issue_id], issue_id), reverse=True)[:limit]

    async def episodes(self, issue_ids: Sequence[str]) -> list[Episode]:
        """Return the episodes that are still there."""
        return [self._episode(issue_id) for issue_id in issue_ids if issue_id in self._remembered]

    async def erasures(self) -> int:
        """Return how often somebody was forgotten."""
        return self._erasures

    async def erase(self, whom: str) -> int:
        """Let go of a caller's conversations, or of the one of that id."""
        gone = {place for place, thread in self._threads.items() if whom in (place, thread.conversation.caller)}
        self._remembered = {
            issue_id: turns for issue_id, turns in self._remembered.items() if turns[0].conversation_id not in gone
        }
        self._traces = {key: trace for key, trace in self._traces.items() if trace.conversation_id not in gone}
        for place in gone:
            del self._threads[place]
        self._erasures += bool(gone)
        return len(gone)

    async def asked(self, limit: int, caller: str) -> list[Asked]:
        """Return the last questions, as their traces have them."""
        completed = [event for event in reversed(self._events) if event.name == "assistant.turn.completed"]
        return [self._asked(event, caller) for event in completed[:limit] if event.turn_id in self._traces]

    async def traces(self, turn_ids: Sequence[str]) -> list[Trace]:
        """Return why these turns ended as they did, as far as they are still there."""
        return [_copy(self._traces[turn_id]) for turn_id in turn_ids if turn_id in self._traces]

    async def close(self) -> None:
        """Do nothing: everything is kept until the process ends."""

    def _asked(self, event: Event, caller: str) -> Asked:
        trace = self._traces[event.turn_id]
        conversation = self._threads[trace.conversation_id].conversation
        thread = self._threads[trace.conversation_id]
        turns = [turn for turn, _ in thread.messages]
        before = tuple(thread.messages.values())[: turns.index(event.turn_id)]
        return Asked(
            turn_id=event.turn_id,
            caller=conversation.caller,
            question=Question(text=trace.question, standalone=trace.standalone, history=before[-HISTORY:]),
            may_be_shown=conversation.caller == caller or bool(conversation.consent_id and event.consent),
        )

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
        if conversation.consent_id:
            turn = Turn(turn_id, conversation.conversation_id, closing.message.at)
            self._remembered.setdefault(conversation.issue_id, []).append(turn)
        self._events.extend(closing.events)

    def _episode(self, issue_id: str) -> Episode:
        turns = sorted(self._remembered[issue_id], key=lambda turn: (turn.at, turn.turn_id))
        conversation_id = turns[0].conversation_id
        return Episode(
            issue_id=issue_id,
            conversation_id=conversation_id,
            caller=self._threads[conversation_id].conversation.caller,
            exchanges=tuple(Exchange.of(_copy(self._traces[turn.turn_id]), turn.at) for turn in turns),
        )

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
