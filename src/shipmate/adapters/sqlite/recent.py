"""The conversations that this process has just read or written, so that the next turn need not read them again."""

from collections import OrderedDict
from typing import NamedTuple

import msgspec

from shipmate.adapters.sqlite.writer import Effect
from shipmate.messages import Conversation, Message, TurnClosing, TurnOpening

__all__ = ["RecentConversations"]

CONVERSATIONS_KEPT = 512
MESSAGES_KEPT = 24
# A conversation with more text than this is read from the database each time.
CHARACTERS_KEPT = 16_384


class Known(NamedTuple):
    """A conversation as it was committed."""

    conversation: Conversation
    # Its messages are all that there are.
    is_whole: bool


class Reading:
    """Holds the place of a conversation that is being read: a write that overtakes the read takes it away."""


class RecentConversations:
    """A bounded memory of committed conversations; lives on the event loop."""

    def __init__(self) -> None:
        self._places: OrderedDict[str, Known | Reading] = OrderedDict()

    def find(self, conversation_id: str, messages: int) -> Conversation | None:
        """Return the conversation with so many of its last messages, when they are all known."""
        known = self._places.get(conversation_id)
        if not isinstance(known, Known):
            return None
        conversation, is_whole = known
        surplus = len(conversation.messages) - messages
        if surplus < 0 and not is_whole:
            return None
        self._places.move_to_end(conversation_id)
        if surplus <= 0:
            return conversation
        return msgspec.structs.replace(conversation, messages=conversation.messages[surplus:])

    def reading(self, conversation_id: str) -> Reading:
        """Note that a read begins; what it returns is handed to `read`."""
        reading = Reading()
        self._keep(conversation_id, reading)
        return reading

    def read(self, reading: Reading, conversation: Conversation, *, is_whole: bool) -> None:
        """Remember what was read, unless a write came between."""
        if self._places.get(conversation.conversation_id) is reading:
            kept = msgspec.structs.replace(conversation, messages=conversation.messages[-MESSAGES_KEPT:])
            self._remember(Known(kept, is_whole and len(conversation.messages) <= MESSAGES_KEPT))

    def missed(self, reading: Reading, conversation_id: str) -> None:
        """Give up the place of a conversation that was not found."""
        if self._places.get(conversation_id) is reading:
            del self._places[conversation_id]

    def opened(self, opening: TurnOpening, effect: Effect) -> None:
        """Remember a user's message that was committed."""
        if effect is Effect.BEGUN:
            self._began(opening.conversation, opening.message)
        elif effect is Effect.CONTINUED:
            self._continued(opening.conversation.conversation_id, None, opening.message)

    def closed(self, closing: TurnClosing, effect: Effect) -> None:
        """Remember a reply that was committed, and what was committed with it."""
        said = (closing.message,) if effect is Effect.CLOSED or not closing.asked else (closing.asked, closing.message)
        if effect is Effect.BEGUN:
            self._began(closing.conversation, *said)
        elif effect is not Effect.REPEATED:
            self._continued(closing.conversation.conversation_id, closing.conversation, *said)

    def forget(self) -> None:
        """Forget everything, because somebody else has written."""
        self._places.clear()

    def _began(self, conversation: Conversation, *said: Message) -> None:
        self._remember(Known(msgspec.structs.replace(conversation, messages=said), is_whole=True))

    def _continued(self, conversation_id: str, conversation: Conversation | None, *said: Message) -> None:
        known = self._places.get(conversation_id)
        if isinstance(known, Known):
            self._remember(_appended(known, conversation or known.conversation, said))
        elif known:
            del self._places[conversation_id]

    def _remember(self, known: Known) -> None:
        conversation = known.conversation
        if sum(len(message.text) for message in conversation.messages) <= CHARACTERS_KEPT:
            self._keep(conversation.conversation_id, known)
        else:
            self._places.pop(conversation.conversation_id, None)

    def _keep(self, conversation_id: str, place: Known | Reading) -> None:
        self._places[conversation_id] = place
        self._places.move_to_end(conversation_id)
        if len(self._places) > CONVERSATIONS_KEPT:
            self._places.popitem(last=False)


def _appended(known: Known, conversation: Conversation, said: tuple[Message, ...]) -> Known:
    messages = (*known.conversation.messages, *said)
    kept = msgspec.structs.replace(
        conversation, opened_at=known.conversation.opened_at, messages=messages[-MESSAGES_KEPT:]
    )
    return Known(kept, known.is_whole and len(messages) <= MESSAGES_KEPT)
