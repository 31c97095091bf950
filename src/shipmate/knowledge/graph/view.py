"""The graph as one caller may see it: what is hidden is neither walked through nor counted."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shipmate.knowledge.graph.cues import reading
from shipmate.knowledge.graph.edges import WEIGHTS, EdgeKind
from shipmate.knowledge.graph.names import Called, called
from shipmate.knowledge.graph.network import (
    IS_OWNING,
    LEAST_PASSAGES,
    Flags,
    Keys,
    Network,
    neighbours_of,
    table_of,
)
from shipmate.knowledge.steps import in_thirtyseconds

__all__ = ["AS_TITLE", "DAMPING", "FRONTIER", "WEIGHT", "Sparse", "Spot", "View"]

Floats = NDArray[np.float64]
# Numbers, ascending, and what each holds.
Sparse = tuple[NDArray[Any], NDArray[Any]]

WEIGHT = np.zeros(256)
WEIGHT[list(WEIGHTS)] = list(WEIGHTS.values())
# A walk goes on from that many of the entities or passages that hold most of it: a bounded cost, however large the graph.
FRONTIER = 32
# An entity with more edges, such as a product's own name, leads everywhere and so nowhere.
HUB_EDGES = 500
# Up to so many numbers for each value, an array of all of them is summed up sooner than the values are sorted.
DENSE = 64
# Of what a passage or entity holds, this share goes on in each round; the rest begins anew.
DAMPING = 0.5
ROUNDS = 3
# What a page's title is worth as its name, in full and in short.
AS_TITLE = {EdgeKind.TITLED: 1.0, EdgeKind.DECLARES: 1.0, EdgeKind.TITLED_IN_SHORT: 0.7}
IS_TITLE = table_of(AS_TITLE)
# A name that stands for more pages than these names none.
MOST_OWNERS = 50
PAGES_KEPT = 8192
TEXTS_KEPT = 512
# How an entity stands that is not there.
NOWHERE = (0.0, False, False, 0.0)


class Spot(NamedTuple):
    """Where a passage names pages: with its word `first` begins the name, of so many words, in which sentence."""

    first: int
    length: int
    sentence: int
    pages: Mapping[int, float]


class View:
    """A network behind a mask; made once for each set of audiences, and then used for many questions."""

    def __init__(self, network: Network, visible: Flags) -> None:
        self.network = network
        self._may_see: Flags = visible[network.audiences] if len(network.audiences) else np.zeros(0, np.bool_)
        seen = self._may_see[network.entity_passage]
        count = len(network.entities)
        whose = np.repeat(np.arange(count), np.diff(network.entity_starts))
        self._owned = np.zeros(count, np.bool_)
        self._owned[whose[seen & IS_OWNING[network.entity_kind]]] = True
        is_within = network.entity_kind == EdgeKind.MENTIONS_WITHIN
        counted = seen & (~is_within | self._owned[whose])
        self._is_hub: Flags = np.bincount(whose[counted], minlength=count) > HUB_EDGES
        named = _passages_each(whose, network.entity_passage, seen & ~is_within, count)
        anyhow = _passages_each(whose, network.entity_passage, seen, count)
        found = np.where(self._owned, anyhow, named)
        leads = self._owned | (named >= LEAST_PASSAGES)
        # How telling an entity is; 0 for one that does not exist here.
        self.idf: Floats = np.where(leads, np.log1p(self.size / _stepped(found)), 0.0)
        # What an entity shares out over its edges, in steps: one edge more or less leaves the other shares as they are.
        self.whole: Floats = _whole(np.bincount(whose, WEIGHT[network.entity_kind] * counted, count))
        self.pages = lru_cache(maxsize=PAGES_KEPT)(self._titled)
        self.spots = lru_cache(maxsize=TEXTS_KEPT)(self._named_pages)

    def sees(self, passage: int) -> bool:
        """Tell whether a passage, by its number, may be seen."""
        return bool(self._may_see[passage])

    def rows(self, passages: Sequence[int]) -> list[int]:
        """Return the numbers of passages by their keys, and -1 for each that is not there or may not be seen."""
        known = self.network.passages
        if not passages or not len(known):
            return [-1] * len(passages)
        wanted = np.array(passages, np.int64)
        places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        places[(known[places] != wanted) | ~self._may_see[places]] = -1
        found: list[int] = places.tolist()
        return found

    def counts(self, passage: int, entity: int, kind: int) -> bool:
        """Tell whether an edge is there: its passage may be seen, its entity exists, and a part of a name is one."""
        is_one = kind != EdgeKind.MENTIONS_WITHIN or self._owned[entity]
        return bool(self._may_see[passage] and self.idf[entity] > 0 and is_one)

    def standing(self, key: int) -> tuple[float, bool, bool, float]:
        """Return how telling the entity with a key is, whether a passage is about it, whether it is a hub, and its whole."""
        place = self.network.place(key)
        if place < 0:
            return NOWHERE
        return float(self.idf[place]), bool(self._owned[place]), bool(self._is_hub[place]), float(self.whole[place])

    @property
    def size(self) -> int:
        """Return how many passages may be seen, in the steps in which it counts."""
        return in_thirtyseconds(int(self._may_see.sum()))

    def edges_of(self, passage: int) -> frozenset[tuple[int, int]]:
        """Return the keys of a visible passage's entities, with the kinds of its edges; none for a hidden one."""
        (row,) = self.rows([passage])
        if row < 0:
            return frozenset()
        network = self.network
        own = slice(network.passage_starts[row], network.passage_starts[row + 1])
        return frozenset(
            zip(network.entities[network.passage_entity[own]].tolist(), network.passage_kind[own].tolist(), strict=True)
        )

    def entity(self, key: int) -> int:
        """Return the number of an entity, or -1 where there is none, or none that may be seen."""
        return self._places([key])[0]

    def names(self, texts: Sequence[str]) -> list[list[tuple[Called, int]]]:
        """Return the entities that each text calls by name: at each word the longest name, and no two overlap."""
        candidates = [called(text) for text in texts]
        places = iter(self._places([name.key for names in candidates for name in names]))
        return [_longest([(name, next(places)) for name in names]) for names in candidates]

    def owners(self, entity: int, is_wanted: Flags) -> list[tuple[int, EdgeKind]]:
        """Return the visible passages that have an edge of a wanted kind to an entity; none for a hub."""
        if self._is_hub[entity]:
            return []
        network = self.network
        first, end = network.entity_starts[entity], network.entity_starts[entity + 1]
        found = network.entity_kind[first:end]
        passages = network.entity_passage[first:end]
        chosen = np.flatnonzero(is_wanted[found] & self._may_see[passages])
        return [(int(passages[at]), EdgeKind(found[at])) for at in chosen]

    def passages_of(self, entities: Keys) -> tuple[Keys, Keys]:
        """Return the visible passages of entities, none of a hub's, and for each the position of whose it is."""
        network = self.network
        edges, whose = neighbours_of(network.entity_starts, entities)
        passages = network.entity_passage[edges]
        is_within = network.entity_kind[edges] == EdgeKind.MENTIONS_WITHIN
        counted = self._may_see[passages] & ~self._is_hub[entities][whose] & (~is_within | self._owned[entities][whose])
        return passages[counted].astype(np.int64), whose[counted]

    def walk(self, entities: Mapping[int, float], passages: Mapping[int, float]) -> Sparse:
        """Return where a walk that begins at these entities and passages, and returns to them, mostly is.

        Personalised PageRank, pushed forward from the seeds.
        """
        whole = sum(entities.values()) + sum(passages.values())
        if not whole:
            return np.empty(0, np.int64), np.empty(0)
        home_entities, home_passages = _sparse(entities, whole), _sparse(passages, whole)
        at_entities, at_passages = home_entities, home_passages
        # Without a name the last round reaches nothing new.
        for rest in reversed(range(ROUNDS if entities else ROUNDS - 1)):
            to_passages = self._to_passages(*self.leading_entities(at_entities))
            # Where it ends, nobody asks for entities.
            if rest:
                at_entities = _summed(home_entities, self._to_entities(*self.leading_passages(at_passages)))
            at_passages = _summed(home_passages, to_passages)
        return at_passages

    def leading_entities(self, held: Sparse) -> Sparse:
        """Return those from which a walk goes on."""
        return _most(held)

    def leading_passages(self, held: Sparse) -> Sparse:
        """Return those from which a walk goes on."""
        return _most(held)

    def _titled(self, entity: int) -> dict[int, float]:
        """Return the pages with this title, and what it is worth as their name; none where it names too many."""
        owners = {row: AS_TITLE[kind] for row, kind in self.owners(entity, IS_TITLE)}
        return {} if len(owners) > MOST_OWNERS else owners

    def _named_pages(self, text: str) -> tuple[Spot, ...]:
        """Return where a passage names pages."""
        return tuple(self._found_spots(text))

    def _found_spots(self, text: str) -> Iterator[Spot]:
        read = reading(text)
        runs = list(read.names())
        for (_, start), names in zip(runs, self.names([run for run, _ in runs]), strict=True):
            word, sentence = read.place(start)
            for name, entity in names:
                if pages := self.pages(entity):
                    yield Spot(word + name.first, len(name.words), sentence, pages)

    def _places(self, keys: Sequence[int]) -> list[int]:
        """Return where each key's entity stands; -1 where there is none, or none that may be seen."""
        known = self.network.entities
        if not keys or not len(known):
            return [-1] * len(keys)
        wanted = np.array(keys, np.int64)
        places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        places[(known[places] != wanted) | (self.idf[places] == 0)] = -1
        found: list[int] = places.tolist()
        return found

    def _to_passages(self, entities: NDArray[Any], mass: Floats) -> Sparse:
        network = self.network
        is_hub = self._is_hub[entities]
        entities, mass = entities[~is_hub], mass[~is_hub]
        edges, whose = neighbours_of(network.entity_starts, entities)
        passage, kind = network.entity_passage[edges], network.entity_kind[edges]
        weights = WEIGHT[kind] * self._may_see[passage]
        weights *= (kind != EdgeKind.MENTIONS_WITHIN) | self._owned[entities][whose]
        return _spread(passage, weights, whose, mass, self.whole[entities])

    def _to_entities(self, passages: NDArray[Any], mass: Floats) -> Sparse:
        network = self.network
        edges, whose = neighbours_of(network.passage_starts, passages)
        entity, kind = network.passage_entity[edges], network.passage_kind[edges]
        weights = WEIGHT[kind] * self.idf[entity]
        weights *= (kind != EdgeKind.MENTIONS_WITHIN) | self._owned[entity]
        return _spread(entity, weights, whose, mass, np.bincount(whose, weights, len(mass)))


