"""Answer with quotes: pick the pieces of the found passages that answer, and put them in an order that reads."""

from collections.abc import Sequence
from typing import NamedTuple

from shipmate.answer.quotes.comparison import compare, comparison
from shipmate.answer.quotes.selection import Candidate, candidates, pick
from shipmate.answer.quotes.wanted import Wanted, wanted
from shipmate.answer.quotes.yes_no import Claim, Evidence, claim, decide
from shipmate.knowledge.outline import Kind, Outline, outline
from shipmate.knowledge.telling import telling_by
from shipmate.messages import Citation, Draft, Hit, Passage, Question, ReplyKind, Sentence
from shipmate.ports import TermStatistics
from shipmate.text import sentence_spans

__all__ = ["QUOTED_HITS", "Choice", "Extractive", "opening"]


# Only the best passages are quoted: on every set tried, a sixth one brought more noise than answers.
QUOTED_HITS = 5


class Choice(NamedTuple):
    """What is quoted, and out of what it was chosen."""

    want: Wanted
    outlines: Sequence[Outline]
    # The pieces that got a close look, best first.
    found: Sequence[Candidate]
    # "Yes." or "No.", and the candidates that say so.
    word: str
    deciding: Sequence[Candidate]
    picks: Sequence[Candidate]


class Extractive:
    """The answerer that needs no model."""

    def __init__(self, statistics: TermStatistics) -> None:
        self._telling = telling_by(statistics)

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
        hits = hits[:QUOTED_HITS]
        choice = self.choice(question, hits, max_sentences=max_sentences, max_citations=max_citations)
        word, deciding = choice.word, choice.deciding
        runs = _runs(choice.picks)
        sentences = [_quoted(run, hits) for run in runs]
        if word:
            decisive = zip(runs, sentences, strict=True)
            cited = [quote.citations[0] for run, quote in decisive if any(candidate in deciding for candidate in run)]
            sentences[:0] = [Sentence(text=word, citations=tuple(cited))] if cited else []
        return Draft(kind=ReplyKind.ANSWER, sentences=tuple(sentences), confidence=confidence)

    def choice(
        self, question: Question, hits: Sequence[Hit], *, max_sentences: int = 4, max_citations: int = 3
    ) -> Choice:
        """Return what of the hits is quoted, and out of what it was chosen."""
        want = wanted(question, self._telling)
        outlines = [outline(hit.passage) for hit in hits]
        found = candidates(want, hits, outlines)
        word, deciding = self._decided(question.text, found, hits, outlines) if max_sentences > 1 else ("", [])
        picks = pick(
            want,
            found,
            outlines,
            self._telling,
            first=deciding,
            max_sentences=max_sentences - bool(word),
            max_citations=max_citations,
        )
        return Choice(want, outlines, found, word, deciding, picks)

    def _decided(
        self, question: str, found: Sequence[Candidate], hits: Sequence[Hit], outlines: Sequence[Outline]
    ) -> tuple[str, list[Candidate]]:
        """Return the "Yes." or "No." with which a reply begins, and the candidates that decide; an empty word for none."""
        compared = comparison(question)
        if compared:
            decided = compare(compared, [_text(candidate, hits) for candidate in found], self._telling)
            if decided:
                return "Yes." if decided[0] else "No.", [found[number] for number in decided[1]]
        claimed = claim(question)
        if claimed:
            for candidate in found:
                evidence = _evidence(claimed, candidate, hits, outlines)
                holds = decide(claimed, evidence) if evidence else None
                if holds is not None:
                    return claimed.reply(holds=holds), [candidate]
        return "", []


def _text(candidate: Candidate, hits: Sequence[Hit]) -> str:
    return hits[candidate.place[0]].passage.text[candidate.piece.start : candidate.piece.end]


def _evidence(
    claimed: Claim, candidate: Candidate, hits: Sequence[Hit], outlines: Sequence[Outline]
) -> Evidence | None:
    """Return a candidate as evidence; None when it says too little of the claim to decide it."""
    hit, number = candidate.place
    outline = outlines[hit]
    above = frozenset(stem for stem in claimed.stems if outline.stands_under(number, stem))
    answers = number > 0 and outline.pieces[number - 1].kind is Kind.QUESTION
    if answers or claimed.is_covered(candidate.piece.stems, above):
        return Evidence(quote=_text(candidate, hits), above=above, answers=answers)
    return None


def _runs(picks: Sequence[Candidate]) -> list[list[Candidate]]:
    """Return the picks as a reader wants them: neighbours joined, passage by passage, in the order of the document.

    The best one leads, unless it needs what stands before it, as the items of a list do.
    """
    passages = list(dict.fromkeys(candidate.place[0] for candidate in picks))
    runs: list[list[Candidate]] = []
    for candidate in sorted(picks, key=lambda c: (passages.index(c.place[0]), c.place[1])):
        hit, number = candidate.place
        leads = candidate is picks[0] and candidate.piece.leads
        if runs and runs[-1][-1].place == (hit, number - 1) and not leads:
            runs[-1].append(candidate)
        else:
            runs.append([candidate])
    if picks and picks[0].piece.leads:
        runs.sort(key=lambda run: run[0] is not picks[0])
    return runs


def opening(passage: Passage, most_sentences: int) -> tuple[Sentence, ...]:
    """Return the sentences with which a passage begins as one quote: what is said when no word tells which are meant."""
    spans = sentence_spans(passage.text)[:most_sentences]
    return (_quote(passage, spans[0][0], spans[-1][1]),) if spans else ()


def _quoted(run: Sequence[Candidate], hits: Sequence[Hit]) -> Sentence:
    return _quote(hits[run[0].place[0]].passage, run[0].piece.start, run[-1].piece.end)


def _quote(passage: Passage, start: int, end: int) -> Sentence:
    quote = passage.text[start:end]
    source_start, source_end = passage.in_source(start, end)
    citation = Citation(source=passage.source, title=passage.cited_as, quote=quote, start=source_start, end=source_end)
    return Sentence(text=quote, citations=(citation,))
