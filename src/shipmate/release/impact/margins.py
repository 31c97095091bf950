"""How far scores may drift before an answer changes: a bound for each decision on the way, and the least of them.

An edit moves the scores of all passages a little, because BM25 weighs words against how many entries there are and how
long. What drifts is bounded: each score, next to the others of a question, by the relative drift e. Everything behind it
is continuous but for a few decisions: which passages are found, which of them are looked at closely, which come first,
which pieces are quoted. Each holds as long as its gap is wider than what both sides may move. All is told per unit of e;
`SLACK` covers that exp(2e) is a little more than 1 + 2e up to `MOST`.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from shipmate.answer.quotes.answerable import ANSWER_THRESHOLD, COMPARED, SPREAD, confidence, signals
from shipmate.answer.quotes.comparison import comparison
from shipmate.answer.quotes.extractive import QUOTED_HITS, Choice
from shipmate.answer.quotes.selection import (
    CLOSE_LOOK,
    LEAST_NEWS,
    LEAST_SCORE,
    MISSING,
    PASSAGE,
    Candidate,
    News,
    Taken,
    introduced_by,
    scored,
)
from shipmate.answer.quotes.yes_no import claim
from shipmate.knowledge.fusion import LEAST_DENSE
from shipmate.knowledge.graph.seek import MOST_ANCHORS
from shipmate.knowledge.keys import passage_key
from shipmate.knowledge.search import CLOSELY, DEPTH, Look
from shipmate.knowledge.siblings import SHARE
from shipmate.knowledge.telling import Telling, telling_by
from shipmate.messages import Hit, Question
from shipmate.ports import TermStatistics
from shipmate.release.impact.evidence import NEVER, SURE, Doubt
from shipmate.text import asked_stems

__all__ = [
    "MOST",
    "NOISE",
    "SLACK",
    "Quoting",
    "Reach",
    "doubt_of",
    "found_radius",
    "led_radius",
    "ranked_radius",
    "reach_of",
]

MOST = 0.02
SLACK = 1.06
# Scores and cosines are summed in single precision, in an order that may change.
NOISE = 2e-6
# How many of the found decide an answer: the first, those that are quoted, all of them.
DECIDING = (1, QUOTED_HITS, 8)


class Reach(dict[int, float]):
    """How far the whole score of each passage moves, by key, at most."""


def radius(gap: float, reach: float) -> float:
    """Return the drift up to which a gap holds."""
    left = gap - NOISE
    if left <= 0:
        return NEVER
    return left / (reach * SLACK) if reach else math.inf


def found_radius(hits: Sequence[Hit]) -> float:
    """Return the drift up to which the words find the same passages, and the same ones are looked at closely.

    `hits` hold one more than count.
    """
    cuts = [(hits[cut - 1].score, hits[cut].score) for cut in (CLOSELY, DEPTH) if len(hits) > cut]
    return min((radius(math.log(before / behind), 2.0) for before, behind in cuts), default=math.inf)


def reach_of(look: Look) -> Reach:
    """Return how far each whole score moves."""
    if not look.closer:
        return Reach(dict.fromkeys(look.cosine, 0.0))
    moves = _moves(look)
    top = look.closer[0][0]
    # As a share of the best, which moves as well.
    shares = [(move + score / top * max(moves)) / top for move, (score, _) in zip(moves, look.closer, strict=True)]
    sway = max(shares) / 2 if look.cosine else 0.0
    words = 1 - LEAST_DENSE if look.cosine else 1.0
    keys = [passage_key(hit.passage) for _, hit in look.closer]
    reach = Reach({key: words * share + sway for key, share in zip(keys, shares, strict=True)})
    for key in look.cosine:
        reach.setdefault(key, sway)
    most = max(reach.values())
    for key in look.gained:
        reach[key] += SHARE * most
    return reach


def led_radius(look: Look, named: frozenset[int]) -> float:
    """Return the drift up to which the graph is asked the same: it reads the first hit, and named pages in their order."""
    if not look.closer:
        return math.inf
    most = 2 * max(_moves(look))
    scores = [score for score, _ in look.closer]
    places = [place for place, (_, hit) in enumerate(look.closer) if passage_key(hit.passage) in named]
    read = places[: MOST_ANCHORS + 1]
    pairs = [(0, 1), *pairwise(read)] if len(scores) > 1 else []
    if places and len(scores) > CLOSELY:
        pairs.append((CLOSELY - 1, CLOSELY))
    return min((radius(scores[one] - scores[other], most) for one, other in pairs), default=math.inf)


def _moves(look: Look) -> list[float]:
    """Return how far the score of each passage moves in the closer look."""
    best = max(hit.score for hit in look.worded)
    return [2 * hit.score / best for _, hit in look.closer]


def ranked_radius(ranking: Sequence[tuple[int, float]], firsts: Sequence[int], reach: Reach) -> float:
    """Return the drift up to which the same passages come first; `firsts` are the keys of the distinct ones, best first."""
    least = math.inf
    scores = dict(ranking)
    for count in DECIDING:
        chosen = firsts[:count]
        if not chosen:
            continue
        within = frozenset(chosen)
        others = [(score, reach.get(key, 0.0)) for key, score in ranking if key not in within]
        for key in chosen:
            own, move = scores[key], reach.get(key, 0.0)
            for score, moves in others:
                least = min(least, radius(own - score, move + moves))
    return least


def doubt_of(question: Question, hits: Sequence[Hit], statistics: TermStatistics, reach: Reach) -> Doubt:
    """Return how far the confidence is from the threshold, and what moves it."""
    sure = confidence(question, hits, statistics)
    if not sure:
        return SURE
    telling = telling_by(statistics)
    asked = [telling[stem] for stem in dict.fromkeys(asked_stems(question.standalone))]
    unit = sum(asked) / math.sqrt(len(asked))
    first = hits[:COMPARED]
    moves = [
        hit.legs["lexical"] if "lexical" in hit.legs else reach.get(passage_key(hit.passage), 0.0) for hit in first
    ]
    both = [(hit.legs.get("lexical", 0.0), hit.legs["dense"]) for hit in first if "dense" in hit.legs]
    mean = sum(cosine for _, cosine in both) / len(both) if both else 0.0
    agreement = signals(question, hits, statistics).agreement
    return Doubt(
        margin=math.log(sure / (1 - sure)) - math.log(ANSWER_THRESHOLD / (1 - ANSWER_THRESHOLD)),
        spread=SPREAD * math.sqrt(sum(move * move for move in moves) / COMPARED) / unit,
        together=math.copysign(agreement * agreement, agreement),
        sway=sum(score * abs(cosine - mean) for score, cosine in both) / (COMPARED * unit),
        noise=2 * NOISE * sum(score for score, _ in both) / (COMPARED * unit),
    )


class Quoting:
    """The choice of quotes once more, with the gap of each decision."""

    def __init__(self, question: Question, hits: Sequence[Hit], choice: Choice, reach: Reach) -> None:
        self._question = question
        self._hits = hits
        self._choice = choice
        best = hits[0].score
        own = [reach.get(passage_key(hit.passage), 0.0) for hit in hits]
        # How far all pieces of a hit move together; those of the first, next to which all stand, do not.
        self._moves = [
            PASSAGE * (move + hit.score / best * own[0]) / best if rank else 0.0
            for rank, (hit, move) in enumerate(zip(hits, own, strict=True))
        ]
        self.radius = math.inf

    def look(self, telling: Telling, *, max_sentences: int, max_citations: int) -> None:
        """Find the least radius; it is `NEVER` where the choice does not come out the same here."""
        if not self._choice.found:
            return
        self._cut()
        found = self._choice.found
        order = ((one, other) for place, one in enumerate(found) for other in found[place + 1 :])
        decides = claim(self._question.text) or comparison(self._question.text)
        for one, other in order if decides else ((found[0], other) for other in found[1:]):
            self._hold(one.score - other.score, one.place[0], other.place[0])
        picks = self._picked(telling, max_sentences - bool(self._choice.word), max_citations)
        if [one.place for one in picks] != [one.place for one in self._choice.picks]:
            self.radius = NEVER

    def _hold(self, gap: float, one: int, other: int, share: float = 1.0) -> None:
        """Keep the radius of a gap between pieces of two hits; those of one hit move together."""
        if one != other or share != 1.0:
            self.radius = min(self.radius, radius(gap, self._moves[one] + share * self._moves[other]))

    def _cut(self) -> None:
        """Hold who gets a close look."""
        scores, places = scored(self._choice.want, self._hits, self._choice.outlines)
        order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
        within, without = order[:CLOSE_LOOK], order[CLOSE_LOOK:]
        least: dict[int, float] = {}
        most: dict[int, float] = {}
        for at in within:
            least[places[at][0]] = scores[at]
        for at in reversed(without):
            most[places[at][0]] = scores[at]
        for one, low in least.items():
            for other, high in most.items():
                self._hold(low - high, one, other)

    def _picked(self, telling: Telling, max_sentences: int, max_citations: int) -> list[Candidate]:
        """Pick as `selection.pick` does, and hold each choice."""
        choice = self._choice
        found, first = choice.found, choice.deciding
        news = News(choice.want, found, telling)
        left = [*first, *(candidate for candidate in found if candidate not in first)]
        picks: list[Candidate] = []
        taken = Taken()
        missing = MISSING
        while left and len(picks) < max_sentences:
            best = left.pop(0 if len(picks) < max(1, len(first)) else self._best(left, news.scale, missing))
            introduced = introduced_by(best, choice.outlines, max_sentences - len(picks) - 1)
            least = LEAST_SCORE * len(picks)
            self._hold(abs(best.score - least * found[0].score), best.place[0], found[0].place[0], least)
            if (
                introduced is None
                or (introduced and introduced[0].place == taken.lead)
                or best.news < LEAST_NEWS * len(best.piece.stems)
                or best.score < least * found[0].score
                or taken.runs_with(best) > max_citations
            ):
                continue
            for candidate in (best, *introduced):
                if candidate.place not in taken.places:
                    taken.add(candidate)
                    picks.append(candidate)
                    missing *= not candidate.shows
                    news.forget(candidate)
            if introduced:
                left = [candidate for candidate in left if candidate.place not in taken.places]
        return picks

    def _best(self, left: Sequence[Candidate], scale: float, missing: float) -> int:
        values = [candidate.score + scale * candidate.gain + missing * candidate.shows for candidate in left]
        best = values.index(max(values))
        for candidate, value in zip(left, values, strict=True):
            self._hold(values[best] - value, left[best].place[0], candidate.place[0])
        return best
