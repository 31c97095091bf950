"""What an edit of documents changes in a collection: passages, what words tell, and what the graph leads by."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from shipmate.knowledge.collection import Collection
from shipmate.knowledge.graph.view import View
from shipmate.knowledge.keys import passage_key
from shipmate.knowledge.steps import in_half_octaves, in_thirtyseconds
from shipmate.messages import Passage, Record
from shipmate.release.impact.slopes import stems_of

__all__ = ["Change", "Links", "change", "links"]

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

    # The entities whose edges changed, and those that tell another thing, are new or gone.
    edges: frozenset[int]
    valued: frozenset[int]
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
            if in_half_octaves(old_statistics.document_frequency(stem))
            != in_half_octaves(new_statistics.document_frequency(stem))
        ),
        is_everywhere=in_thirtyseconds(old_statistics.passage_count) != in_thirtyseconds(new_statistics.passage_count)
        or min(old_statistics.passage_count, new_statistics.passage_count) < FEW,
    )


# An index of fewer passages counts each of them.
FEW = 32


def links(before: View, after: View, edit: Change) -> Links:
    """Compare the graphs around the passages of an edit, as somebody may see them."""
    changed = _edges_changed(
        [before.edges_of(key) for key in edit.removed], [after.edges_of(key) for key in edit.added]
    )
    valued = set()
    naming: set[int] = set()
    is_everywhere = before.size != after.size
    for entity in changed:
        (told, owned, is_hub), (tells, owns, becomes_hub) = before.standing(entity), after.standing(entity)
        is_everywhere |= is_hub != becomes_hub
        if (told, owned) != (tells, owns):
            valued.add(entity)
            naming.update(before.network.naming(entity).tolist(), after.network.naming(entity).tolist())
    return Links(
        edges=frozenset(changed), valued=frozenset(valued), naming=frozenset(naming), is_everywhere=is_everywhere
    )


def _edges_changed(before: Sequence[Edges], after: Sequence[Edges]) -> set[int]:
    """Return the entities that passages lost or gained; a passage with the very edges of one before stands for it."""
    was, becomes = Counter(before), Counter(after)
    left = sorted((was - becomes).elements(), key=sorted)
    new = sorted((becomes - was).elements(), key=sorted)
    return {entity for one, other in zip_longest(left, new, fillvalue=NO_EDGES) for entity, _ in one ^ other}
