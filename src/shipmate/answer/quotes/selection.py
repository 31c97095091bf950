"""Which pieces of the found passages answer best together."""

import math
from collections.abc import Mapping, Sequence
from itertools import takewhile
from operator import attrgetter

import msgspec

from shipmate.answer.quotes.wanted import Wanted
from shipmate.knowledge.outline import Kind, Outline, Piece
from shipmate.knowledge.telling import Telling
from shipmate.messages import Hit

__all__ = [
    "CLOSE_LOOK",
    "LEAST_NEWS",
    "LEAST_SCORE",
    "MISSING",
    "PASSAGE",
    "Candidate",
    "News",
    "Taken",
    "candidates",
    "introduced_by",
    "pick",
    "scored",
]

# So many of the best pieces get a close look.
CLOSE_LOOK = 12

# The numbers below are set by hand, on plateaus: half or twice of one moves `python -m benchmarks.answers` by a point
# or two.
# What speaks for a piece, next to 1 for holding every word of the question and to its own worth: the score of its
# passage, next to the best one's,
PASSAGE = 0.6
# and the sign of an answer beside a word of the question's focus.
SIGN = 0.2

# What speaks for a further piece: its new words, as far as the other candidates speak of them too,
NEWS = 1.0
# and the sign of an answer, when nothing shows it yet;
MISSING = 0.8
# against it: words of the question that are already spoken of.
REPEAT = 0.6
SUPPORT = [math.log1p(count) for count in range(CLOSE_LOOK + 1)]
# It is left out when less than this share of its words is new.
LEAST_NEWS = 0.3
# ... or when its score is less than this share of the first one's, times the number of those before it: the more was
# said, the better a further piece has to be.
LEAST_SCORE = 0.25


class Candidate(msgspec.Struct, gc=False):
    """A piece that may be quoted."""

    # The rank of its hit, and its number in that passage.
    place: tuple[int, int]
    piece: Piece
    score: float
    # The sign of an answer stands in it.
    shows: bool
    # What it would add to what is picked, and how many of its stems would be new.
    gain: float = 0.0
    news: int = 0


def scored(
    want: Wanted, hits: Sequence[Hit], outlines: Sequence[Outline]
) -> tuple[Sequence[float], Sequence[tuple[int, int]]]:
    """Return the scores of the pieces that have to do with the question, and the place of each."""
    scores: list[float] = []
    places: list[tuple[int, int]] = []
    best = max([hit.score for hit in hits], default=0.0)
    for rank, (hit, outline) in enumerate(zip(hits, outlines, strict=True)):
        pieces = outline.pieces
        of_passage = PASSAGE * hit.score / best if best > 0 else 0.0
        told = _told(want.weights, outline)
        numbers = sorted(told)
        scores += [told[number] + pieces[number].worth + of_passage for number in numbers]
        places += [(rank, number) for number in numbers]
    return scores, places


def candidates(want: Wanted, hits: Sequence[Hit], outlines: Sequence[Outline]) -> list[Candidate]:
    """Return the pieces that may answer, best first."""
    scores, places = scored(want, hits, outlines)
    # Of equals, the first one in the documents wins.
    order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
    close = []
    for at in order[:CLOSE_LOOK]:
        rank, number = place = places[at]
        piece = outlines[rank].pieces[number]
        shows = False
        if want.sign and (not want.focus or not want.focus.isdisjoint(piece.stems)):
            shows = want.shown_in(hits[rank].passage.text[piece.start : piece.end])
        close.append(Candidate(place, piece, scores[at] + SIGN if shows else scores[at], shows))
    close.sort(key=attrgetter("score"), reverse=True)
    return close


def _told(weights: Mapping[str, float], outline: Outline) -> dict[int, float]:
    """Return how much the pieces have to do with the question; those that have nothing are left out."""
    told: dict[int, float] = {}
    for stem, weight in weights.items():
        for number, share in outline.touched(stem):
            told[number] = told.get(number, 0.0) + weight * share
    return told


