"""Running sums for each user, and for each user and hour: what is counted twice, or taken back, leaves no trace."""

from collections import Counter
from typing import NamedTuple

import numpy as np

from shipmate.release.canary.counts import HarmCount, Split
from shipmate.statistics.clusters import Pair, pair_of

__all__ = ["HarmTally", "Seen", "Table"]

HOUR_S = 3600
BEGINNING = 64
# What is left of a sum after all of it was taken back.
NOTHING = 1e-9


class Seen(NamedTuple):
    """A turn of the run."""

    is_candidate: bool
    user: str
    at: float
    # The candidate's share at that moment.
    share: float
    # What answers it: only these does the judge see.
    is_judged: bool

    @property
    def weight(self) -> float:
        """Return by how much each of its units counts: so both arms weigh every hour alike while the share grows."""
        return 1 - self.share if self.is_candidate else self.share


class Table:
    """One measure: for each user, units and outcome in each arm."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._sums = np.zeros((BEGINNING, 4))

    def add(self, user: str, n: float, y: float, *, is_candidate: bool) -> None:
        """Count units and their outcome, or take them back."""
        row = self._rows.setdefault(user, len(self._rows))
        if row == len(self._sums):
            self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
        column = 0 if is_candidate else 2
        self._sums[row, column : column + 2] += (n, y)
        if abs(self._sums[row, column]) < NOTHING:
            self._sums[row, column : column + 2] = 0

    @property
    def pair(self) -> Pair:
        """Return the sums over users."""
        return pair_of(self._sums[: len(self._rows)])


class Cell(NamedTuple):
    """Where a bad event counts: once for a user, an hour and an arm."""

    user: str
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
        cell = Cell(seen.user, int(seen.at // HOUR_S), seen.is_candidate, share)
        self._cells.setdefault(cell, set()).add(source)

    def remove(self, source: str, seen: Seen, share: float) -> None:
        """Take back what was counted."""
        cell = Cell(seen.user, int(seen.at // HOUR_S), seen.is_candidate, share)
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
