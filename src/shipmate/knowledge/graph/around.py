"""Look around in several collections as if they were one: what stands around an answer, a name or a passage."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from shipmate.errors import Missing, NoEntity, NoIndex
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.graph.names import name_key
from shipmate.knowledge.graph.surroundings import MOST_ENTITIES, Surroundings
from shipmate.knowledge.keys import passage_key
from shipmate.messages import Passage, Trace
from shipmate.neighbourhood import Centre, Entity, Neighbourhood, Way
from shipmate.ports import PassageIndex

__all__ = ["around", "way"]

T = TypeVar("T")
View = tuple[Surroundings, PassageIndex]


def around(
    collections: Sequence[Collection],
    centre: Centre,
    groups: frozenset[str],
    trace: Trace | None = None,
    *,
    most_entities: int = MOST_ENTITIES,
) -> Neighbourhood:
    """Return what stands around a centre, as far as these groups may see it; of a turn, its trace comes along.

    Raises `NoIndex` without a graph, and `Missing` for a name or a passage that is not there for these groups.
    """
    views = _views(collections, groups, most_entities)
    if trace:
        parts = [_of_turn(view, centre, trace, groups) for view in views]
    elif centre.source:
        found = [(own, _overlapping(index, centre, groups)) for own, index in views]
        parts = [own.of_passages(centre, passages[0].title, passages) for own, passages in found if passages]
    else:
        parts = _known(partial(own.of_name, centre) for own, _ in views)
    if not parts:
        what = f"No passage of {centre.source!r} overlaps [{centre.start}, {centre.end})."
        raise Missing(what, do="Look at the answer again: it may be gone.")
    return _joined(parts)


def way(collections: Sequence[Collection], name: str, other: str, groups: frozenset[str]) -> Way:
    """Return how one name leads to another; no way leads from one collection into another."""
    ways = _known(partial(own.way, name, other) for own, _ in _views(collections, groups))
    return min(ways, key=lambda found: (not found.legs, len(found.legs)))


def _views(collections: Sequence[Collection], groups: frozenset[str], most_entities: int = MOST_ENTITIES) -> list[View]:
    known = [own for own in collections if own.is_for(groups)]
    views = [(Surroundings(own.index, own.graph, groups, most_entities), own.index) for own in known if own.graph]
    if not views:
        raise NoIndex("There is no graph of the documents yet.", do="Run `shipmate ingest`: it makes one.")
    return views


def _known(asked: Iterable[Callable[[], T]]) -> list[T]:
    """Return the answers of those that know the name; raise `NoEntity` when nobody does."""
    answers, unknown = [], []
    for ask in asked:
        try:
            answers.append(ask())
        except NoEntity as error:
            unknown.append(error)
    if not answers:
        raise max(unknown, key=lambda error: len(error.alike))
    return answers


def _of_turn(view: View, centre: Centre, trace: Trace, groups: frozenset[str]) -> Neighbourhood:
    own, index = view
    by_source = {scored.source: index.passages(scored.source) for scored in trace.passages}
    found = [
        passage
        for scored in trace.passages
        for passage in by_source[scored.source]
        if (passage.start, passage.end) == (scored.start, scored.end) and passage.is_for(groups)
    ]
    cited = frozenset(passage_key(passage) for passage in found if _is_cited(passage, trace))
    return own.of_passages(centre, trace.question, found, cited)


def _is_cited(passage: Passage, trace: Trace) -> bool:
    return any(
        citation.source == passage.source and citation.start < passage.end and passage.start < citation.end
        for citation in trace.reply.citations
    )


def _overlapping(index: PassageIndex, centre: Centre, groups: frozenset[str]) -> list[Passage]:
    return [
        passage
        for passage in index.passages(centre.source)
        if passage.start < centre.end and centre.start < passage.end and passage.is_for(groups)
    ]


def _joined(parts: Sequence[Neighbourhood]) -> Neighbourhood:
    """Return several neighbourhoods as one: passages are numbered on, and names that are the same are one."""
    first, *others = parts
    for other in others:
        first = _with(first, other)
    return first


def _with(one: Neighbourhood, other: Neighbourhood) -> Neighbourhood:
    count = len(one.passages)
    entities = {name_key(entity.name) or entity.name: entity for entity in one.entities}
    for entity in other.entities:
        mentions = tuple(replace(own, passage=own.passage + count) for own in entity.mentions)
        key = name_key(entity.name) or entity.name
        known = entities.get(key, Entity(name=entity.name, mentions=()))
        entities[key] = replace(known, mentions=(*known.mentions, *mentions))
    return replace(
        one,
        passages=(*one.passages, *(replace(own, number=own.number + count) for own in other.passages)),
        entities=tuple(entities.values()),
        relations=(*one.relations, *other.relations),
    )
