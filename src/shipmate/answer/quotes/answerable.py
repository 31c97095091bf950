"""Know when the documents do not answer.

Three things speak for an answer: that a few passages stand out from the others that share words with the question, that
a line of the best one says what the question says, and little else, and that words and vectors prefer the same passages.
What the words tell is measured against what a question with these words could reach at best. Of the vectors only the
differences count: whether an embedder finds all texts much alike or hardly alike does not matter.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from shipmate.knowledge.outline import outline
from shipmate.knowledge.telling import Telling, telling_by
from shipmate.messages import Hit, Passage, Question
from shipmate.ports import TermStatistics
from shipmate.text import asked_stems, stems

__all__ = ["AGREEMENT", "ANSWER_THRESHOLD", "COMPARED", "SPREAD", "Signals", "confidence", "signals"]

# The confidence from which on a question is answered.
ANSWER_THRESHOLD = 0.28

# The logistic formula, as `benchmarks/train_answerable.py` fits it, rounded.
SPREAD = 1.7
LIKENESS = 3.2
AGREEMENT = 4.9
OFFSET = -2.4
# The best hits that are compared with each other; where fewer are found, the others score nothing.
COMPARED = 8
# An index of fewer passages than that: they share a word with a question by chance less often than many do, and rare
# words cannot be told from common ones among them, so a match counts for more.
FEW = 0.5

HEADS_KEPT = 4096


class Signals(NamedTuple):
    """What speaks for an answer; all are 0 when nothing does."""

    # How far the best scores lie apart, in units of what as many unrelated words would bring about.
    spread: float
    # How near a line of the best passage comes to saying what is asked and nothing else, 0-1.
    likeness: float
    # How far words and vectors prefer the same passages; below 0 when they prefer different ones, 0 without vectors.
    agreement: float


def confidence(question: Question, hits: Sequence[Hit], statistics: TermStatistics) -> float:
    """Return how likely it is that the passages answer the question, 0-1; `hits` are the best ones, best first."""
    spread, likeness, agreement = signals(question, hits, statistics)
    if not likeness:
        return 0.0
    fewness = FEW * max(0.0, math.log(COMPARED / max(1, statistics.passage_count)))
    score = SPREAD * spread + LIKENESS * likeness + AGREEMENT * agreement + fewness + OFFSET
    return 1 / (1 + math.exp(-score))


def signals(question: Question, hits: Sequence[Hit], statistics: TermStatistics) -> Signals:
    """Return what speaks for an answer in the passages that were found."""
    telling = telling_by(statistics)
    asked = {stem: telling[stem] for stem in asked_stems(question.standalone)}
    if not hits or not asked:
        return Signals(spread=0.0, likeness=0.0, agreement=0.0)
    # A word's telling is what it adds to a score where it stands once; unrelated words add up as the root of their number.
    unit = sum(asked.values()) / math.sqrt(len(asked))
    return Signals(
        spread=_spread(hits, unit),
        likeness=_likeness(hits[0].passage, asked, telling),
        agreement=_agreement(hits, unit),
    )


def _spread(hits: Sequence[Hit], unit: float) -> float:
    scores = [hit.legs.get("lexical", hit.score) for hit in hits[:COMPARED]]
    mean = sum(scores) / COMPARED
    squares = sum([(score - mean) ** 2 for score in scores]) + (COMPARED - len(scores)) * mean**2
    return math.sqrt(squares / COMPARED) / unit


def _agreement(hits: Sequence[Hit], unit: float) -> float:
    """Return the root of the covariance of lexical scores and cosines over the best hits, with its sign."""
    both = [(hit.legs.get("lexical", 0.0), hit.legs["dense"]) for hit in hits[:COMPARED] if "dense" in hit.legs]
    if not both:
        return 0.0
    mean = sum([cosine for _, cosine in both]) / len(both)
    together = sum([score * (cosine - mean) for score, cosine in both]) / (COMPARED * unit)
    return math.copysign(math.sqrt(abs(together)), together)


def _likeness(passage: Passage, asked: Mapping[str, float], telling: Telling) -> float:
    """Return the highest cosine between the question and a line, in which each word counts what it tells."""
    outlined = outline(passage)
    said: dict[int, float] = {}
    for stem, weight in asked.items():
        for number in outlined.holding(stem):
            said[number] = said.get(number, 0.0) + weight
    lines = [(shared, outlined.pieces[number].stems) for number, shared in said.items()]
    lines += [
        (sum([asked[stem] for stem in line if stem in asked]), line) for line in _above(passage.title, passage.headings)
    ]
    whole = sum(asked.values())
    best = 0.0
    for shared, line in lines:
        # A line that says nothing else would be this near; most are left here.
        if shared > best * whole:
            best = max(best, shared * shared / (whole * sum(map(telling.__getitem__, line))))
    return math.sqrt(best)


@lru_cache(maxsize=HEADS_KEPT)
def _above(title: str, headings: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Return the stems of what stands above a passage: of each heading, and of all of them."""
    lines = (title, *headings, " ".join(headings))
    return tuple({tuple(dict.fromkeys(stems(line))): None for line in lines})
