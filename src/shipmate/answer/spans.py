"""The spans that a sentence can stand on: the passages' sentences, found by the words they share with it."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from heapq import nlargest
from typing import NamedTuple

from shipmate.answer.claims import content
from shipmate.answer.numerals import counts
from shipmate.answer.plain import plain
from shipmate.answer.polarity import Polarity, polarity
from shipmate.answer.support import Evidence, evidence
from shipmate.messages import Citation, Hit
from shipmate.text import sentence_spans

__all__ = ["Span", "Spans"]

# A sentence stands on so many spans at most.
SPANS = 3
# So many beginnings are tried.
TRIES = 4


class Span(NamedTuple):
    """One sentence of a passage; `text` is as `plain` makes it."""

    start: int
    end: int
    text: str
    stems: frozenset[str]


@lru_cache(maxsize=512)
def _spans_of(text: str) -> tuple[Span, ...]:
    spans = []
    for start, end in sentence_spans(text):
        seen = plain(text[start:end])
        spans.append(Span(start, end, seen, content(seen)))
    return tuple(spans)


class Spans:
    """The spans of some hits, by number: those of one passage follow each other."""

    def __init__(self, hits: Sequence[Hit], wanted: frozenset[str]) -> None:
        """Prefer spans that hold wanted stems, those of the question, where two are as good."""
        self._hits = hits
        self._spans: list[Span] = []
        # The passage of each span.
        self._of: list[int] = []
        self._holding: dict[str, list[int]] = {}
        for number, hit in enumerate(hits):
            for span in _spans_of(hit.passage.text):
                for stem in span.stems:
                    self._holding.setdefault(stem, []).append(len(self._spans))
                self._spans.append(span)
                self._of.append(number)
        self._held_of_wanted = [len(wanted & span.stems) for span in self._spans]
        # All that the passages speak of.
        self.stems = frozenset(self._holding)

    def __getitem__(self, number: int) -> Span:
        return self._spans[number]

    def chains(self, stems: frozenset[str], passages: frozenset[int]) -> Iterator[list[int]]:
        """Yield the spans that together hold most of the stems, best first.

        A chain that begins in one of the given passages, counted from 0, comes first.
        """
        shared = self._counted(stems)
        # How much counts nothing for whether two texts speak of the same.
        topical = self._counted(stem for stem in stems if not counts(stem))

        def rank(number: int) -> tuple[int, int, int]:
            return shared[number], self._held_of_wanted[number], -number

        marked = [number for number in shared if self._of[number] in passages]
        if marked:
            yield self._chain(max(marked, key=rank), stems, topical)
        closest = max(topical, key=topical.__getitem__, default=-1)
        firsts = [n for n in shared if 2 * topical[n] >= topical[closest] or self._of[n] == self._of[closest]]
        if firsts:
            yield self._chain(max(firsts, key=rank), stems, topical)
        for first in nlargest(TRIES, firsts, key=rank)[1:]:
            yield self._chain(first, stems, topical)

    def _counted(self, stems: Iterable[str]) -> Counter[int]:
        """Return how many of the stems each span holds that holds any."""
        return Counter(itertools.chain.from_iterable(self._holding.get(stem, ()) for stem in stems))

    def _chain(self, first: int, stems: frozenset[str], topical: Counter[int]) -> list[int]:
        """Add spans that hold what is missing: of the same passage, or of another one that speaks of the same."""
        chain = [first]
        missing = stems - self._spans[first].stems
        while missing and len(chain) < SPANS:
            gains = self._counted(missing)
            passages = {self._of[number] for number in chain}
            fit = [
                number
                for number, gain in gains.items()
                if topical[number] > 1 or (self._of[number] in passages and (gain > 1 or self._beside(number, chain)))
            ]
            if not fit:
                break
            chain.append(max(fit, key=lambda n: (gains[n], self._beside(n, chain), topical[n], -n)))
            missing -= self._spans[chain[-1]].stems
        return chain

    def _beside(self, number: int, chain: Sequence[int]) -> bool:
        return any(abs(number - other) == 1 and self._of[number] == self._of[other] for other in chain)

    def neighbours(self, chain: Sequence[int]) -> list[int]:
        """Return the spans that stand next to one of a chain's, in the same passage."""
        beside = dict.fromkeys(other for number in chain for other in (number - 1, number + 1))
        return [n for n in beside if 0 <= n < len(self._spans) and n not in chain and self._beside(n, chain)]

    def polarities(self, chain: Sequence[int]) -> list[Polarity]:
        """Return what each span says yes and no to."""
        return [polarity(self._spans[number].text) for number in chain]

    def evidence(self, chain: Sequence[int]) -> list[Evidence]:
        """Return what the spans bear, and the titles and headings that stand above them."""
        passages = dict.fromkeys(self._of[number] for number in chain)
        above = [(self._hits[n].passage.title, *self._hits[n].passage.headings) for n in passages]
        return [evidence(self._spans[n].text) for n in chain] + [evidence(plain("\n".join(lines))) for lines in above]

    def citations(self, chain: Sequence[int]) -> tuple[Citation, ...]:
        """Return the citations of a chain, in the order of the hits; neighbours become one."""
        runs: list[list[int]] = []
        for number in sorted(chain):
            if runs and self._beside(number, runs[-1]):
                runs[-1].append(number)
            else:
                runs.append([number])
        return tuple(self._citation(run[0], run[-1]) for run in runs)

    def _citation(self, first: int, last: int) -> Citation:
        passage = self._hits[self._of[first]].passage
        start, end = self._spans[first].start, self._spans[last].end
        in_source = passage.in_source(start, end)
        return Citation(
            source=passage.source,
            title=passage.title,
            quote=passage.text[start:end],
            start=in_source[0],
            end=in_source[1],
        )