def _stepped(counts: Keys) -> Floats:
    """Return counts, at least 1, by octaves."""
    octaves = np.rint(np.log2(np.maximum(counts, 1)))
    stepped: Floats = np.exp2(octaves)
    return stepped


def _passages_each(whose: Keys, passages: NDArray[np.int32], counted: Flags, count: int) -> Keys:
    """Return the number of passages of each entity; its edges stand together, and those to one passage too."""
    whose, passages = whose[counted], passages[counted]
    is_new = np.ones(len(whose), np.bool_)
    is_new[1:] = (np.diff(whose) != 0) | (np.diff(passages) != 0)
    numbers: Keys = np.bincount(whose[is_new], minlength=count)
    return numbers


def _longest(names: Sequence[tuple[Called, int]]) -> list[tuple[Called, int]]:
    """Keep of the names that exist the first at each word, and what it covers for itself."""
    found = []
    covered = 0
    for name, entity in names:
        if entity >= 0 and (name.first >= covered or not name.words):
            found.append((name, entity))
            covered = max(covered, name.end)
    return found


def _whole(weights: NDArray[Any]) -> Floats:
    """Return weights by octaves; none stays none."""
    octaves = np.rint(np.log2(np.where(weights > 0, weights, 1.0)))
    stepped: Floats = np.where(weights > 0, np.exp2(octaves), 0.0)
    return stepped


