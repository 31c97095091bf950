"""Which intent of the charter a message means, or that it is out of scope."""

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from shipmate.errors import ModelError
from shipmate.messages import Route
from shipmate.ports import Embedder
from shipmate.router.nearest import Nearest, Topic, features

if TYPE_CHECKING:  # numpy takes its time to import, and only an embedder needs it
    from shipmate.router.learned import Learned

__all__ = ["OUT_OF_SCOPE_SHARE", "Reading", "Router"]

log = logging.getLogger(__name__)

# By words alone: from such a likeness on.
INTENT_THRESHOLD = 0.35
REFUSAL_THRESHOLD = 0.5
# At most this share of the examples counts as out of scope when the router has not learned from them.
OUT_OF_SCOPE_SHARE = 0.05
# Fewer tell nothing of what is out of scope.
FEWEST_CLASSES = 3


class Reading(NamedTuple):
    """What a message seems to be about."""

    # The name of an intent or of a topic that is refused; empty when there is none.
    topic: str
    # How likely it is that this is right, 0-1.
    confidence: float
    is_in_scope: bool


class Router:
    """Read a message as one of the charter's intents; it sees the user's words only, never a document."""

    def __init__(
        self, intents: Sequence[Topic], out_of_scope: Sequence[Topic], embedder: Embedder | None = None
    ) -> None:
        self._topics = [topic for topic in (*intents, *out_of_scope) if topic.examples]
        self._intents = frozenset(topic.name for topic in intents)
        self._nearest = Nearest(intents)
        self._refusals = Nearest(out_of_scope)
        self._embedder = embedder if len(self._topics) >= FEWEST_CLASSES else None
        self._learned: Learned | None = None
        self._learning = asyncio.Lock()

    async def route(self, text: str) -> Route:
        """Return the intent, or the topic that the charter refuses when that is nearer."""
        refused, likeness = self._refusals.find(text)
        if refused and likeness >= REFUSAL_THRESHOLD and likeness > self._nearest.find(text)[1]:
            return Route(confidence=likeness, out_of_scope=refused.name, refusal=refused.reply)
        reading = await self.read(text)
        is_intent = reading.is_in_scope and reading.topic in self._intents
        return Route(intent=reading.topic if is_intent else "", confidence=reading.confidence)

    async def read(self, text: str) -> Reading:
        """Return the best topic, whether or not the message is in scope.

        It goes by words alone where there is no embedder, where it fails, and where there is too little to learn from.
        """
        if self._embedder is not None and features(text):
            try:
                return await self._by_examples(self._embedder, text)
            except ModelError as error:
                log.warning("the router goes by words alone: %s", error)
        topic, likeness = self._nearest.find(text)
        return Reading(topic.name if topic else "", likeness, likeness >= INTENT_THRESHOLD)

    async def _by_examples(self, embedder: Embedder, text: str) -> Reading:
        learned = self._learned or await self._learn(embedder)
        (vector,) = await embedder.embed([text])
        place, confidence = learned.read(vector, features(text))
        return Reading(self._topics[place].name, confidence, confidence >= learned.threshold)

    async def _learn(self, embedder: Embedder) -> "Learned":
        """Learn from the examples, once."""
        from shipmate.router.learned import examples_of, learn

        async with self._learning:
            if self._learned is None:
                vectors = await embedder.embed([example.text for example in examples_of(self._topics)])
                self._learned = await asyncio.to_thread(learn, self._topics, vectors, OUT_OF_SCOPE_SHARE)
            return self._learned
