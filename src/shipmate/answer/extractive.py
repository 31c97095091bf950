"""Answer with quotes: pick the pieces of the found passages that answer, and put them in an order that reads."""

from collections import OrderedDict
from collections.abc import Sequence

from shipmate.answer.outline import Outline, outline
from shipmate.answer.selection import Candidate, candidates, pick
from shipmate.answer.wanted import Telling, wanted
from shipmate.messages import Citation, Draft, Hit, Passage, Question, ReplyKind, Sentence
from shipmate.ports import TermStatistics

__all__ = ["Extractive"]

# Outlines of the passages that were used last; one takes about 12 kB.
OUTLINES_KEPT = 2048


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
        outlines = [self._outline(hit.passage) for hit in hits]
        found = candidates(want, hits, outlines)
        picks = pick(want, found, self._telling, max_sentences=max_sentences, max_citations=max_citations)
        sentences = tuple(_quoted(run, hits) for run in _runs(picks))
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


def _runs(picks: Sequence[Candidate]) -> list[list[Candidate]]:
    """Return the picks as a reader wants them: passage by passage, best first, neighbours joined, in their order."""
    passages = list(dict.fromkeys(candidate.hit for candidate in picks))
    runs: list[list[Candidate]] = []
    for candidate in sorted(picks, key=lambda c: (passages.index(c.hit), c.number)):
        if runs and runs[-1][-1].hit == candidate.hit and runs[-1][-1].number + 1 == candidate.number:
            runs[-1].append(candidate)
        else:
            runs.append([candidate])
    return runs


def _quoted(run: Sequence[Candidate], hits: Sequence[Hit]) -> Sentence:
    passage = hits[run[0].hit].passage
    start, end = run[0].piece.start, run[-1].piece.end
    quote = passage.text[start:end]
    source_start, source_end = passage.in_source(start, end)
    citation = Citation(source=passage.source, title=passage.title, quote=quote, start=source_start, end=source_end)
    return Sentence(text=quote, citations=(citation,))
