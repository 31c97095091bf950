"""Show people what stands around an answer, a name or a passage, with the sentence behind every edge."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from msgspec.structs import replace

from shipmate.errors import NoEntity
from shipmate.knowledge.graph.edges import WEIGHTS, EdgeKind
from shipmate.knowledge.graph.quoting import Quoting
from shipmate.knowledge.keys import passage_key
from shipmate.messages import Passage
from shipmate.neighbourhood import (
    Centre,
    Edge,
    Entity,
    Leg,
    Mention,
    Near,
    Neighbourhood,
    Relation,
    Stated,
    Way,
    Where,
)
from shipmate.ports import GraphStore, PassageIndex

__all__ = ["MOST_ENTITIES", "MOST_PASSAGES", "Surroundings"]

# More than these, and a picture shows nothing.
MOST_PASSAGES = 8
MOST_ENTITIES = 14
MOST_RELATIONS = 40
# Of what is said of each entity elsewhere.
MOST_RELATIONS_EACH = 3
LOCATED = EdgeKind.LOCATED.name.lower()
LINKS_TO = EdgeKind.LINKS_TO.name.lower()
SHORT = EdgeKind.TITLED_IN_SHORT.name.lower()
CITED = "cited"
HEADS = frozenset(
    kind.name.lower() for kind in (EdgeKind.TITLED, EdgeKind.TITLED_IN_SHORT, EdgeKind.HEADED, EdgeKind.LOCATED)
)
# How kinds are called to people, where that is not their name.
CALLED = {"mentions_within": "mentions", SHORT: "titled"}


class Surroundings:
    """One graph and its index, as one caller may see them."""

    def __init__(self, index: PassageIndex, graph: GraphStore, groups: frozenset[str], most_entities: int) -> None:
        self._index = index
        self._graph = graph
        self._groups = groups
        self._most_entities = most_entities
        self._quoting = lru_cache(maxsize=None)(Quoting)

    def of_passages(
        self, centre: Centre, about: str, passages: Sequence[Passage], cited: Collection[int] = ()
    ) -> Neighbourhood:
        """Return what stands around passages that the caller may see; those `cited`, by key, are marked."""
        keys = [passage_key(passage) for passage in passages[:MOST_PASSAGES]]
        edges = _beyond_heads(_telling(self._graph.named_in(keys, self._groups)))
        entities = self._entities(
            keys, edges, _ranked(edges, {key: self._source(key) for key in keys})[: self._most_entities]
        )
        stated = self._graph.stated_in(keys, self._groups)
        return Neighbourhood(
            centre=centre,
            about=about,
            passages=tuple(
                self._near(number, key, [CITED] if key in cited else [], (centre.start, centre.end))
                for number, key in enumerate(keys, 1)
            ),
            entities=entities,
            relations=self._relations(stated, [entity.name for entity in entities]),
        )

    def of_name(self, centre: Centre) -> Neighbourhood:
        """Return what stands around a name; raise `NoEntity` where nothing that the caller may see knows it."""
        name = centre.name
        naming = sorted(self._known(name), key=_worth)
        beside = self._graph.neighbours(name, self._groups, self._most_entities)
        shown = {step.entity for step in beside}
        own = {edge.entity for edge in naming}
        likely = dict.fromkeys(edge.passage for edge in naming[:MOST_PASSAGES])
        likely |= dict.fromkeys(step.passage for step in beside)
        holding = _telling(self._graph.named_in(list(likely), self._groups), own)
        keys = _most_telling([edge for edge in naming if edge.passage in likely], holding, shown)
        named = [edge for edge in holding if edge.passage in keys and edge.entity in own]
        kinds = {key: _kinds(edge for edge in named if edge.passage == key) for key in keys}
        beside_it = [edge for edge in holding if edge.passage in keys and edge.entity in shown - own]
        return Neighbourhood(
            centre=centre,
            about=_shortest(named) or name,
            passages=tuple(self._near(number, key, kinds[key]) for number, key in enumerate(keys, 1)),
            entities=self._entities(keys, beside_it, [step.entity for step in beside]),
            relations=self._relations(self._graph.show(name, self._groups), []),
        )

    def way(self, name: str, other: str) -> Way:
        """Return how one name leads to another; raise `NoEntity` where one of them is not known."""
        self._known(name)
        self._known(other)
        legs = []
        for step in self._graph.path(name, other, self._groups):
            legs.append(Leg(start=name, end=step.name, where=self._where(step.passage, [name, step.name])))
            name = step.name
        return Way(legs=tuple(legs))

    def _known(self, name: str) -> list[Edge]:
        naming = self._graph.naming(name, self._groups)
        if not naming and not self._graph.show(name, self._groups):
            raise NoEntity(name, self._graph.alike(name, self._groups))
        return naming

    def _source(self, key: int) -> str:
        place = self._graph.place(key)
        return place.source if place else ""

    def _entities(self, keys: Sequence[int], edges: Sequence[Edge], order: Sequence[int]) -> tuple[Entity, ...]:
        """Return the entities in their order; a symbol of code and a name that are written alike are one to people."""
        numbers = {key: number for number, key in enumerate(keys, 1)}
        names = {entity: _shortest(edge for edge in edges if edge.entity == entity) for entity in order}
        named: defaultdict[str, defaultdict[int, list[Edge]]] = defaultdict(lambda: defaultdict(list))
        for edge in edges:
            if name := names.get(edge.entity):
                named[name.casefold()][edge.passage].append(edge)
        unique = {name.casefold(): name for name in reversed(names.values()) if name}
        return tuple(
            Entity(
                name=unique[folded],
                mentions=tuple(
                    self._mention(numbers[key], own)
                    for key, own in sorted(named[folded].items(), key=lambda item: numbers[item[0]])
                ),
            )
            for folded in dict.fromkeys(name.casefold() for name in names.values() if name)
        )

    def _mention(self, number: int, edges: Sequence[Edge]) -> Mention:
        return Mention(passage=number, kinds=_kinds(edges), where=self._where(edges[0].passage, [edges[0].name]))

    def _relations(self, stated: Iterable[Stated], names: Sequence[str]) -> tuple[Relation, ...]:
        found = list(stated)
        for name in names:
            found += self._graph.show(name, self._groups)[:MOST_RELATIONS_EACH]
        # What people declare comes first: there is little of it, and all of it is meant.
        found = sorted(dict.fromkeys(found), key=lambda own: not self._is_declared(own.passage))
        return tuple(
            Relation(
                subject=own.subject,
                relation=own.relation,
                object=own.object,
                where=self._where(own.passage, [own.subject, own.object]),
            )
            for own in found[:MOST_RELATIONS]
            if own.subject and own.object
        )

    def _is_declared(self, key: int) -> bool:
        place = self._graph.place(key)
        return place is not None and place.start == place.end

    def _near(self, number: int, key: int, kinds: Sequence[str], span: tuple[int, int] = (0, 0)) -> Near:
        passage = self._index.found([key]).get(key)
        where = self._where(key, [])
        if passage is None:
            return Near(number=number, text=where.quote, kinds=tuple(kinds), where=where)
        return Near(
            number=number,
            headings=passage.headings,
            text=passage.text,
            marked=self._quoting(passage).marked(*span),
            kinds=tuple(kinds),
            where=replace(where, start=passage.start, end=passage.end),
        )

    def _where(self, key: int, names: Sequence[str]) -> Where:
        """Return where a passage or a declaration says something."""
        passage = self._index.found([key]).get(key)
        if passage is not None:
            return self._quoting(passage).where(names)
        place = self._graph.place(key)
        said = self._graph.stated_in([key], self._groups)
        quote = " ".join(said[0][:3]) if said else ""
        source, line = (place.source, place.start) if place else ("", 0)
        return Where(source=source, title=source, line=line, quote=quote)


def _kinds(edges: Iterable[Edge]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(CALLED.get(edge.kind, edge.kind) for edge in edges))


def _shortest(edges: Iterable[Edge]) -> str:
    """Return the shortest way in which passages write a name: a title may have a bracket behind it."""
    return min((edge.name for edge in edges), key=lambda name: (len(name), name.isupper(), name), default="")


def _worth(edge: Edge) -> tuple[float, int]:
    return -WEIGHTS[EdgeKind[edge.kind.upper()]], edge.passage


def _telling(edges: Sequence[Edge], own: Collection[int] = ()) -> list[Edge]:
    """Return the edges that say something: that a passage is of its document does so where others link to that."""
    linked = {edge.entity for edge in edges if edge.kind == LINKS_TO}.union(own)
    return [edge for edge in edges if edge.name and (edge.kind != LOCATED or edge.entity in linked)]


def _beyond_heads(edges: Sequence[Edge]) -> list[Edge]:
    """Return the edges of entities that some passage names besides standing under them."""
    beyond = {edge.entity for edge in edges if edge.kind not in HEADS}
    return [edge for edge in edges if edge.entity in beyond]


def _ranked(edges: Sequence[Edge], sources: Mapping[int, str]) -> list[int]:
    """Return the entities that join most documents, then most passages, then the rarest."""
    passages: defaultdict[int, set[int]] = defaultdict(set)
    weights: dict[int, float] = {}
    for edge in edges:
        passages[edge.entity].add(edge.passage)
        weights[edge.entity] = edge.weight

    def rank(entity: int) -> tuple[int, int, float, int]:
        joined = {sources[key] for key in passages[entity]}
        return -len(joined), -len(passages[entity]), -weights[entity], entity

    return sorted(passages, key=rank)


def _most_telling(naming: Sequence[Edge], holding: Sequence[Edge], shown: Collection[int]) -> list[int]:
    """Return the passages that are about a name, then those that name most of what stands beside it."""
    beside: defaultdict[int, set[int]] = defaultdict(set)
    for edge in holding:
        if edge.entity in shown:
            beside[edge.passage].add(edge.entity)
    best: dict[int, float] = {}
    for edge in naming:
        best.setdefault(edge.passage, _worth(edge)[0])
    return sorted(best, key=lambda key: (best[key], -len(beside[key]), key))[:MOST_PASSAGES]
