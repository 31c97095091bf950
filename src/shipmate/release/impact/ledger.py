"""The evidence of many answers, turned round: from what an edit touches to the answers that stand on it."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipmate.answer.quotes.answerable import AGREEMENT
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.graph.view import WEIGHT
from shipmate.knowledge.search import LEG_DEPTH
from shipmate.knowledge.vectors import Vectors
from shipmate.release.impact.change import Change, Edges, links
from shipmate.release.impact.evidence import SURE, Doubt, Evidence
from shipmate.release.impact.margins import MOST, NOISE
from shipmate.release.impact.record import Scaled, Seen
from shipmate.release.impact.slopes import BM25_B, BM25_K1
from shipmate.release.impact.walks import TIE

__all__ = ["Ledger"]

Floats = NDArray[np.float64]
# How much shorter an entry counts than it is, at most: lengths are kept in a byte.
SHORTENED = 0.85
# exp(2e) is a little more than 1 + 2e.
SLACK = 1.06


class Ledger:
    """What answers stand on, over one state of a collection."""

    def __init__(self, evidence: Sequence[Evidence], collection: Collection) -> None:
        self.evidence = tuple(evidence)
        self._collection = collection
        self._passages = _turned(one.passages for one in evidence)
        self._leading = _turned(one.leading for one in evidence)
        self._rounds = [(number, stage) for number, one in enumerate(evidence) for stage in one.rounds]
        self._of_entity = _turned(stage.shares for _, stage in self._rounds)
        self._names = _turned(one.names for one in evidence)
        self._stems = _turned(one.stems for one in evidence)
        self._of_groups: dict[tuple[str, ...], set[int]] = defaultdict(set)
        for number, one in enumerate(evidence):
            self._of_groups[one.past.groups].add(number)
        self._radius = np.array([one.radius for one in evidence])
        self._is_searched = np.array([bool(one.lexical.terms) for one in evidence])
        self._least = np.array([one.lexical.least for one in evidence])
        doubts = [one.doubt or SURE for one in evidence]
        self._doubts: Floats = np.array(
            [[getattr(doubt, name) for name in Doubt.__struct_fields__] for doubt in doubts]
        )
        self._index_terms()
        self._index_gaps()
        self._index_vectors()

    def _index_terms(self) -> None:
        postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for number, one in enumerate(self.evidence):
            for stem, weight in one.lexical.terms.items():
                postings[stem].append((number, weight))
        self._whose = {stem: np.array([number for number, _ in own]) for stem, own in postings.items()}
        self._weights = {stem: np.array([weight for _, weight in own]) for stem, own in postings.items()}

    def _index_gaps(self) -> None:
        rows = [(number, gap) for number, one in enumerate(self.evidence) for gap in one.gaps]
        self._gap_of = np.array([number for number, _ in rows], np.int64)
        self._gaps: Floats = np.array([gap for _, gap in rows]).reshape(-1, 4)
        index: object = self._collection.index
        self._length = index.scale[1] if isinstance(index, Scaled) else 0.0

    def _index_vectors(self) -> None:
        with_vector = [number for number, one in enumerate(self.evidence) if one.near.vector]
        self._with_vector = np.array(with_vector, np.int64)
        self._vectors = np.array([self.evidence[number].near.vector for number in with_vector], np.float32)
        self._nearness = np.array([self.evidence[number].near.least for number in with_vector])

    def touched(self, edit: Change, after: Collection) -> set[int]:
        """Return the numbers of the answers that an edit may change; of all others it is proven that it does not."""
        if not edit.removed and not edit.added:
            return set()
        if edit.is_everywhere or not isinstance(after.index, Scaled):
            everything = enumerate(self.evidence)
            return {number for number, one in everything if one.lexical.terms or self._radius[number] < 0}
        found = self._standing_on(edit)
        length = after.index.scale[1]
        drift = math.log(length / self._length) if length and self._length else 0.0
        found.update(self._drifted(drift))
        found.update(self._entered(edit, length, drift))
        found.update(self._come_near(edit, after))
        named, walked = self._led(edit, after)
        found |= named
        return found | {number for number in walked - found if self._leads_otherwise(number, after)}

    def _leads_otherwise(self, number: int, after: Collection) -> bool:
        """Search the graph once more, for an answer of which nothing else was touched, and tell whether more changes."""
        one = self.evidence[number]
        if after.graph is None:
            return True
        led = after.graph.seek(one.past.question.standalone, one.closely, frozenset(one.past.groups), LEG_DEPTH)
        return led != one.led

    def _standing_on(self, edit: Change) -> set[int]:
        return {
            *(number for key in edit.removed for number in self._passages.get(key, ())),
            *(number for stem in edit.retold for number in self._stems.get(stem, ())),
        }

    def _drifted(self, drift: float) -> NDArray[np.int64]:
        """Return the answers that do not bear that the logarithm of the mean length moves so far."""
        far = abs(drift)
        fails = (self._radius < 0) | (self._is_searched & (far > MOST))
        gap, unsure, bend, slope = self._gaps.T
        fails[self._gap_of[gap + slope * drift <= unsure * far + bend * far * far + NOISE]] = True
        margin, spread, together, sway, noise = self._doubts.T
        moves = sway * far * SLACK + noise
        root = _root(together)
        bent = np.maximum(np.abs(_root(together + moves) - root), np.abs(_root(together - moves) - root))
        fails |= np.abs(margin) <= spread * far * SLACK + AGREEMENT * bent + NOISE
        return np.flatnonzero(fails)

    def _entered(self, edit: Change, length: float, drift: float) -> NDArray[np.int64]:
        """Return the answers to questions for whose words a new passage may be among the found."""
        fails = np.zeros(len(self.evidence), np.bool_)
        for count in edit.entering:
            size = sum(count.values()) * SHORTENED / length if length else 0.0
            scores = np.zeros(len(self.evidence))
            for stem, times in count.items():
                if stem in self._whose:
                    share = (BM25_K1 + 1) * times / (times + BM25_K1 * (1 - BM25_B + BM25_B * size))
                    scores[self._whose[stem]] += self._weights[stem] * share
            fails |= (scores > 0) & (scores >= self._least * math.exp(min(drift, 0.0)) * (1 - 2 * NOISE))
        return np.flatnonzero(fails)

    def _come_near(self, edit: Change, after: Collection) -> NDArray[np.int64]:
        """Return the answers to questions to which a new passage is near enough."""
        if not len(self._with_vector) or not isinstance(after.vectors, Vectors) or not edit.added:
            return np.empty(0, np.int64)
        likeness = self._vectors @ after.vectors.rows_of(edit.added).T
        if not likeness.shape[1]:
            return np.empty(0, np.int64)
        near: NDArray[np.int64] = self._with_vector[likeness.max(axis=1) >= self._nearness]
        return near

    def _led(self, edit: Change, after: Collection) -> tuple[set[int], set[int]]:
        """Return the answers for which a name means something else now, and those whose walks may go otherwise."""
        before: object = self._collection.graph
        now: object = after.graph
        meant: set[int] = set()
        walked: set[int] = set()
        if not isinstance(before, Seen) or not isinstance(now, Seen):
            return meant, walked
        for groups, whose in self._of_groups.items():
            seen = frozenset(groups)
            changed = links(before.view(seen), now.view(seen), edit)
            if changed.is_everywhere:
                meant |= {number for number in whose if self.evidence[number].lexical.terms}
                continue
            meant |= whose & self._named(changed.titled | changed.valued)
            walked |= whose & (self._walking(changed.spread | changed.valued) | self._led_on(changed.naming))
            walked |= whose & {number for edges in changed.entering for number in self._reached(edges)}
        return meant, walked

    def _named(self, entities: Iterable[int]) -> set[int]:
        return {number for key in entities for number in self._names.get(key, ())}

    def _led_on(self, passages: Iterable[int]) -> set[int]:
        return {number for key in passages for number in self._leading.get(key, ())}

    def _walking(self, entities: Iterable[int]) -> set[int]:
        return {self._rounds[at][0] for key in entities for at in self._of_entity.get(key, ())}

    def _reached(self, edges: Edges) -> list[int]:
        """Return the answers whose walks may keep a new passage with these edges."""
        held: dict[int, float] = defaultdict(float)
        for entity, kind in edges:
            for at in self._of_entity.get(entity, ()):
                held[at] += WEIGHT[kind] * self._rounds[at][1].shares[entity]
        return [self._rounds[at][0] for at, mass in held.items() if mass >= self._rounds[at][1].least * (1 - TIE)]


def _turned(sets: Iterable[Iterable[Any]]) -> Mapping[Any, Sequence[int]]:
    """Return which of the sets hold each of what they hold."""
    turned: dict[Any, list[int]] = {}
    for number, own in enumerate(sets):
        for one in own:
            turned.setdefault(one, []).append(number)
    return turned


def _root(values: Floats) -> Floats:
    rooted: Floats = np.sign(values) * np.sqrt(np.abs(values))
    return rooted
