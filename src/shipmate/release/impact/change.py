"""What an edit of documents changes in a collection: passages, what words tell, and what the graph leads by."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from shipmate.knowledge.collection import Collection
from shipmate.knowledge.graph.view import AS_TITLE, View
from shipmate.knowledge.keys import passage_key
from shipmate.knowledge.steps import in_octaves, in_thirtyseconds
from shipmate.messages import Passage, Record
from shipmate.release.impact.slopes import stems_of

__all__ = ["Change", "Edges", "Links", "change", "links"]

Edges = frozenset[tuple[int, int]]
NO_EDGES: Edges = frozenset()


class Change(Record, frozen=True, kw_only=True):
    """The passages that an edit took away and brought, by key, and the stems that tell another thing now."""

    removed: frozenset[int]
    added: dict[int, Passage]
    # The stems of those that are new.
    entering: tuple[Counter[str], ...]
    retold: frozenset[str]
    # The collection is another one: it has grown by a step, or there is hardly anything in it.
    is_everywhere: bool


class Links(Record, frozen=True, kw_only=True):
    """What an edit changes in the graph, by key."""

    # The entities that are the titles of others now, those that tell another thing, are new or gone, and those that
    # share out otherwise what walks bring to them.
    titled: frozenset[int]
    valued: frozenset[int]
    spread: frozenset[int]
    # The edges of the passages that are new.
    entering: tuple[Edges, ...]
    # The passages that name one of those.
    naming: frozenset[int]
    is_everywhere: bool


def change(before: Collection, after: Collection, sources: Iterable[str]) -> Change:
    """Compare these documents as they were with what they have become."""
    was: dict[int, Passage] = {}
    becomes: dict[int, Passage] = {}
    for source in sorted(set(sources)):
        was |= {passage_key(passage): passage for passage in before.index.passages(source)}
        new = after.index.passages(source)
        becomes |= {passage_key(passage): passage for passage in new}
    removed = frozenset(was.keys() - becomes.keys())
    added = {key: passage for key, passage in becomes.items() if key not in was}
    entering = tuple(map(stems_of, added.values()))
    leaving = tuple(stems_of(was[key]) for key in removed)
    old_statistics, new_statistics = before.index.statistics, after.index.statistics
    touched = {stem for count in (*entering, *leaving) for stem in count}
    return Change(
        removed=removed,
        added=added,
        entering=entering,
        retold=frozenset(
            stem
            for stem in touched
            if in_octaves(old_statistics.document_frequency(stem))
            != in_octaves(new_statistics.document_frequency(stem))
        ),
        is_everywhere=in_thirtyseconds(old_statistics.passage_count) != in_thirtyseconds(new_statistics.passage_count)
        or min(old_statistics.passage_count, new_statistics.passage_count) < FEW,
    )


# An index of fewer passages counts each of them.
FEW = 32


def links(before: View, after: View, edit: Change) -> Links:
    """Compare the graphs around the passages of an edit, as somebody may see them."""
    left, entering = _edges_changed(
        [before.edges_of(key) for key in edit.removed], [after.edges_of(key) for key in edit.added]
    )
    changed = {entity for one, other in zip_longest(left, entering, fillvalue=NO_EDGES) for entity, _ in one ^ other}
    titled = {entity for edges in (*left, *entering) for entity, kind in edges if kind in AS_TITLE}
    valued = set()
    spread = set()
    naming: set[int] = set()
    is_everywhere = before.size != after.size
    for entity in changed:
        (told, owned, is_hub, whole), (tells, owns, becomes_hub, now) = before.standing(entity), after.standing(entity)
        is_everywhere |= is_hub != becomes_hub
        if whole != now:
            spread.add(entity)
        if (told, owned) != (tells, owns):
            valued.add(entity)
            naming.update(before.network.naming(entity).tolist(), after.network.naming(entity).tolist())
    return Links(
        titled=frozenset(titled),
        valued=frozenset(valued),
        spread=frozenset(spread),
        entering=tuple(entering),
        naming=frozenset(naming),
        is_everywhere=is_everywhere,
    )


def _edges_changed(before: Sequence[Edges], after: Sequence[Edges]) -> tuple[list[Edges], list[Edges]]:
    """Return the edges of passages that are gone, and of new ones; one with the very edges of one before stands for it."""
    was, becomes = Counter(before), Counter(after)
    return sorted((was - becomes).elements(), key=sorted), sorted((becomes - was).elements(), key=sorted)
