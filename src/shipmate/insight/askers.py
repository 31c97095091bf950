"""How much less sure a figure is because some people ask often: whoever is counted ten times is still one person."""

from zlib import crc32

import numpy as np

from shipmate.insight.labels import FAST, LATE, Window
from shipmate.statistics.clusters import pair_of, rate

__all__ = ["Askers", "Crowd"]

# The sums of so many people are kept at most; of more, a part that is drawn by their hash.
MOST = 20_000
ALL = 2**32
# Of fewer people nothing is known of how they differ, and each counts as one.
FEW = 10
# How alike one person's outcomes are, where none of them tells: all came out the same.
LIKENESS = 0.15


class Askers:
    """Sums by person of one measure: units, outcome, and the square of each unit's outcome."""

    def __init__(self) -> None:
        self._sums: dict[str, list[float]] = {}
        self._below = ALL

    def __len__(self) -> int:
        return len(self._sums)

    def add(self, user: str, n: float, y: float, yy: float) -> None:
        """Count units of a person."""
        sums = self._sums.get(user)
        if sums is None:
            if not user or crc32(user.encode()) >= self._below:
                return
            sums = self._sums[user] = [0.0, 0.0, 0.0]
            if len(self._sums) > MOST:
                self._draw(self._below // 2)
        sums[0] += n
        sums[1] += y
        sums[2] += yy

    def update(self, other: "Askers") -> None:
        """Count all that another one has counted."""
        self._draw(min(self._below, other._below))  # noqa: SLF001 - of the same class
        for user, sums in other._sums.items():  # noqa: SLF001 - of the same class
            self.add(user, *sums)

    @property
    def design_effect(self) -> float:
        """Return by how much the variance is larger than it would be if every unit were somebody else's."""
        sums = np.array([sums for sums in self._sums.values() if sums[0] > 0], dtype=np.float64).reshape(-1, 3)
        n, y, yy = map(float, sums.sum(axis=0))
        if not n:
            return 1.0
        each = float((sums[:, 0] ** 2).sum()) / n
        if len(sums) < FEW:
            return max(1.0, each)
        mean = y / n
        plain = (yy / n - mean * mean) / n
        if plain <= 0:
            return 1 + LIKENESS * max(0.0, each - 1)
        clustered = pair_of(np.column_stack((sums[:, :2], np.zeros((len(sums), 2)))))
        return max(1.0, rate(clustered.candidate).error ** 2 / plain)

    def _draw(self, below: int) -> None:
        if below < self._below:
            self._below = below
            self._sums = {user: sums for user, sums in self._sums.items() if crc32(user.encode()) < below}


class Crowd:
    """Who has asked one release, or several together."""

    def __init__(self) -> None:
        self.solved: dict[Window, Askers] = {FAST: Askers(), LATE: Askers()}
        self.cost = Askers()

    def update(self, other: "Crowd") -> None:
        """Count all that another one has counted."""
        self.cost.update(other.cost)
        for window, askers in self.solved.items():
            askers.update(other.solved[window])
