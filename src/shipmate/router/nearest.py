"""Texts that are alike by their words."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from math import log, sqrt

import msgspec

from shipmate.text import STOP_WORDS, stem, words

__all__ = ["Nearest", "Topic", "features"]

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
        counted = [Counter(features(example)) for _, example in examples]
        spread = Counter(feature for counts in counted for feature in counts)
        self._topics = [topic for topic, _ in examples]
        self._weights = {feature: _weight(feature, n, len(examples)) for feature, n in spread.items()}
        self._unseen = log(1 + len(examples))
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for number, counts in enumerate(counted):
            norm = sqrt(sum((n * self._weights[feature]) ** 2 for feature, n in counts.items())) or 1.0
            for feature, n in counts.items():
                self._postings[feature].append((number, n * self._weights[feature] / norm))

    def find(self, text: str) -> tuple[Topic | None, float]:
        """Return the nearest topic and the cosine of its nearest example, 0-1."""
        if not self._postings:
            return None, 0.0
        likeness: dict[int, float] = defaultdict(float)
        square = 0.0
        for feature in frozenset(features(text)):
            weight = self._weights.get(feature) or _scaled(feature, self._unseen)
            square += weight * weight
            for number, share in self._postings.get(feature, ()):
                likeness[number] += weight * share
        if not likeness:
            return None, 0.0
        best = max(likeness, key=likeness.__getitem__)
        return self._topics[best], min(1.0, likeness[best] / sqrt(square))


@lru_cache(maxsize=128)
def features(text: str) -> tuple[str, ...]:
    """Return stems and pairs of stems; intents, refusals and FAQ read the same message one after the other."""
    stems = [stem(word) for word in words(text)]
    return (*stems, *(f"{left} {right}" for left, right in pairwise(stems)))


def _weight(feature: str, spread: int, examples: int) -> float:
    return _scaled(feature, log(1 + examples / spread))


def _scaled(feature: str, weight: float) -> float:
    return weight * STOP_WORD_WEIGHT if feature in STOP_WORDS else weight
