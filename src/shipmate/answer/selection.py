"""Which pieces of the found passages answer best together."""

import math
from collections.abc import Mapping, Sequence
from heapq import nlargest

import msgspec

from shipmate.answer.outline import Outline, Piece
from shipmate.answer.wanted import Telling, Wanted
from shipmate.messages import Hit

__all__ = ["Candidate", "candidates", "pick"]

# So many of the best pieces get a close look.
CLOSE_LOOK = 14

# What speaks for a piece, next to 1 for holding every word of the question and to its own worth:
# words of the question in the heading, question or introduction above it,
UNDER = 0.6
# words in the piece before or behind it,
NEAR = 0.3
# the score of its passage, next to the best one's,
PASSAGE = 0.5
# and the sign of an answer beside a word of the question's focus.
SIGN = 0.15

# What speaks for a further piece: its new words, as far as the other candidates speak of them too,
NEWS = 1.0
# and the sign of an answer, when nothing shows it yet;
MISSING = 0.8
# against it: words of the question that are already spoken of.
REPEAT = 0.6
# It is left out when less than this share of its words is new.
LEAST_NEWS = 0.3


class Candidate(msgspec.Struct, kw_only=True, gc=False):
    """A piece that may be quoted."""

    # The rank of its passage, and its number there.
    hit: int
    number: int
    piece: Piece
    score: float
    # The sign of an answer stands in it.
    shows: bool
    # What it would add to what is picked, and how many of its stems would be new.
    gain: float = 0.0
    news: int = 0


def candidates(want: Wanted, hits: Sequence[Hit], outlines: Sequence[Outline]) -> list[Candidate]:
    """Return the pieces that may answer, best first."""
    found: list[tuple[float, int, int]] = []
    best = max((hit.score for hit in hits), default=0.0)
    for rank, (hit, outline) in enumerate(zip(hits, outlines, strict=True)):
        coverage = _coverage(want.weights, outline)
        of_passage = PASSAGE * hit.score / best if best > 0 else 0.0
        pieces = outline.pieces
        for number in outline.quotable:
            own = coverage[number]
            near = max(coverage[number - 1], coverage[number + 1])
            if own or near:
                # Negative numbers: of equals, the first one in the documents wins.
                found.append((own + NEAR * near + pieces[number].worth + of_passage, -rank, -number))
    best_found = [
        _candidate(want, hits[-rank], outlines[-rank], -rank, -number, score)
        for score, rank, number in nlargest(CLOSE_LOOK, found)
    ]
    best_found.sort(key=lambda candidate: -candidate.score)
    return best_found


def _coverage(weights: Mapping[str, float], outline: Outline) -> list[float]:
    """Return how much of the question each piece holds or stands under; the last number is 0, for beyond both ends."""
    coverage = [0.0] * (len(outline.pieces) + 1)
    holding, under = outline.holding, outline.under
    for stem, weight in weights.items():
        for number in holding.get(stem, ()):
            coverage[number] += weight
        for number in under.get(stem, ()):
            coverage[number] += UNDER * weight
    return coverage


def _candidate(want: Wanted, hit: Hit, outline: Outline, rank: int, number: int, score: float) -> Candidate:
    piece = outline.pieces[number]
    shows = (
        want.sign is not None
        and (not want.focus or not want.focus.isdisjoint(piece.stems))
        and want.shown_in(hit.passage.text[piece.start : piece.end])
    )
    return Candidate(hit=rank, number=number, piece=piece, score=score + SIGN * shows, shows=shows)


def pick(
    want: Wanted, found: Sequence[Candidate], telling: Telling, *, max_sentences: int, max_citations: int
) -> list[Candidate]:
    """Return the candidates that say most together, in the order in which they were picked; the first is the best."""
    worth = _worth(found, telling)
    for candidate in found:
        candidate.gain = sum(worth[stem] for stem in candidate.piece.stems)
        candidate.news = len(candidate.piece.stems)
    left = list(found)
    picks: list[Candidate] = []
    taken = Taken()
    shown = False
    while left and len(picks) < max_sentences:
        best = left[0] if not picks else max(left, key=lambda c: c.score + c.gain + MISSING * (c.shows and not shown))
        left.remove(best)
        if best.news < LEAST_NEWS * len(best.piece.stems) or taken.runs_with(best) > max_citations:
            continue
        taken.add(best)
        picks.append(best)
        shown = shown or best.shows
        _forget(best, left, worth, want)
    return picks


class Taken:
    """The places that are quoted, and in how many runs."""

    def __init__(self) -> None:
        self._places: set[tuple[int, int]] = set()
        self._runs = 0

    def runs_with(self, candidate: Candidate) -> int:
        """Return in how many runs the quotes would stand with this one."""
        hit, number = candidate.hit, candidate.number
        return self._runs + 1 - ((hit, number - 1) in self._places) - ((hit, number + 1) in self._places)

    def add(self, candidate: Candidate) -> None:
        """Quote it."""
        self._runs = self.runs_with(candidate)
        self._places.add((candidate.hit, candidate.number))


def _worth(found: Sequence[Candidate], telling: Telling) -> dict[str, float]:
    """Return what each stem is worth as news: much when it is rare in the documents and common among the best."""
    support: dict[str, float] = {}
    for candidate in found:
        share = candidate.score / found[0].score
        for stem in candidate.piece.stems:
            support[stem] = support.get(stem, 0.0) + share
    worth = {stem: telling[stem] * math.log1p(shares) for stem, shares in support.items()}
    most = max((sum(worth[stem] for stem in candidate.piece.stems) for candidate in found), default=0.0) or 1.0
    return {stem: NEWS * value / most for stem, value in worth.items()}


def _forget(said: Candidate, left: Sequence[Candidate], worth: dict[str, float], want: Wanted) -> None:
    """Take from the other candidates what has been said now."""
    fresh = {stem: worth[stem] + REPEAT * want.weights.get(stem, 0.0) for stem in said.piece.stems if stem in worth}
    for stem in fresh:
        del worth[stem]
    keys = fresh.keys()
    for candidate in left:
        repeated = keys & candidate.piece.stems
        if repeated:
            candidate.news -= len(repeated)
            candidate.gain -= sum(map(fresh.__getitem__, repeated))
