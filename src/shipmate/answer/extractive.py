"""Answer with quotes: pick the pieces of the found passages that answer, and put them in an order that reads."""

import math
import re
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from shipmate.answer.outline import Kind, Outline, Piece, outline
from shipmate.answer.wanted import Telling, Wanted, wanted
from shipmate.messages import Citation, Draft, Hit, Passage, Question, ReplyKind, Sentence
from shipmate.ports import TermStatistics

__all__ = ["Extractive"]

# Outlines that are kept; one takes about 12 kB.
OUTLINES_KEPT = 2048
# The best pieces that are looked at closely.
CLOSE_LOOK = 14

# What counts for a piece, beside 1 for holding every word of the question:
# words of the question in the heading, question or introduction above it,
UNDER = 0.5
# words in the piece before or behind it,
NEAR = 0.2
# the score of its passage against the best one's,
PASSAGE = 0.3
# being long enough to say something,
SUBSTANCE = 0.2
ENOUGH_WORDS = 40
# showing what the question asks for: a date, a number, a name, a step.
SIGN = 0.15
# What counts against it.
LOOSE = 0.15
POINTING = 0.05

# How much the new words of a further piece count against its own score.
NEWS = 1.0
# A further piece is left out when less than this share of its words is new.
LEAST_NEWS = 0.3


class Candidate(msgspec.Struct, gc=False):
    """A piece that may be quoted, and what speaks for it."""

    score: float
    # The rank of its hit, and its place in the passage.
    hit: int
    number: int
    piece: Piece


class Extractive:
    """The answerer that needs no model; it keeps the outlines of passages that it has seen."""

    def __init__(self, statistics: TermStatistics) -> None:
        self._telling = Telling(statistics)
        self._outlines: OrderedDict[tuple[str, int, int], Outline] = OrderedDict()

    def draft(
        self,
        question: Question,
        hits: Sequence[Hit],
        *,
        confidence: float,
        max_sentences: int = 4,
        max_citations: int = 3,
    ) -> Draft:
        """Return the quotes that answer best, or a draft without sentences when nothing touches the question.

        Each sentence is a piece of a passage, or pieces that follow each other, in the passage's own words; together
        they hold at most `max_sentences` pieces.
        """
        want = wanted(question, self._telling)
        candidates = self._candidates(want, hits)
        picked = self._picked(candidates, max_sentences, max_citations)
        sentences = tuple(_quoted(run, hits) for run in _runs(picked))
        return Draft(kind=ReplyKind.ANSWER, sentences=sentences, confidence=confidence)

    def _outline(self, passage: Passage) -> Outline:
        key = (passage.source, passage.start, hash(passage.text))
        kept = self._outlines.get(key)
        if kept is None:
            kept = self._outlines[key] = outline(passage)
            if len(self._outlines) > OUTLINES_KEPT:
                self._outlines.popitem(last=False)
        else:
            self._outlines.move_to_end(key)
        return kept

    def _candidates(self, want: Wanted, hits: Sequence[Hit]) -> list[Candidate]:
        found: list[Candidate] = []
        best = max((hit.score for hit in hits), default=0.0)
        for rank, hit in enumerate(hits):
            laid_out = self._outline(hit.passage)
            scores = _coverage(want, laid_out)
            of_passage = PASSAGE * hit.score / best if best > 0 else 0.0
            for number in laid_out.quotable:
                if scores[number] > 0:
                    piece = laid_out.pieces[number]
                    near = max(scores[number - 1 : number] + scores[number + 1 : number + 2], default=0.0)
                    score = scores[number] + NEAR * near + of_passage + _substance(piece)
                    found.append(Candidate(score, rank, number, piece))
        found.sort(key=lambda c: -c.score)
        found = found[:CLOSE_LOOK]
        if want.sign:
            for c in found:
                if want.sign.search(hits[c.hit].passage.text[c.piece.start : c.piece.end]):
                    c.score += SIGN
            found.sort(key=lambda c: -c.score)
        return found

    def _picked(self, candidates: list[Candidate], max_sentences: int, max_citations: int) -> list[Candidate]:
        if not candidates:
            return []
        telling = self._telling
        top = candidates[0].score
        support: dict[str, float] = {}
        for c in candidates:
            share = c.score / top
            for stem in c.piece.stems:
                support[stem] = support.get(stem, 0.0) + share
        worth = {stem: telling[stem] * math.log1p(n) for stem, n in support.items()}
        most = max(sum(worth[s] for s in c.piece.stems) for c in candidates)
        picked = [candidates[0]]
        said = set(candidates[0].piece.stems)
        left = candidates[1:]
        while left and len(picked) < max_sentences:
            def value(c):
                return c.score + NEWS * sum(worth[s] for s in c.piece.stems if s not in said) / most
            c = max(left, key=value)
            left.remove(c)
            fresh = [s for s in c.piece.stems if s not in said]
            if len(fresh) < LEAST_NEWS * len(c.piece.stems):
                continue
            if _citations([*picked, c]) > max_citations:
                continue
            picked.append(c)
            said.update(fresh)
        return picked


def _coverage(want: Wanted, laid_out: Outline) -> list[float]:
    """Return for each piece how much of the question it holds or stands under."""
    scores = [0.0] * len(laid_out.pieces)
    for stem, weight in want.weights.items():
        for number in laid_out.holding.get(stem, ()):
            scores[number] += weight
        for number in laid_out.under.get(stem, ()):
            scores[number] += UNDER * weight
    return scores


def _substance(piece: Piece) -> float:
    worth = SUBSTANCE * min(piece.words, ENOUGH_WORDS) / ENOUGH_WORDS
    if piece.kind is Kind.FRAGMENT:
        worth -= LOOSE
    return worth - POINTING * piece.points_back


def _citations(picked):
    return len(_runs(picked))


def _runs(picked: Sequence[Candidate]) -> list[list[Candidate]]:
    """Return the picked pieces, best passage first, those that follow each other together."""
    order = {hit: at for at, hit in reversed(list(enumerate(c.hit for c in picked)))}
    runs: list[list[Candidate]] = []
    for c in sorted(picked, key=lambda c: (order[c.hit], c.number)):
        if runs and runs[-1][-1].hit == c.hit and runs[-1][-1].number + 1 == c.number:
            runs[-1].append(c)
        else:
            runs.append([c])
    return runs


def _quoted(run: Sequence[Candidate], hits: Sequence[Hit]) -> Sentence:
    passage = hits[run[0].hit].passage
    start, end = run[0].piece.start, run[-1].piece.end
    quote = passage.text[start:end]
    source_start, source_end = passage.in_source(start, end)
    citation = Citation(source=passage.source, title=passage.title, quote=quote, start=source_start, end=source_end)
    return Sentence(text=quote, citations=(citation,))
