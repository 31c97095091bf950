"""Running sums for each user, and for each user and hour: what is counted twice, or taken back, leaves no trace."""

from collections import Counter
from typing import NamedTuple

import numpy as np

from shipmate.release.canary.counts import HarmCount, Split
from shipmate.release.canary.known import Seen
from shipmate.statistics.clusters import Pair, pair_of

__all__ = ["HarmTally", "Table"]

BEGINNING = 64
# What is left of a sum after all of it was taken back.
NOTHING = 1e-9


class Table:
    """One measure: for each user, units and outcome in each arm."""

    def __init__(self) -> None:
        self._sums = np.zeros((BEGINNING, 4))

    def add(self, user: int, n: float, y: float, *, is_candidate: bool) -> None:
        """Count units of a user, who is known by a number, and their outcome; or take them back."""
        while user >= len(self._sums):
            self._sums = np.concatenate([self._sums, np.zeros((len(self._sums) // 4, 4))])
        column = 0 if is_candidate else 2
        self._sums[user, column : column + 2] += (n, y)
        if abs(self._sums[user, column]) < NOTHING:
            self._sums[user, column : column + 2] = 0

    @property
    def pair(self) -> Pair:
        """Return the sums over users."""
        return pair_of(self._sums)


class Cell(NamedTuple):
    """Where a bad event counts: once for a user, an hour and an arm."""

    user: int
    hour: int
    is_candidate: bool
    share: float


class HarmTally:
    """Bad events of one kind."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._cells: dict[Cell, set[str]] = {}

    def add(self, source: str, seen: Seen, share: float) -> None:
        """Count what `source` names: a turn, or an event. Named again, it counts once."""
        cell = Cell(seen.user, seen.hour, seen.is_candidate, share)
        self._cells.setdefault(cell, set()).add(source)

    def remove(self, source: str, seen: Seen, share: float) -> None:
        """Take back what was counted."""
        cell = Cell(seen.user, seen.hour, seen.is_candidate, share)
        sources = self._cells.get(cell, set())
        sources.discard(source)
        if not sources:
            self._cells.pop(cell, None)

    @property
    def count(self) -> HarmCount:
        """Return the events by share and arm."""
        arms = Counter((cell.share, cell.is_candidate) for cell in self._cells)
        users = Counter(cell.user for cell in self._cells)
        splits = tuple(
            Split(share=share, candidate=arms[share, True], control=arms[share, False])
            for share in sorted({share for share, _ in arms})
        )
        return HarmCount(kind=self._kind, splits=splits, squares=float(sum(n * n for n in users.values())))
