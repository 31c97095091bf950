"""Read in a passage where the question's own words point: "directed by" stands beside the name of a director."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping

from shipmate.knowledge.graph.names import name_words, runs
from shipmate.text import STOP_WORDS, sentence_spans, stem, words

__all__ = ["Reading", "sought"]

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


def sought(question: str, named: frozenset[str]) -> dict[str, float]:
    """Return the stems that the question looks for, with their weights: what it says beside the names in it."""
    terms: dict[str, float] = {}
    for word in words(question):
        if word.lower() in STOP_WORDS or not named.isdisjoint(name_words(word)):
            continue
        root = stem(word)
        terms[root] = 1.0
        # Who directs is the director, and so on for all who do something.
        if len(word) > SHORTEST_DOER and word.lower().endswith(("er", "or")):
            terms[stem(word[:-2])] = 1.0
        for told in TOLD_STEMS.get(root, ()):
            terms.setdefault(told, TOLD_WEIGHT)
    return terms


class Reading:
    """A passage read for the cues of one question."""

    def __init__(self, text: str, terms: Mapping[str, float]) -> None:
        self._text = text
        said = list(WORD.finditer(text))
        self._starts = [match.start() for match in said]
        self._sentences = [start for start, _ in sentence_spans(text)]
        roots = (stem(match[0]) for match in said)
        self._cues = [(at, terms[root]) for at, root in enumerate(roots) if root in terms]

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

    def cue(self, start: int, skipped: int, length: int) -> float:
        """Return how much the question's words point to the name so many words behind `start`, 0-1."""
        first = bisect_right(self._starts, start) - 1 + skipped
        sentence = bisect_right(self._sentences, start)
        return max((self._weight(at, first, length, sentence) * weight for at, weight in self._cues), default=0.0)

    def _weight(self, at: int, first: int, length: int, sentence: int) -> float:
        """Return what a cue at one word is worth for a name at others; within the name it is none."""
        if first <= at < first + length:
            return 0.0
        distance = first - at if at < first else at - (first + length - 1) + BEHIND_WORDS
        beyond = abs(bisect_right(self._sentences, self._starts[at]) - sentence)
        return BEYOND**beyond / (1 + distance / HALF_WORDS)
