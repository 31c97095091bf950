"""The charter's intents: which one a message means, or that it is out of scope."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from math import log, sqrt

import msgspec

from shipmate.messages import Route
from shipmate.text import STOP_WORDS, stem, words

__all__ = ["Nearest", "Router", "Topic"]

INTENT_THRESHOLD = 0.35
REFUSAL_THRESHOLD = 0.5
STOP_WORD_WEIGHT = 0.3


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """Something that people ask for, by example."""

    name: str
    examples: tuple[str, ...]
    # What the charter has the assistant say to it; empty for intents.
    reply: str = ""


class Nearest:
    """Find the topic whose example is most like a text: cosine of word and word-pair weights."""

    def __init__(self, topics: Sequence[Topic]) -> None:
        examples = [(topic, example) for topic in topics for example in topic.examples]
        features = [Counter(_features(example)) for _, example in examples]
        spread = Counter(feature for counts in features for feature in counts)
        self._topics = [topic for topic, _ in examples]
        self._weights = {feature: _weight(feature, n, len(examples)) for feature, n in spread.items()}
        self._unseen = log(1 + len(examples))
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for number, counts in enumerate(features):
            norm = sqrt(sum((n * self._weights[feature]) ** 2 for feature, n in counts.items())) or 1.0
            for feature, n in counts.items():
                self._postings[feature].append((number, n * self._weights[feature] / norm))

    def find(self, text: str) -> tuple[Topic | None, float]:
        """Return the nearest topic and the cosine of its nearest example, 0-1."""
        if not self._postings:
            return None, 0.0
        likeness: dict[int, float] = defaultdict(float)
        square = 0.0
        for feature in frozenset(_features(text)):
            weight = self._weights.get(feature) or _scaled(feature, self._unseen)
            square += weight * weight
            for number, share in self._postings.get(feature, ()):
                likeness[number] += weight * share
        if not likeness:
            return None, 0.0
        best = max(likeness, key=likeness.__getitem__)
        return self._topics[best], min(1.0, likeness[best] / sqrt(square))


class Router:
    """Read a message as one of the charter's intents; it sees the user's words only, never a document."""

    def __init__(self, intents: Sequence[Topic], out_of_scope: Sequence[Topic]) -> None:
        self._intents = Nearest(intents)
        self._refusals = Nearest(out_of_scope)

    def route(self, text: str) -> Route:
        """Return the intent, or the topic that the charter refuses when that is nearer."""
        intent, confidence = self._intents.find(text)
        refused, likeness = self._refusals.find(text)
        if refused and likeness >= REFUSAL_THRESHOLD and likeness > confidence:
            return Route(confidence=likeness, out_of_scope=refused.name, refusal=refused.reply)
        if intent and confidence >= INTENT_THRESHOLD:
            return Route(intent=intent.name, confidence=confidence)
        return Route(confidence=confidence)


@lru_cache(maxsize=128)
def _features(text: str) -> tuple[str, ...]:
    """Return stems and pairs of stems; intents, refusals and FAQ read the same message one after the other."""
    stems = [stem(word) for word in words(text)]
    return (*stems, *(f"{left} {right}" for left, right in pairwise(stems)))


def _weight(feature: str, spread: int, examples: int) -> float:
    return _scaled(feature, log(1 + examples / spread))


def _scaled(feature: str, weight: float) -> float:
    return weight * STOP_WORD_WEIGHT if feature in STOP_WORDS else weight
