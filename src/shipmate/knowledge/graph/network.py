"""The graph in memory: who names what, both ways, as plain arrays that a file maps."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shipmate.knowledge.graph.edges import OWNING, EdgeKind

__all__ = [
    "EMPTY",
    "IS_OWNING",
    "LEAST_PASSAGES",
    "Edges",
    "Flags",
    "Keys",
    "Network",
    "assemble",
    "neighbours_of",
    "table_of",
]

Keys = NDArray[np.int64]
Rows = NDArray[np.int32]
Flags = NDArray[np.bool_]
Kinds = NDArray[np.uint8]

# A name that stands in so few passages leads nowhere, unless one of them is about it.
LEAST_PASSAGES = 2


class Edges(NamedTuple):
    """Passages and their edges, as they come out of the store."""

    # Of each passage, each once.
    passages: Keys
    audiences: Rows
    # Of each edge.
    passage: Keys
    kind: Kinds
    entity: Keys


class Network(NamedTuple):
    """Passages and entities in the order of their keys, and the edges between them from either side."""

    passages: Keys
    # The number of the audience that may see each passage.
    audiences: Rows
    entities: Keys
    # Edges sorted by entity, then passage: those of entity `e` are [entity_starts[e], entity_starts[e + 1]).
    entity_starts: Keys
    entity_passage: Rows
    entity_kind: Kinds
    # The same edges sorted by passage, then entity.
    passage_starts: Keys
    passage_entity: Rows
    passage_kind: Kinds

    def place(self, entity: int) -> int:
        """Return where an entity stands, or -1 for one that is not there."""
        at = int(np.searchsorted(self.entities, entity))
        return at if at < len(self.entities) and self.entities[at] == entity else -1

    def naming(self, entity: int) -> Keys:
        """Return the keys of the passages that have an edge to an entity."""
        at = self.place(entity)
        if at < 0:
            return self.passages[:0]
        return self.passages[self.entity_passage[self.entity_starts[at] : self.entity_starts[at + 1]]]

    def row(self, passage: int) -> int:
        """Return where a passage stands, or -1 for one that is not there."""
        at = int(np.searchsorted(self.passages, passage))
        return at if at < len(self.passages) and self.passages[at] == passage else -1


def assemble(edges: Edges) -> Network:
    """Build the network; it depends on what the edges say and not on their order."""
    order = np.argsort(edges.passages)
    passages = edges.passages[order]
    rows: Rows = np.searchsorted(passages, edges.passage).astype(np.int32)
    entities, numbers = np.unique(edges.entity, return_inverse=True)
    kinds = edges.kind
    leads, is_edge = _worth_keeping(rows, kinds, numbers, len(entities))
    renumbered = np.cumsum(leads) - 1
    rows, kinds = rows[is_edge], kinds[is_edge]
    kept: Rows = renumbered[numbers[is_edge]].astype(np.int32)
    by_entity = np.lexsort((kinds, rows, kept))
    by_passage = np.lexsort((kinds, kept, rows))
    return Network(
        passages=passages,
        audiences=edges.audiences[order],
        entities=entities[leads],
        entity_starts=_starts(kept, int(leads.sum())),
        entity_passage=rows[by_entity],
        entity_kind=kinds[by_entity],
        passage_starts=_starts(rows, len(passages)),
        passage_entity=kept[by_passage],
        passage_kind=kinds[by_passage],
    )


def table_of(kinds: Collection[EdgeKind]) -> Flags:
    """Return a table that tells of each kind of edge whether it is one of these."""
    table = np.zeros(256, np.bool_)
    table[list(kinds)] = True
    return table


def neighbours_of(starts: Keys, numbers: Keys) -> tuple[Keys, Keys]:
    """Return the places of the edges of some entities or passages, and for each the position of whose it is."""
    first = starts[numbers]
    counts = starts[numbers + 1] - first
    whose = np.repeat(np.arange(len(numbers)), counts)
    before = np.cumsum(counts) - counts
    return np.arange(len(whose)) + (first - before)[whose], whose


def _worth_keeping(rows: Rows, kinds: Kinds, numbers: Keys, count: int) -> tuple[Flags, Flags]:
    """Return which entities can lead anywhere, whoever asks, and which edges are theirs."""
    owned = np.zeros(count, np.bool_)
    owned[numbers[IS_OWNING[kinds]]] = True
    counts = kinds != EdgeKind.MENTIONS_WITHIN
    pairs = np.unique(numbers[counts].astype(np.int64) << 32 | rows[counts])
    named = np.bincount(pairs >> 32, minlength=count)
    leads = owned | (named >= LEAST_PASSAGES)
    return leads, leads[numbers] & (counts | owned[numbers])


def _starts(sorted_by: Rows, count: int) -> Keys:
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(sorted_by, minlength=count), out=starts[1:])
    return starts


IS_OWNING = table_of(OWNING)
EMPTY = assemble(
    Edges(
        np.empty(0, np.int64),
        np.empty(0, np.int32),
        np.empty(0, np.int64),
        np.empty(0, np.uint8),
        np.empty(0, np.int64),
    )
)
