"""What a search of the graph has looked at: it is repeated on a view that takes notes."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipmate.knowledge.graph.cues import reading
from shipmate.knowledge.graph.names import called
from shipmate.knowledge.graph.seek import DEPTH, seek
from shipmate.knowledge.graph.view import DAMPING, FRONTIER, Sparse, Spot, View
from shipmate.messages import Hit, Led, Record
from shipmate.release.impact.evidence import Round

__all__ = ["TIE", "Walked", "walked"]

# What is so little less counts as equal.
TIE = 1e-9
TEXTS_KEPT = 4096


class Walked(Record, frozen=True, kw_only=True):
    """What a search of the graph found, and what it looked at, by key."""

    led: Led
    # From which it went on, or which it kept, and those from which it went on.
    passages: frozenset[int]
    leading: frozenset[int]
    rounds: tuple[Round, ...]
    names: frozenset[int]
    # The passages that are about what the question names.
    named: frozenset[int]


class Noting(View):
    """A view that notes from which passages and entities walks go on, and which texts are read for names."""

    def __init__(self, view: View) -> None:
        self.__dict__.update(view.__dict__)
        self._view = view
        self.seen_rows: set[int] = set()
        self.leading_rows: set[int] = set()
        self.shares: list[dict[int, float]] = []
        self.rounds: list[Round] = []
        self.texts: set[str] = set()
        self.spots = lru_cache(maxsize=None)(self._noted_spots)

    def walk(self, entities: Mapping[int, float], passages: Mapping[int, float]) -> Sparse:
        """Return where a walk mostly is; note where it began, and what is kept of it."""
        self.seen_rows.update(passages)
        found = super().walk(entities, passages)
        if self.shares:
            self._note(*found, DEPTH, self.shares[-1])
        return found

    def leading_entities(self, held: Sparse) -> Sparse:
        """Return those from which a walk goes on, and note them."""
        leading = super().leading_entities(held)
        whole = self.whole[leading[0]]
        shares = np.divide(DAMPING * leading[1], whole, out=np.zeros(len(whole)), where=whole > 0)
        keys = self.network.entities[leading[0]].tolist()
        self.shares.append(dict(zip(keys, shares.tolist(), strict=True)))
        return leading

    def leading_passages(self, held: Sparse) -> Sparse:
        """Return those from which a walk goes on, and note them."""
        # They hold what the round before this one has brought.
        self._note(*held, FRONTIER, self.shares[-2] if len(self.shares) > 1 else {})
        leading = super().leading_passages(held)
        self.leading_rows.update(leading[0].tolist())
        return leading

    def _noted_spots(self, text: str) -> tuple[Spot, ...]:
        self.texts.add(text)
        return self._view.spots(text)

    def _note(self, rows: NDArray[Any], masses: NDArray[Any], most: int, shares: Mapping[int, float]) -> None:
        """Note those that hold most, and all that hold as much as the last of them."""
        least = 0.0
        if len(rows) > most:
            least = np.partition(masses, len(masses) - most)[len(masses) - most]
            rows = rows[masses >= least * (1 - TIE)]
        self.rounds.append(Round(shares=shares, least=float(least)))
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
        leading=frozenset(network.passages[sorted(noting.leading_rows)].tolist()),
        rounds=tuple(noting.rounds),
        names=frozenset(names),
        named=frozenset(network.passages[sorted(_rows_named(question, view))].tolist()),
    )


def _rows_named(question: str, view: View) -> set[int]:
    (names,) = view.names([question])
    return {row for _, entity in names for row in view.pages(entity)}


@lru_cache(maxsize=TEXTS_KEPT)
def _names_in(text: str) -> frozenset[int]:
    return frozenset(name.key for run, _ in reading(text).names() for name in called(run))
