"""Find the passages that a question needs: BM25 over the index, then a closer look at the best."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter

import msgspec

from shipmate.knowledge.conversation import faint_terms
from shipmate.knowledge.telling import telling_by
from shipmate.messages import Hit, Question
from shipmate.ports import PassageIndex
from shipmate.text import STOP_WORDS, asked_stems, stem, stems, words

__all__ = ["Search"]

# How many of the best are looked at closely.
DEPTH = 12
# What a passage gains, at most, on a lexical score of 1: for holding the question's phrases,
PHRASES = 0.35
# and for a title and headings that say nothing but what the question names.
HEADED = 0.3
# The rarest phrases of a question tell enough.
PHRASES_SOUGHT = 8
TEXTS_KEPT = 2048
HEADS_KEPT = 4096


class Head(msgspec.Struct, frozen=True, gc=False):
    """The words of a title and headings, and how much they weigh together."""

    stems: frozenset[str]
    weight: float


class Search:
    """Lexical search over one commit of an index; made anew when the index has a newer one."""

    def __init__(self, index: PassageIndex) -> None:
        self._index = index
        self._telling = telling_by(index.statistics)
        self._head = lru_cache(maxsize=HEADS_KEPT)(self._weighed_head)

    def passages(self, question: Question, limit: int = 8, groups: frozenset[str] = frozenset()) -> list[Hit]:
        """Return the best passages for the question that these groups may see, best first.

        Of passages that say the same, one.
        """
        asked = {stem: self._telling[stem] for stem in asked_stems(question.standalone)}
        terms = dict.fromkeys(asked, 1.0)
        if question.history:
            terms = {**faint_terms(question.history, self._telling.__getitem__), **terms}
        hits = self._index.search(terms, max(DEPTH, limit), groups) if asked else []
        if not hits:
            return []
        scores = self._scores(hits, question.standalone, asked)
        ranked = sorted(zip(scores, hits, strict=True), key=itemgetter(0), reverse=True)
        distinct: dict[str, Hit] = {}
        for score, hit in ranked:
            passage = hit.passage
            if passage.text not in distinct:
                legs = {**hit.legs, "reranked": score}
                distinct[passage.text] = Hit(passage=passage, score=score, legs=legs)
                if len(distinct) == limit:
                    break
        return list(distinct.values())

    def _scores(self, hits: Sequence[Hit], text: str, asked: Mapping[str, float]) -> list[float]:
        """Return the score of each passage after the closer look."""
        texts = [_lowered(hit.passage.text) for hit in hits]
        together = "\n".join(texts)
        phrases = [(phrase, weight) for phrase, weight in self._phrases(text) if phrase in together]
        best = hits[0].score
        scores = []
        for hit, said in zip(hits, texts, strict=True):
            score = hit.score / best
            if phrases:
                score += PHRASES * sum([weight for phrase, weight in phrases if phrase in said])
            head = self._head(hit.passage.title, hit.passage.headings)
            named = head.stems.intersection(asked)
            if named:
                score += HEADED * sum([asked[stem] for stem in named]) / head.weight
            scores.append(score)
        return scores

    def _phrases(self, text: str) -> list[tuple[str, float]]:
        """Return the rarest phrases of a question with their weights, which are 1 together."""
        weighed = {phrase: self._telling[first] + self._telling[second] for phrase, first, second in _pairs(text)}
        rarest = sorted(weighed.items(), key=itemgetter(1), reverse=True)[:PHRASES_SOUGHT]
        whole = sum(weighed.values())
        return [(phrase, weight / whole) for phrase, weight in rarest]

    def _weighed_head(self, title: str, headings: tuple[str, ...]) -> Head:
        named = frozenset(stems(" ".join((title, *headings))))
        return Head(named, sum(map(self._telling.__getitem__, named)))


def _pairs(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield what stretches from a content word to the beginning of the next one, with the stems of both."""
    said = words(text.lower())
    places = [place for place, word in enumerate(said) if word not in STOP_WORDS]
    for first, second in pairwise(places):
        ending = stem(said[second])
        # A stem may end otherwise than its word: "happy" and "happi".
        shared = ending if said[second].startswith(ending) else ending[:-1]
        yield " ".join((*said[first:second], shared)), stem(said[first]), ending


@lru_cache(maxsize=TEXTS_KEPT)
def _lowered(text: str) -> str:
    return text.lower()
