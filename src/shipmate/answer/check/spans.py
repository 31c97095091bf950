"""The spans that a sentence can stand on: the passages' sentences, found by the words they share with it."""

import itertools
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from heapq import nlargest
from operator import itemgetter
from typing import NamedTuple

from shipmate.answer.check.numerals import counts
from shipmate.answer.check.plain import plain
from shipmate.answer.check.reading import Reading, reading
from shipmate.answer.check.vocabulary import content
from shipmate.messages import Citation, Hit
from shipmate.text import sentence_spans, words

__all__ = ["Spans"]

# A sentence stands on so many spans at most.
SPANS = 3
# So many beginnings are tried.
TRIES = 4


class _Sentences(NamedTuple):
    """What is kept of a passage's text: all that tells which of its sentences a chain may take."""

    # [start, end) of each.
    places: tuple[tuple[int, int], ...]
    # The sentences that hold a stem, counted from 0.
    holding: dict[str, tuple[int, ...]]


# An entry takes about 4 KB, and the text.
@lru_cache(maxsize=4096)
def _sentences_of(text: str) -> _Sentences:
    places = tuple(sentence_spans(text))
    holding: dict[str, list[int]] = {}
    for number, (start, end) in enumerate(places):
        for stem in content(words(plain(text[start:end]))):
            holding.setdefault(stem, []).append(number)
    # Most stems stand in the same few sentences; equal tuples are kept once.
    kept: dict[tuple[int, ...], tuple[int, ...]] = {}
    return _Sentences(places, {stem: kept.setdefault(key := tuple(held), key) for stem, held in holding.items()})