def _spread(to: NDArray[np.int32], weights: Floats, whose: Keys, mass: Floats, whole: NDArray[Any]) -> Sparse:
    """Share out what each holds over its edges, by their weights next to the whole; a target may come several times."""
    share = np.divide(mass, whole, out=np.zeros(len(mass)), where=whole > 0)
    return to, weights * share[whose]


def _summed(home: Sparse, come: Sparse) -> Sparse:
    """Return what each number holds: a part of what is its own, and of what came to it."""
    numbers = np.concatenate((home[0], come[0]))
    values = np.concatenate((home[1] * (1 - DAMPING), come[1] * DAMPING))
    if not len(numbers):
        return home
    # Both ways give the same; which is quicker depends on how large the graph is.
    reach = int(numbers.max()) + 1
    if reach < DENSE * len(numbers):
        sums = np.bincount(numbers, values)
        places = np.flatnonzero(sums)
        return places, sums[places]
    places, which = np.unique(numbers, return_inverse=True)
    sums = np.bincount(which, values)
    held = np.flatnonzero(sums)
    return places[held], sums[held]


def _most(held: Sparse) -> Sparse:
    """Keep those that hold most; of equals, the first."""
    if len(held[0]) <= FRONTIER:
        return held
    chosen = np.sort(np.argsort(-held[1], kind="stable")[:FRONTIER])
    return held[0][chosen], held[1][chosen]


def _sparse(seeds: Mapping[int, float], whole: float) -> Sparse:
    numbers = np.array(sorted(seeds), np.int64)
    return numbers, np.array([seeds[number] / whole for number in numbers.tolist()])
