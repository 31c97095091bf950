"""Read in a passage where the question's own words point: "directed by" stands beside the name of a director."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from shipmate.knowledge.graph.names import name_words, runs
from shipmate.text import STOP_WORDS, sentence_spans, stem, words

__all__ = ["Cue", "Reading", "pointed", "reading", "sought"]

# What a passage says where a question asks: kinship is told from the other side, a song is by its singer.
TOLD = {
    "father mother parent parents paternal maternal grandfather grandmother grandparent": (
        "son daughter child children father mother parents born"
    ),
    "child children son daughter": "father mother parents son daughter child children",
    "husband wife spouse": "married wife husband spouse widow consort wedding marriage",
    "brother sister sibling": "brother sister sibling",
    "uncle aunt nephew niece": "uncle aunt nephew niece son daughter brother sister",
    "composer": "music score",
    "author writer": "novel book",
    "performer singer": "song single album record",
}
TOLD_STEMS: dict[str, set[str]] = {}
for asked, told in TOLD.items():
    for word in asked.split():
        TOLD_STEMS.setdefault(stem(word), set()).update(map(stem, told.split()))
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
# "Her", "her", "or" do nothing.
SHORTEST_DOER = 5
# What is told so counts a little less than the question's own word.
TOLD_WEIGHT = 0.9
# A cue loses half of its weight so many words away from the name,
HALF_WORDS = 6
# stands mostly before it,
BEHIND_WORDS = 3
# and counts less beyond its own sentence.
BEYOND = 0.4
READINGS_KEPT = 512


def sought(question: str, named: frozenset[str]) -> dict[str, float]:
    """Return the stems that the question looks for, with their weights: what it says beside the names in it."""
    terms: dict[str, float] = {}
    for word in words(question):
        if word.lower() in STOP_WORDS or (named and not named.isdisjoint(name_words(word))):
            continue
        root = stem(word)
        terms[root] = 1.0
        # Who directs is the director, and so on for all who do something.
        if len(word) > SHORTEST_DOER and word.lower().endswith(("er", "or")):
            terms[stem(word[:-2])] = 1.0
        for told in TOLD_STEMS.get(root, ()):
            terms.setdefault(told, TOLD_WEIGHT)
    return terms


class Cue(NamedTuple):
    """A word of a passage to which the question points: the how manieth it is, in which sentence, and its weight."""

    word: int
    sentence: int
    weight: float


class Reading:
    """A passage as far as any question may look for cues in it."""

    def __init__(self, text: str) -> None:
        self._text = text
        said = list(WORD.finditer(text))
        self._starts = [match.start() for match in said]
        self._sentences = [start for start, _ in sentence_spans(text)]
        self._places: dict[str, list[int]] = {}
        for at, match in enumerate(said):
            self._places.setdefault(stem(match[0]), []).append(at)

    def names(self) -> Iterator[tuple[str, int]]:
        """Yield each name and where it begins; names that a comma joins may be one, "Louis, Count of Évreux"."""
        start = end = 0
        for run in runs(self._text):
            if end and self._text[end : run.start] == ", ":
                end = run.end
                continue
            if end:
                yield self._text[start:end], start
            start, end = run.start, run.end
        if end:
            yield self._text[start:end], start

    def place(self, start: int) -> tuple[int, int]:
        """Return which word and which sentence stands at an offset of the text."""
        return bisect_right(self._starts, start) - 1, bisect_right(self._sentences, start)

    def cues(self, terms: Mapping[str, float]) -> list[Cue]:
        """Return the words that a question looks for."""
        return [
            Cue(at, bisect_right(self._sentences, self._starts[at]), terms[root])
            for root in self._places.keys() & terms
            for at in self._places[root]
        ]


@lru_cache(maxsize=READINGS_KEPT)
def reading(text: str) -> Reading:
    """Return a passage's reading, which many questions share."""
    return Reading(text)


def pointed(cues: Iterable[Cue], first: int, length: int, sentence: int) -> float:
    """Return how much the cues point to the name that begins with the passage's word `first`, 0-1."""
    return max((_weight(cue, first, length, sentence) for cue in cues), default=0.0)


def _weight(cue: Cue, first: int, length: int, sentence: int) -> float:
    """Return what a cue at one word is worth for a name at others; within the name it is none."""
    at = cue.word
    if first <= at < first + length:
        return 0.0
    distance = first - at if at < first else at - (first + length - 1) + BEHIND_WORDS
    return cue.weight * BEYOND ** abs(cue.sentence - sentence) / (1 + distance / HALF_WORDS)