def pick(
    want: Wanted,
    found: Sequence[Candidate],
    outlines: Sequence[Outline],
    telling: Telling,
    *,
    first: Sequence[Candidate] = (),
    max_sentences: int,
    max_citations: int,
) -> list[Candidate]:
    """Return the candidates that say most together, in the order in which they were picked.

    Those that have to be `first` are; else it is the best one. An introduction brings along what it introduces.
    """
    news = News(want, found, telling)
    left = [*first, *(candidate for candidate in found if candidate not in first)]
    picks: list[Candidate] = []
    taken = Taken()
    missing = MISSING
    while left and len(picks) < max_sentences:
        best = left.pop(0 if len(picks) < max(1, len(first)) else _best(left, news.scale, missing))
        introduced = introduced_by(best, outlines, max_sentences - len(picks) - 1)
        if (
            introduced is None
            or (introduced and introduced[0].place == taken.lead)
            or best.news < LEAST_NEWS * len(best.piece.stems)
            or best.score < LEAST_SCORE * len(picks) * found[0].score
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


def _best(left: Sequence[Candidate], scale: float, missing: float) -> int:
    values = [candidate.score + scale * candidate.gain + missing * candidate.shows for candidate in left]
    return values.index(max(values))


def introduced_by(candidate: Candidate, outlines: Sequence[Outline], room: int) -> list[Candidate] | None:
    """Return what stands behind an introduction, as far as there is room; None when nothing does."""
    if candidate.piece.kind is not Kind.INTRO:
        return []
    hit, number = candidate.place
    behind = outlines[hit].pieces[number + 1 : number + 1 + room]
    listed = list(takewhile(_is_listed, behind))
    return [
        Candidate((hit, place), piece, score=0.0, shows=False) for place, piece in enumerate(listed, start=number + 1)
    ] or None


def _is_listed(piece: Piece) -> bool:
    return (piece.quotable and piece.kind is not Kind.INTRO) or piece.kind is Kind.CODE


class Taken:
    """The places that are quoted, and in how many runs."""

    def __init__(self) -> None:
        self.places: set[tuple[int, int]] = set()
        self._runs = 0
        # The place of the first quote if a reply may begin with it; nothing is joined before it.
        self.lead: tuple[int, int] | None = None

    def runs_with(self, candidate: Candidate) -> int:
        """Return in how many runs the quotes would stand with this one."""
        hit, number = candidate.place
        behind = (hit, number + 1)
        return self._runs + 1 - ((hit, number - 1) in self.places) - (behind in self.places and behind != self.lead)

    def add(self, candidate: Candidate) -> None:
        """Quote it."""
        self._runs = self.runs_with(candidate)
        if not self.places and candidate.piece.leads:
            self.lead = candidate.place
        self.places.add(candidate.place)


class News:
    """What each candidate has to say that was not said yet; it keeps their `gain` and `news`.

    A stem is worth the more, the rarer it is in the documents and the more candidates hold it.
    """

    def __init__(self, want: Wanted, found: Sequence[Candidate], telling: Telling) -> None:
        self._asked = want.weights
        holders: dict[str, list[Candidate]] = {}
        self._holders = holders
        for candidate in found:
            candidate.news = len(candidate.piece.stems)
            for stem in candidate.piece.stems:
                if stem in holders:
                    holders[stem].append(candidate)
                else:
                    holders[stem] = [candidate]
        self._worth = {stem: telling[stem] * SUPPORT[len(holding)] for stem, holding in holders.items()}
        worth_of = self._worth.__getitem__
        for candidate in found:
            candidate.gain = sum(map(worth_of, candidate.piece.stems))
        # The candidate with most to say gains `NEWS`.
        self.scale = NEWS / (max([candidate.gain for candidate in found], default=0.0) or 1.0)

    def forget(self, said: Candidate) -> None:
        """Take from the candidates what has been said now."""
        for stem in said.piece.stems:
            holding = self._holders.pop(stem, None)
            if holding:
                worth = self._worth[stem] + REPEAT * self._asked.get(stem, 0.0) / self.scale
                for candidate in holding:
                    candidate.gain -= worth
                    candidate.news -= 1
