"""What the passages decide of a question that asks for a yes or a no."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from shipmate.answer.quotes.comparison import compare, comparison
from shipmate.answer.quotes.yes_no import Claim, Evidence, claim, decide
from shipmate.knowledge.outline import Kind, outline
from shipmate.messages import Hit, Question
from shipmate.text import stems

__all__ = ["Verdict", "verdict"]


class Verdict(NamedTuple):
    """Whether what was asked holds."""

    # None where the passages leave it open, or contradict each other.
    holds: bool | None
    # The sentences that decide, counted over all passages.
    deciding: tuple[int, ...] = ()
    # It was asked of two things at once: where the quotes leave it open, the words alone have to bear it out.
    of_two: bool = False


def verdict(question: Question, hits: Sequence[Hit]) -> Verdict | None:
    """Return what the passages decide; None when the question asks for no yes or no."""
    compared = comparison(question.text)
    if compared:
        quotes = [hit.passage.text[p.start : p.end] for hit in hits for p in outline(hit.passage).pieces]
        found = compare(compared, quotes, dict.fromkeys(compared.parties[0] | compared.parties[1], 1.0))
        return Verdict(found[0], tuple(found[1]), of_two=True) if found else Verdict(None, of_two=True)
    claimed = claim(question.text)
    if claimed is None:
        return None
    # To "Doesn't it?" a bare word can mean either.
    said = [] if claimed.negated else list(_said(claimed, question, hits))
    if len({holds for holds, _ in said}) != 1:
        return Verdict(None)
    return Verdict(said[0][0], (said[0][1],))


def _said(claimed: Claim, question: Question, hits: Sequence[Hit]) -> Iterator[tuple[bool, int]]:
    """Yield what each quote decides that decides, and its number."""
    # What a follow-up leans on has to be spoken of as well.
    leant_on = set(stems(question.standalone)).difference(stems(question.text))
    number = -1
    for hit in hits:
        outlined = outline(hit.passage)
        over = set(stems(" ".join((hit.passage.title, *hit.passage.headings))))
        for at, piece in enumerate(outlined.pieces):
            number += 1
            above = frozenset(key for key in claimed.stems if key in over or outlined.stands_under(at, key))
            answers = at > 0 and outlined.pieces[at - 1].kind is Kind.QUESTION
            if not piece.quotable or (leant_on and leant_on.isdisjoint(over.union(piece.stems, above))):
                continue
            if answers or claimed.is_covered(piece.stems, above):
                quote = hit.passage.text[piece.start : piece.end]
                holds = decide(claimed, Evidence(quote=quote, above=above, answers=answers))
                if holds is not None:
                    yield holds, number
