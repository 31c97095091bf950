"""How much a word tells: one table for all who ask about the words of the same question and the same passages."""

import math
from functools import lru_cache

from shipmate.knowledge.steps import in_octaves, in_thirtyseconds
from shipmate.ports import TermStatistics

__all__ = ["Telling", "telling_by"]

STEMS_KEPT = 100_000


class Telling(dict[str, float]):
    """How much a stem tells: the rarer in the documents, the more."""

    def __init__(self, statistics: TermStatistics) -> None:
        super().__init__()
        self._statistics = statistics
        self._count = in_thirtyseconds(statistics.passage_count)

    def __missing__(self, key: str) -> float:
        if len(self) >= STEMS_KEPT:
            self.clear()
        found = in_octaves(self._statistics.document_frequency(key))
        count = max(self._count, found)
        self[key] = weight = math.log(1 + (count - found + 0.5) / (found + 0.5))
        return weight


# Few: assistants in one process do not disturb each other, and a replaced index is let go.
_shared = lru_cache(maxsize=8)(Telling)


def telling_by(statistics: TermStatistics) -> Telling:
    """Return the table that everybody shares who has these statistics."""
    return _shared(statistics)  # type: ignore[arg-type]  # no protocol promises a hash, and every object has one
