"""What a search of the graph has looked at: it is repeated on a view that takes notes."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipmate.knowledge.graph.cues import reading
from shipmate.knowledge.graph.names import called
from shipmate.knowledge.graph.seek import DEPTH, seek
from shipmate.knowledge.graph.view import FRONTIER, Sparse, Spot, View
from shipmate.messages import Hit, Led, Record

__all__ = ["Walked", "walked"]

# What is so little less counts as equal.
TIE = 1e-9
TEXTS_KEPT = 4096


class Walked(Record, frozen=True, kw_only=True):
    """What a search of the graph found, and what it looked at, by key."""

    led: Led
    # From which it went on, or which it kept.
    passages: frozenset[int]
    entities: frozenset[int]
    names: frozenset[int]
    # The passages that are about what the question names.
    named: frozenset[int]


class Noting(View):
    """A view that notes from which passages and entities walks go on, and which texts are read for names."""

    def __init__(self, view: View) -> None:
        self.__dict__.update(view.__dict__)
        self._view = view
        self.seen_rows: set[int] = set()
        self.walked_entities: set[int] = set()
        self.texts: set[str] = set()
        self.spots = lru_cache(maxsize=None)(self._noted_spots)

    def walk(self, entities: Mapping[int, float], passages: Mapping[int, float]) -> Sparse:
        """Return where a walk mostly is; note where it began, and what is kept of it."""
        self.seen_rows.update(passages)
        found = super().walk(entities, passages)
        self._note(*found, DEPTH)
        return found

    def leading_entities(self, held: Sparse) -> Sparse:
        """Return those from which a walk goes on, and note them."""
        leading = super().leading_entities(held)
        self.walked_entities.update(leading[0].tolist())
        return leading

    def leading_passages(self, held: Sparse) -> Sparse:
        """Return those from which a walk goes on, and note them."""
        self._note(*held, FRONTIER)
        return super().leading_passages(held)

    def _noted_spots(self, text: str) -> tuple[Spot, ...]:
        self.texts.add(text)
        return self._view.spots(text)

    def _note(self, rows: NDArray[Any], masses: NDArray[Any], most: int) -> None:
        """Note those that hold most, and all that hold as much as the last of them."""
        if len(rows) > most:
            least = np.partition(masses, len(masses) - most)[len(masses) - most]
            rows = rows[masses >= least * (1 - TIE)]
        self.seen_rows.update(rows.tolist())


def walked(question: str, hits: Sequence[Hit], view: View) -> Walked:
    """Search the graph as `seek` does, and note what it looks at."""
    noting = Noting(view)
    led = seek(question, hits, noting)
    network = view.network
    names = {name.key for name in called(question)}
    for text in noting.texts:
        names.update(_names_in(text))
    return Walked(
        led=led,
        passages=frozenset(network.passages[sorted(noting.seen_rows)].tolist()).union(led.scores),
        entities=frozenset(network.entities[sorted(noting.walked_entities)].tolist()),
        names=frozenset(names),
        named=frozenset(network.passages[sorted(_rows_named(question, view))].tolist()),
    )


def _rows_named(question: str, view: View) -> set[int]:
    (names,) = view.names([question])
    return {row for _, entity in names for row in view.pages(entity)}


@lru_cache(maxsize=TEXTS_KEPT)
def _names_in(text: str) -> frozenset[int]:
    return frozenset(name.key for run, _ in reading(text).names() for name in called(run))
