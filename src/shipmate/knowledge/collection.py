"""Documents that are searched together: their index, and beside it the graph and the vectors that follow it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from shipmate.ports import GraphStore, PassageIndex, TermStatistics

if TYPE_CHECKING:  # numpy takes its time to import, and a search that has no vectors needs none
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Collection", "Nearness", "statistics_of"]


class Nearness(Protocol):
    """What a search asks of vectors."""

    def search(
        self, vector: "NDArray[np.float32]", limit: int, groups: frozenset[str] = frozenset()
    ) -> dict[int, float]:
        """Return the cosines of the nearest passages that these groups may see, best first."""

    def cosines(self, vector: "NDArray[np.float32]", keys: Iterable[int]) -> dict[int, float]:
        """Return how near these passages are, as far as they have a vector."""

    def refresh(self) -> bool:
        """Look for a newer commit and read from it from now on; return whether there was one."""

    def __len__(self) -> int:
        """Return the number of vectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """One index with its legs; what its index does not hold, no leg of it can show."""

    index: PassageIndex
    graph: GraphStore | None = None
    vectors: Nearness | None = None
    # The groups that may know of it at all; empty: everyone.
    audience: tuple[str, ...] = ()

    def is_for(self, groups: frozenset[str]) -> bool:
        """Return whether somebody in these groups may know of it."""
        return not self.audience or not groups.isdisjoint(self.audience)

    @property
    def lacking(self) -> int:
        """Return how many passages have no vector yet, where there are vectors: words and graph alone find those."""
        if self.vectors is None:
            return 0
        return max(0, self.index.statistics.passage_count - len(self.vectors))

    def refresh(self) -> bool:
        """Read from the newest commit of each leg; return whether there was one.

        The index comes first: what it holds no more, no leg can show.
        """
        refreshed = [leg.refresh() for leg in (self.index, self.graph, self.vectors) if leg is not None]
        return any(refreshed)

    def close(self) -> None:
        """Give back what is open; idempotent."""
        if self.graph is not None:
            self.graph.close()


class Sum:
    """The term statistics of several indexes, as if they were one."""

    def __init__(self, parts: Sequence[TermStatistics]) -> None:
        self._parts = parts

    @property
    def passage_count(self) -> int:
        """Return the number of passages."""
        return sum(part.passage_count for part in self._parts)

    def document_frequency(self, stem: str) -> int:
        """Return the number of passages that hold the stem."""
        return sum(part.document_frequency(stem) for part in self._parts)


def statistics_of(collections: Sequence[Collection]) -> TermStatistics:
    """Return the term statistics of all passages of the collections."""
    parts = [collection.index.statistics for collection in collections]
    return parts[0] if len(parts) == 1 else Sum(parts)