class Spans:
    """The spans of some hits, by number: those of one passage follow each other."""

    def __init__(self, hits: Sequence[Hit], wanted: frozenset[str]) -> None:
        """Prefer spans that hold wanted stems, those of the question, where two are as good."""
        self._hits = hits
        self._wanted = wanted
        self._sentences = [_sentences_of(hit.passage.text) for hit in hits]
        # The passage of each span, and the first span of each passage.
        self._of: list[int] = []
        self._firsts: list[int] = []
        for number, sentences in enumerate(self._sentences):
            self._firsts.append(len(self._of))
            self._of += [number] * len(sentences.places)
        # What was asked for already: spans, the spans that hold a stem, and what stands above a passage.
        self._read: dict[int, Reading] = {}
        self._holding: dict[str, list[int]] = {}
        self._above: dict[int, Reading] = {}

    def __getitem__(self, number: int) -> Reading:
        read = self._read.get(number)
        if read is None:
            start, end = self._place(number)
            text = self._hits[self._of[number]].passage.text[start:end]
            read = self._read[number] = reading(plain(text).strip())
        return read

    def quoted(self, text: str, passages: frozenset[int]) -> int | None:
        """Return the span that a text is word for word; one of the given passages, counted from 0, comes first."""
        numbers = range(len(self._hits))
        for number in sorted(numbers, key=lambda n: n not in passages) if passages else numbers:
            within = self._hits[number].passage.text
            places = self._sentences[number].places
            start = within.find(text)
            while start >= 0:
                at = bisect_right(places, start, key=itemgetter(0)) - 1
                if at >= 0 and places[at] == (start, start + len(text)):
                    return self._firsts[number] + at
                # A part of a sentence, which the rest may deny: another one may be the whole of its own.
                start = within.find(text, places[at + 1][0]) if at + 1 < len(places) else -1
        return None

    def known(self, stems: frozenset[str]) -> frozenset[str]:
        """Return those of the stems that the passages speak of."""
        return frozenset(filter(self._holders, stems))

    def chains(self, stems: frozenset[str], passages: frozenset[int]) -> Iterator[list[int]]:
        """Yield the spans that together hold most of the stems, best first.

        A chain that begins in one of the given passages, counted from 0, comes first.
        """
        shared = self._counted(stems)
        # How much counts nothing for whether two texts speak of the same.
        amounts = list(filter(counts, stems))
        topical = self._counted(stems.difference(amounts)) if amounts else shared

        marked = [number for number in shared if self._of[number] in passages] if passages else ()
        if marked:
            yield self._chain(self._best(marked, shared), stems, topical)
        for first in self._beginnings(shared, topical):
            yield self._chain(first, stems, topical)

    def _beginnings(self, shared: Counter[int], topical: Counter[int]) -> Iterator[int]:
        """Yield the spans that speak enough of the same to begin a chain, best first."""
        if not shared:
            return
        most = max(topical.values(), default=0)
        best = self._best(shared, shared)
        if 2 * topical[best] >= most:
            # It is the best of those that fit, and mostly the only one that is asked for.
            yield best
        closest = min((n for n, held in topical.items() if held == most), default=-1)
        fit = [n for n in shared if 2 * topical[n] >= most or self._of[n] == self._of[closest]]
        ranked = nlargest(TRIES, fit, key=lambda n: (shared[n], self._held_of_wanted[n], -n))
        yield from (number for number in ranked if number != best or 2 * topical[best] < most)

    def _best(self, numbers: Iterable[int], shared: Counter[int]) -> int:
        """Return the span that holds most of a sentence, of several the one that holds most of what is wanted."""
        most = max(shared[number] for number in numbers)
        best = [number for number in numbers if shared[number] == most]
        return best[0] if len(best) == 1 else max(best, key=lambda n: (self._held_of_wanted[n], -n))

    @cached_property
    def _held_of_wanted(self) -> Counter[int]:
        return self._counted(self._wanted)

    def _counted(self, stems: Iterable[str]) -> Counter[int]:
        """Return how many of the stems each span holds that holds any."""
        return Counter(itertools.chain.from_iterable(map(self._holders, stems)))

    def _holders(self, stem: str) -> list[int]:
        """Return the spans that hold a stem."""
        holders = self._holding.get(stem)
        if holders is None:
            passages = zip(self._firsts, self._sentences, strict=True)
            holders = [first + n for first, (_, holding) in passages if stem in holding for n in holding[stem]]
            self._holding[stem] = holders
        return holders

    def _place(self, number: int) -> tuple[int, int]:
        passage = self._of[number]
        return self._sentences[passage].places[number - self._firsts[passage]]

    def _chain(self, first: int, stems: frozenset[str], topical: Counter[int]) -> list[int]:
        """Add spans that hold what is missing: of the same passage, or of another one that speaks of the same."""
        chain = [first]
        missing = stems - self[first].stems
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
            missing -= self[chain[-1]].stems
        return chain

    def _beside(self, number: int, chain: Sequence[int]) -> bool:
        return any(abs(number - other) == 1 and self._of[number] == self._of[other] for other in chain)

    def around(self, chain: Sequence[int]) -> list[tuple[int, int]]:
        """Return the other spans of a chain's passages with their distance from it, nearest first."""
        passages = {self._of[number] for number in chain}
        others = (n for n, passage in enumerate(self._of) if passage in passages and n not in chain)
        return sorted((min(abs(n - c) for c in chain if self._of[n] == self._of[c]), n) for n in others)

    def evidence(self, chain: Sequence[int]) -> list[Reading]:
        """Return the spans, and the titles and headings that stand above them."""
        passages = dict.fromkeys(self._of[number] for number in chain)
        return [self[number] for number in chain] + [self._lines_above(number) for number in passages]

    def _lines_above(self, number: int) -> Reading:
        """Return the title and the headings above a passage."""
        above = self._above.get(number)
        if above is None:
            passage = self._hits[number].passage
            above = self._above[number] = reading(plain("\n".join((passage.title, *passage.headings))))
        return above

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
        start, end = self._place(first)[0], self._place(last)[1]
        in_source = passage.in_source(start, end)
        return Citation(
            source=passage.source,
            title=passage.cited_as,
            quote=passage.text[start:end],
            start=in_source[0],
            end=in_source[1],
        )
