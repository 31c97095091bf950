"""What has to hold for an answer to stay as it is: for each decision on the way, a gap and how an edit moves it.

Everything between the words' scores and the answer is continuous but for a few decisions: which passages are found,
which of them are looked at closely, which come first, which pieces are quoted. Each holds as long as its gap stays
wide. To first order a gap moves by its slopes; what they leave out is less than `bend` times the square of the largest
change in any direction, as long as that is at most `MOST`. Gaps that cannot close below that are not kept.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shipmate.answer.quotes.answerable import ANSWER_THRESHOLD, COMPARED, SPREAD, confidence, signals
from shipmate.answer.quotes.comparison import comparison
from shipmate.answer.quotes.extractive import Choice
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
from shipmate.knowledge.fusion import DENSE_SWAY, DENSE_WEIGHT, LEAST_DENSE, MOST_DENSE, SWAYED_BY, hinted
from shipmate.knowledge.graph.seek import MOST_ANCHORS
from shipmate.knowledge.keys import passage_key
from shipmate.knowledge.search import CLOSELY, DEPTH, Look
from shipmate.knowledge.siblings import SHARE
from shipmate.knowledge.telling import Telling, telling_by
from shipmate.messages import Hit, Question
from shipmate.ports import TermStatistics
from shipmate.release.impact.evidence import SURE, Doubt
from shipmate.release.impact.slopes import Floats, Moving, over
from shipmate.text import asked_stems

__all__ = [
    "MOST",
    "NOISE",
    "Gaps",
    "Quoting",
    "Whole",
    "closer_of",
    "doubt_of",
    "found_gaps",
    "led_gaps",
    "ranked_gaps",
    "whole_of",
]

# The largest change in any direction up to which the bounds below hold.
MOST = 0.002
# Scores and cosines are summed in single precision, in an order that may change.
NOISE = 2e-6
# What slopes leave out, per square of the change: of a share of two scores, and of whole scores made of such shares.
BEND_OF_SHARE, BEND = 20.0, 400.0
# How many of the found decide an answer: the first, those that are quoted, all of them.
DECIDING = (1, 5, 8)
EXACTLY = 1e-9


class Gaps:
    """The gaps that have to stay wide; `is_lost` where one is too narrow to tell."""

    def __init__(self) -> None:
        self.kept: list[tuple[float, float, float, Floats]] = []
        self.is_lost = False

    def hold(self, gap: float, slopes: Floats, unsure: float, bend: float) -> None:
        """Keep a gap, unless nothing below `MOST` can close it."""
        reach = float(np.abs(slopes).sum()) + unsure
        if not gap and not slopes.any():
            # Equals that move together: their keys decide.
            return
        if gap > reach * MOST + bend * MOST * MOST + NOISE:
            return
        self.is_lost |= gap <= NOISE
        self.kept.append((gap, unsure, bend, slopes))


class Whole(NamedTuple):
    """The whole scores of all passages that were ranked, by key."""

    places: Mapping[int, int]
    moving: Moving


def found_gaps(gaps: Gaps, lexical: Moving, *, is_more: bool) -> None:
    """Hold that the words find the same passages, and that the same ones are looked at closely.

    `is_more` says that there are others behind these.
    """
    values, slopes, _ = lexical
    # No score moves by more than the mean length does.
    reach = 3 * MOST
    for cut in (CLOSELY, DEPTH):
        if len(values) <= cut:
            continue
        whole = values[cut - 1]
        for one in range(cut):
            for other in range(cut, len(values)):
                gap = (values[one] - values[other]) / whole
                if gap <= reach:
                    gaps.hold(gap, (slopes[one] - slopes[other]) / whole, 0.0, BEND_OF_SHARE)
    if is_more:
        # Those behind may come to count as well.
        gaps.hold(1 - values[-1] / values[DEPTH - 1], np.zeros(1), 1.0, BEND_OF_SHARE)


def closer_of(look: Look, lexical: Moving) -> Moving:
    """Return the scores of the closer look, best first: what the words say as a share of the best, and a part that stays."""
    shares = over(lexical, int(np.argmax(lexical.values)))
    reach = 8 * MOST
    rivals = lexical.values >= lexical.values.max() * (1 - reach)
    best = lexical.slopes[np.argmax(lexical.values)] / lexical.values.max()
    doubt = np.abs(lexical.slopes[rivals] / lexical.values.max() - best).sum(axis=1).max()
    places = {passage_key(hit.passage): place for place, hit in enumerate(look.worded)}
    order = [places[passage_key(hit.passage)] for _, hit in look.closer]
    values = np.array([score for score, _ in look.closer])
    return Moving(values, shares.slopes[order], shares.values[order] * doubt)


def led_gaps(gaps: Gaps, look: Look, closer: Moving, named: frozenset[int]) -> None:
    """Hold that the graph is asked the same: it reads the first hit, and named pages in their order."""
    places = [place for place, (_, hit) in enumerate(look.closer) if passage_key(hit.passage) in named]
    pairs = [(0, 1), *pairwise(places[: MOST_ANCHORS + 1])] if len(closer.values) > 1 else []
    if places and len(closer.values) > CLOSELY:
        pairs.append((CLOSELY - 1, CLOSELY))
    for one, other in pairs:
        unsure = closer.unsure[one] + closer.unsure[other]
        gaps.hold(
            closer.values[one] - closer.values[other], closer.slopes[one] - closer.slopes[other], unsure, BEND_OF_SHARE
        )


def whole_of(look: Look, closer: Moving) -> Whole | None:
    """Return the whole scores with their slopes; None where they are not what the search has made of them."""
    keys = [passage_key(hit.passage) for _, hit in look.closer]
    places = {key: place for place, (key, _) in enumerate(look.ranking)}
    count, directions = len(places), closer.slopes.shape[1]
    values, slopes, unsure = np.zeros(count), np.zeros((count, directions)), np.zeros(count)
    words = over(closer, 0) if keys else closer
    likeness = _of_best(look.cosine)
    weight, weight_slopes, weight_unsure = _weight(words, likeness)
    for key, share in likeness.items():
        at = places[key]
        values[at] += weight * share
        slopes[at] += share * weight_slopes
        unsure[at] += share * weight_unsure
    for row, key in enumerate(keys):
        at = places[key]
        values[at] += (1 - weight) * words.values[row]
        slopes[at] += (1 - weight) * words.slopes[row] - words.values[row] * weight_slopes
        unsure[at] += (1 - weight) * words.unsure[row] + words.values[row] * weight_unsure
    own = Moving(values.copy(), slopes.copy(), unsure.copy())
    for members in _families(look, places):
        for at in members:
            others = [other for other in members if other != at]
            best = max(others, key=own.values.__getitem__)
            values[at] += SHARE * own.values[best]
            slopes[at] += SHARE * own.slopes[best]
            rivals = [one for one in others if own.values[one] >= own.values[best] - _window(own, one, best)]
            unsure[at] += SHARE * max(
                float(np.abs(own.slopes[one] - own.slopes[best]).sum()) + own.unsure[one] for one in rivals
            )
    for key, score in hinted(look.led).items():
        values[places[key]] += score
    wanted = np.array([score for _, score in look.ranking])
    if not np.allclose(values, wanted, rtol=0, atol=EXACTLY):
        return None
    return Whole(places, Moving(values, slopes, unsure))


def _window(moving: Moving, one: int, other: int) -> float:
    """Return how far apart two values may be that change places below `MOST`."""
    reach = np.abs(moving.slopes[one] - moving.slopes[other]).sum() + moving.unsure[one] + moving.unsure[other]
    return float(reach) * MOST + BEND * MOST * MOST


def _families(look: Look, places: Mapping[int, int]) -> Iterable[list[int]]:
    families: dict[str, list[int]] = {}
    for _, hit in look.closer:
        families.setdefault(hit.passage.source, []).append(places[passage_key(hit.passage)])
    return [members for members in families.values() if len(members) > 1]


def _of_best(scores: Mapping[int, float]) -> dict[int, float]:
    least = min(scores.values(), default=0.0)
    width = max(scores.values(), default=0.0) - least
    return {key: (score - least) / width if width else 1.0 for key, score in scores.items()}


def _weight(words: Moving, likeness: Mapping[int, float]) -> tuple[float, Floats, float]:
    """Return how much likeness counts, with its slopes."""
    directions = words.slopes.shape[1]
    if not len(words.values) or not likeness:
        return (1.0 if likeness else 0.0), np.zeros(directions), 0.0
    followers = sorted(likeness.values(), reverse=True)[1:SWAYED_BY]
    lead_of_likeness = 1 - sum(followers) / len(followers) if followers else 0.0
    order = np.argsort(-words.values, kind="stable")
    following = order[1:SWAYED_BY]
    if not len(following):
        raw, slopes, unsure = DENSE_WEIGHT + DENSE_SWAY * lead_of_likeness, np.zeros(directions), 0.0
    else:
        lead = 1 - words.values[following].mean()
        raw = DENSE_WEIGHT + DENSE_SWAY * (lead_of_likeness - lead)
        slopes = DENSE_SWAY * words.slopes[following].mean(axis=0)
        unsure = DENSE_SWAY * (float(words.unsure[following].mean()) + _swapped(words, order) / len(following))
    clamped = min(MOST_DENSE, max(LEAST_DENSE, raw))
    reach = (float(np.abs(slopes).sum()) + unsure) * MOST + BEND * MOST * MOST
    nearest = min(abs(raw - LEAST_DENSE), abs(raw - MOST_DENSE))
    if nearest <= reach:
        return clamped, slopes, unsure + float(np.abs(slopes).sum())
    return (clamped, slopes, unsure) if clamped == raw else (clamped, np.zeros(directions), 0.0)


def _swapped(words: Moving, order: NDArray[np.intp]) -> float:
    """Return how far the sum of those that follow the best may be off because others come among them."""
    if len(order) <= SWAYED_BY:
        return 0.0
    last = int(order[SWAYED_BY - 1])
    near = [int(at) for at in order if abs(words.values[at] - words.values[last]) <= _window(words, int(at), last)]
    within = sum(int(at) in near for at in order[:SWAYED_BY])
    swaps = min(within, len(near) - within)
    most = max(float(np.abs(words.slopes[at] - words.slopes[last]).sum()) for at in near)
    return 2 * swaps * most


def ranked_gaps(gaps: Gaps, firsts: Sequence[int], whole: Whole) -> None:
    """Hold that the same passages come first; `firsts` are the keys of the distinct ones, best first."""
    values, slopes, unsure = whole.moving
    for count in DECIDING:
        chosen = [whole.places[key] for key in firsts[:count]]
        within = frozenset(chosen)
        others = [at for at in range(len(values)) if at not in within]
        lowest = min((values[at] for at in chosen), default=0.0)
        for at in others:
            if lowest - values[at] > 1.0:
                continue
            for one in chosen:
                gaps.hold(values[one] - values[at], slopes[one] - slopes[at], unsure[one] + unsure[at], BEND)


def _reach(whole: Whole, key: int) -> float:
    """Return how far a whole score moves, at most."""
    at = whole.places[key]
    return float(np.abs(whole.moving.slopes[at]).sum() + whole.moving.unsure[at])


def doubt_of(question: Question, hits: Sequence[Hit], statistics: TermStatistics, whole: Whole) -> Doubt:
    """Return how far the confidence is from the threshold, and what moves it."""
    sure = confidence(question, hits, statistics)
    if not sure:
        return SURE
    telling = telling_by(statistics)
    asked = [telling[stem] for stem in dict.fromkeys(asked_stems(question.standalone))]
    unit = sum(asked) / math.sqrt(len(asked))
    first = hits[:COMPARED]
    moves = [hit.legs["lexical"] if "lexical" in hit.legs else _reach(whole, passage_key(hit.passage)) for hit in first]
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

    def __init__(self, question: Question, hits: Sequence[Hit], choice: Choice, whole: Whole, gaps: Gaps) -> None:
        self._question = question
        self._hits = hits
        self._choice = choice
        self._gaps = gaps
        own = [whole.places[passage_key(hit.passage)] for hit in hits]
        # How all pieces of a hit move together; those of the first, next to which all stand, do not.
        shares = over(Moving(*(part[own] for part in whole.moving)), 0)
        self._slopes = PASSAGE * shares.slopes
        self._unsure = PASSAGE * shares.unsure
        self._unsure[0] = 0.0
        self._bend = BEND / min(1.0, hits[0].score) ** 2

    def look(self, telling: Telling, *, max_sentences: int, max_citations: int) -> None:
        """Hold the gaps; all is lost where the choice does not come out the same here."""
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
            self._gaps.is_lost = True

    def _hold(self, gap: float, one: int, other: int, share: float = 1.0) -> None:
        """Hold a gap between pieces of two hits; those of one hit move together."""
        if one != other or share != 1.0:
            slopes = self._slopes[one] - share * self._slopes[other]
            self._gaps.hold(gap, slopes, self._unsure[one] + share * self._unsure[other], self._bend)

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
            self._enough(best, found[0], least)
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

    def _enough(self, best: Candidate, first: Candidate, share: float) -> None:
        """Hold whether a piece is good enough next to the first."""
        one, other = best.place[0], first.place[0]
        gap = best.score - share * first.score
        slopes = self._slopes[one] - share * self._slopes[other]
        unsure = self._unsure[one] + share * self._unsure[other]
        self._gaps.hold(abs(gap), slopes if gap > 0 else -slopes, unsure, self._bend)
