"""How long things took, in little memory: the quantiles of any number of values, each true within one percent."""

from collections import Counter
from math import ceil, exp, floor, log, sqrt

from shipmate.statistics.intervals import NORMAL, Interval

__all__ = ["Sketch"]

# Two bounds of a bucket differ by two percent, so that its middle is within one of every value in it.
WIDTH = log(1.02)
LEAST = 1e-6


class Sketch:
    """Values above zero, counted in buckets that widen with the value."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.n = 0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[floor(log(max(value, LEAST)) / WIDTH)] += 1
        self.n += 1

    def update(self, other: "Sketch") -> None:
        """Count all that another one has counted."""
        self.counts.update(other.counts)
        self.n += other.n

    def quantile(self, q: float) -> Interval | None:
        """Return a quantile with its 95 % interval; nothing where there are too few values for its upper bound."""
        reach = NORMAL.inv_cdf(0.975) * sqrt(self.n * q * (1 - q))
        low, high = floor(self.n * q - reach), ceil(self.n * q + reach)
        if low < 1 or high >= self.n:
            return None
        at = self._values((low, ceil(self.n * q), high + 1))
        return Interval(at[1], at[0], at[2])

    def _values(self, ranks: tuple[int, ...]) -> list[float]:
        """Return the values at these ranks, from 1, ascending."""
        found: list[float] = []
        passed = 0
        for bucket in sorted(self.counts):
            passed += self.counts[bucket]
            while len(found) < len(ranks) and ranks[len(found)] <= passed:
                found.append(exp((bucket + 0.5) * WIDTH))
        return found
