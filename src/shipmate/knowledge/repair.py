"""Let a search heed what people repaired: synonyms and pins by question, blocks in every leg."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from shipmate.curation import Curation, Place
from shipmate.errors import Problem
from shipmate.knowledge.collection import Collection, Nearness
from shipmate.knowledge.keys import passage_key
from shipmate.messages import Hit, Led, Passage
from shipmate.neighbourhood import Edge, Stated, Step
from shipmate.neighbourhood import Place as Standing
from shipmate.ports import GraphStore, PassageIndex, TermStatistics
from shipmate.text import stems, words
from shipmate.yaml_source import Source

if TYPE_CHECKING:  # numpy takes its time to import, and a search that has no vectors needs none
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PIN", "Repair", "adrift", "unblocked"]

# How much a word counts in a search that the question does not say, but a word that means the same.
SYNONYM = 0.5
# The leg under which a pinned passage's score says that it is one.
PIN = "pin"
# Words that change nothing about what is asked, as long as all others are the same and in the same order.
IDLE = frozenset(
    """a an the i me my we us our you your it its is are am was were be do does did can could may might will would
    shall should have has had to of please just""".split()
)

T = TypeVar("T")
Phrase = tuple[str, ...]


class Repair:
    """Which words also count for a question, and which passages come first for it."""

    def __init__(self, curation: Curation) -> None:
        alike = [[tuple(stems(word)) for word in line] for line in curation.synonyms]
        # By the first stem of what a question may say: all of it, and what means the same.
        self._kin: dict[str, list[tuple[Phrase, frozenset[str]]]] = {}
        for line in alike:
            for phrase in line:
                others = frozenset(stem for other in line if other != phrase for stem in other)
                self._kin.setdefault(phrase[0], []).append((phrase, others))
        self._pins: dict[Phrase, list[Place]] = {}
        for pin in curation.pins:
            self._pins.setdefault(sameness(pin.question), []).append(Place.of(pin.passage))

    def kin(self, asked: Sequence[str]) -> dict[str, float]:
        """Return the stems that count besides those which are asked, with their weights."""
        found: dict[str, float] = {}
        for place, stem in enumerate(asked):
            for phrase, others in self._kin.get(stem, ()):
                if tuple(asked[place : place + len(phrase)]) == phrase:
                    found |= dict.fromkeys(others, SYNONYM)
        return found

    def pinned(self, question: str) -> Sequence[Place]:
        """Return what comes first for a question."""
        return self._pins.get(sameness(question), ()) if self._pins else ()


def sameness(question: str) -> Phrase:
    """Return what is equal for two questions exactly when they are the same question in other clothes.

    Case, endings, punctuation and idle words may differ; every other word has to be there, in the same order. So "How
    do I reset my password?" is "how can I reset the password", and neither is "How do I set my password?".
    """
    said = [word for word in words(question.lower()) if word not in IDLE]
    return tuple(stem for word in said for stem in stems(word) or [word])


def adrift(curation: Curation, source: Source, collections: Sequence[Collection]) -> Iterator[Problem]:
    """Yield a warning for each pin and block whose document or passage is not there any more; `source` is the file."""
    named = [
        *((("pins", number, "passage"), pin.passage, "pin") for number, pin in enumerate(curation.pins)),
        *((("blocks", number), block.passage, "block") for number, block in enumerate(curation.blocks)),
    ]
    known = {name for collection in collections for name in collection.index.sources()}
    shown = unblocked(collections, curation)
    for path, written, kind in named:
        place = Place.of(written)
        if place.source not in known:
            yield source.problem(path, f"There is no document `{place.source}`.", _nearest(place, known), warning=True)
        elif not _holds(collections, place):
            do = "Look up where it stands now: `shipmate search` shows it."
            yield source.problem(path, f"Nothing stands at `{written}` any more.", do, warning=True)
        elif kind == "pin" and not _holds(shown, place):
            what = f"`{written}` is pinned and blocked; blocked is what counts."
            yield source.problem(path, what, "Take one of the two lines out.", warning=True)


def _nearest(place: Place, known: Iterable[str]) -> str:
    near = get_close_matches(place.source, known, n=1)
    return f"Did you mean `{near[0]}`?" if near else "Name it as `shipmate search` does, or take the line out."


def _holds(collections: Iterable[Collection], place: Place) -> bool:
    return any(
        place.touches(passage.start, passage.end)
        for collection in collections
        for passage in collection.index.passages(place.source)
    )


def unblocked(collections: Sequence[Collection], curation: Curation) -> Sequence[Collection]:
    """Return the collections as they are without what is blocked; the very same ones where nothing is."""
    if not curation.blocks:
        return collections
    blocked: dict[str, list[Place]] = {}
    for block in curation.blocks:
        place = Place.of(block.passage)
        blocked.setdefault(place.source, []).append(place)

    def is_blocked(passage: Passage) -> bool:
        return any(place.touches(passage.start, passage.end) for place in blocked.get(passage.source, ()))

    whole = [source for source, places in blocked.items() if not all(place.end for place in places)]
    return [_without(collection, list(blocked), whole, is_blocked) for collection in collections]


def _without(
    collection: Collection, sources: Iterable[str], whole: Iterable[str], is_blocked: Callable[[Passage], bool]
) -> Collection:
    own = [passage for source in sources for passage in collection.index.passages(source)]
    keys = frozenset(passage_key(passage) for passage in own if is_blocked(passage))
    return Collection(
        index=OpenIndex(collection.index, is_blocked),
        graph=None if collection.graph is None else OpenGraph(collection.graph, keys, frozenset(whole)),
        vectors=None if collection.vectors is None else OpenVectors(collection.vectors, keys),
        audience=collection.audience,
    )


class OpenIndex:
    """A `PassageIndex` to read from, without what is blocked."""

    def __init__(self, index: PassageIndex, is_blocked: Callable[[Passage], bool]) -> None:
        self._index = index
        self._is_blocked = is_blocked
        self.sources = index.sources
        self.keys = index.keys
        self.write = index.write
        self.refresh = index.refresh

    @property
    def statistics(self) -> TermStatistics:
        """Return the term statistics of all passages: how common a word is tells of none."""
        return self._index.statistics

    def search(self, terms: Mapping[str, float], limit: int, groups: frozenset[str] = frozenset()) -> list[Hit]:
        """Return the best passages, as many as if nothing were blocked."""
        return _enough(
            lambda wanted: self._index.search(terms, wanted, groups), lambda hit: self._is_blocked(hit.passage), limit
        )

    def passages(self, source: str) -> list[Passage]:
        """Return the passages of one source in document order."""
        return [passage for passage in self._index.passages(source) if not self._is_blocked(passage)]

    def found(self, keys: Iterable[int]) -> Mapping[int, Passage]:
        """Return the passages with these keys, as far as they are there."""
        return {key: passage for key, passage in self._index.found(keys).items() if not self._is_blocked(passage)}


class OpenVectors:
    """Vectors to search in, without what is blocked."""

    def __init__(self, vectors: Nearness, blocked: frozenset[int]) -> None:
        self._vectors = vectors
        self._blocked = blocked
        self.cosines = vectors.cosines
        self.refresh = vectors.refresh

    def __len__(self) -> int:
        """Return the number of vectors, blocked ones included: all are made."""
        return len(self._vectors)

    def search(
        self, vector: "NDArray[np.float32]", limit: int, groups: frozenset[str] = frozenset()
    ) -> dict[int, float]:
        """Return the cosines of the nearest passages, as many as if nothing were blocked."""
        return dict(
            _enough(
                lambda wanted: list(self._vectors.search(vector, wanted, groups).items()),
                lambda near: near[0] in self._blocked,
                limit,
            )
        )


class OpenGraph:
    """A `GraphStore` to read from, without what is blocked."""

    def __init__(self, graph: GraphStore, blocked: frozenset[int], sources: frozenset[str]) -> None:
        """Leave out the blocked passages, and what is declared in these sources."""
        self._graph = graph
        self._blocked = blocked
        self._sources = sources
        self.sources = graph.sources
        self.write = graph.write
        self.publish = graph.publish
        self.refresh = graph.refresh
        self.close = graph.close

    def seek(self, question: str, hits: Sequence[Hit], groups: frozenset[str] = frozenset(), limit: int = 20) -> Led:
        """Return where the question's names and its best hits lead."""
        led = self._graph.seek(question, hits, groups, limit + len(self._blocked))
        open_scores = ((key, score) for key, score in led.scores.items() if key not in self._blocked)
        return Led(dict(islice(open_scores, limit)), led.trust)

    def place(self, passage: int) -> Standing | None:
        """Return where a passage stands."""
        return None if self._hides(passage) else self._graph.place(passage)

    def named_in(self, passages: Sequence[int], groups: frozenset[str] = frozenset()) -> list[Edge]:
        """Return how these passages name their entities."""
        return [edge for edge in self._graph.named_in(passages, groups) if not self._hides(edge.passage)]

    def naming(self, name: str, groups: frozenset[str] = frozenset()) -> list[Edge]:
        """Return how an entity is named."""
        return [edge for edge in self._graph.naming(name, groups) if not self._hides(edge.passage)]

    def stated_in(self, passages: Sequence[int], groups: frozenset[str] = frozenset()) -> list[Stated]:
        """Return the typed relations that these passages state."""
        return [stated for stated in self._graph.stated_in(passages, groups) if not self._hides(stated.passage)]

    def show(self, name: str, groups: frozenset[str] = frozenset()) -> list[Stated]:
        """Return the typed relations that are stated of an entity."""
        return [stated for stated in self._graph.show(name, groups) if not self._hides(stated.passage)]

    def neighbours(self, name: str, groups: frozenset[str] = frozenset(), limit: int = 20) -> list[Step]:
        """Return the entities that stand in one passage with this one."""
        return _enough(
            lambda wanted: self._graph.neighbours(name, groups, wanted), lambda step: self._hides(step.passage), limit
        )

    def path(self, name: str, other: str, groups: frozenset[str] = frozenset()) -> list[Step]:
        """Return the shortest way from one entity to another; none where that leads through what is blocked."""
        steps = self._graph.path(name, other, groups)
        return [] if any(self._hides(step.passage) for step in steps) else steps

    def alike(self, name: str, groups: frozenset[str] = frozenset(), limit: int = 5) -> list[str]:
        """Return the names of entities that are written much like this one, as far as anything names them."""
        return [known for known in self._graph.alike(name, groups, limit) if self.naming(known, groups)]

    def _hides(self, passage: int) -> bool:
        if passage in self._blocked:
            return True
        standing = self._graph.place(passage) if self._sources else None
        return standing is not None and standing.source in self._sources


def _enough(find: Callable[[int], Sequence[T]], is_blocked: Callable[[T], bool], limit: int) -> list[T]:
    """Return the first `limit` that are not blocked; more and more are asked for until there are so many."""
    wanted = limit
    while True:
        found = find(wanted)
        shown = [one for one in found if not is_blocked(one)]
        if len(shown) >= limit or len(found) < wanted:
            return shown[:limit]
        wanted *= 2
