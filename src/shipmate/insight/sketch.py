"""How long things took, in little memory: the quantiles of any number of values, each true within one percent."""

from array import array
from collections import Counter
from math import ceil, exp, floor, log, sqrt

import numpy as np

from shipmate.statistics.intervals import NORMAL, Interval

__all__ = ["Sketch"]

# Two bounds of a bucket differ by two percent, so that its middle is within one of every value in it.
WIDTH = log(1.02)
LEAST = 1e-6
# So many values are counted together, which is much faster than one by one.
AT_ONCE = 4096


class Sketch:
    """Values above zero, counted in buckets that widen with the value."""

    def __init__(self) -> None:
        self._counted: Counter[int] = Counter()
        self._waiting = array("d")
        self.n = 0

    def add(self, value: float) -> None:
        """Count a value."""
        self._waiting.append(value)
        self.n += 1
        if len(self._waiting) == AT_ONCE:
            self._count()

    def update(self, other: "Sketch") -> None:
        """Count all that another one has counted."""
        self._counted.update(other.counts)
        self.n += other.n

    @property
    def counts(self) -> Counter[int]:
        """Return how many values each bucket holds."""
        self._count()
        return self._counted

    def quantile(self, q: float) -> Interval | None:
        """Return a quantile with its 95 % interval; nothing where there are too few values for its upper bound."""
        reach = NORMAL.inv_cdf(0.975) * sqrt(self.n * q * (1 - q))
        low, high = floor(self.n * q - reach), ceil(self.n * q + reach)
        if low < 1 or high >= self.n:
            return None
        at = self._values((low, ceil(self.n * q), high + 1))
        return Interval(at[1], at[0], at[2])

    def _count(self) -> None:
        if self._waiting:
            logs = np.log(np.maximum(np.frombuffer(self._waiting), LEAST))
            buckets, counts = np.unique(np.floor(logs / WIDTH).astype(int), return_counts=True)
            self._counted.update(dict(zip(buckets.tolist(), counts.tolist(), strict=True)))
            self._waiting = array("d")

    def _values(self, ranks: tuple[int, ...]) -> list[float]:
        """Return the values at these ranks, from 1, ascending."""
        found: list[float] = []
        passed = 0
        for bucket, count in sorted(self.counts.items()):
            passed += count
            while len(found) < len(ranks) and ranks[len(found)] <= passed:
                found.append(exp((bucket + 0.5) * WIDTH))
        return found
