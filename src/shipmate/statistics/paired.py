"""Two answers to the same question: what the one gains over the other."""

from collections.abc import Hashable, Sequence
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipmate.statistics.intervals import Interval

__all__ = ["mcnemar", "paired_bootstrap"]

DRAWS = 4_000
# So many counts are drawn at a time, to bound the memory.
CELLS_AT_ONCE = 4_000_000


def paired_bootstrap(
    differences: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    confidence: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """Return the mean of paired differences with its two-sided percentile interval, drawn by cluster.

    What belongs to one cluster, such as the epochs of a case or the cases of a dialogue, is drawn together; without
    clusters each difference stands alone. Of nothing, anything from -1 to 1 is possible. The same differences and seed give the same interval.
    """
    if not differences:
        return Interval(0.0, -1.0, 1.0)
    kinds, alike = np.unique(np.column_stack(_by_cluster(differences, clusters)), axis=0, return_counts=True)
    sums, sizes = kinds.T
    rng = np.random.default_rng(seed)
    means = []
    for size in _batches(draws, len(kinds)):
        # Clusters that are alike are drawn together: which of them it is makes no difference.
        counts = rng.multinomial(alike.sum(), alike / alike.sum(), size=size)
        means.append((counts @ sums) / (counts @ sizes))
    low, high = np.quantile(np.concatenate(means), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float((alike @ sums) / (alike @ sizes)), float(low), float(high))


def _by_cluster(
    differences: Sequence[float], clusters: Sequence[Hashable] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values = np.asarray(differences, dtype=np.float64)
    if clusters is None:
        return values, np.ones(len(values))
    places: dict[Any, int] = {}
    at = np.array([places.setdefault(cluster, len(places)) for cluster in clusters])
    return np.bincount(at, values).astype(np.float64), np.bincount(at).astype(np.float64)


def _batches(draws: int, width: int) -> list[int]:
    most = max(1, CELLS_AT_ONCE // width)
    return [min(most, draws - done) for done in range(0, draws, most)]


def mcnemar(gained: int, lost: int) -> float:
    """Return the exact two-sided p-value that pairs which differ go either way equally often."""
    pairs = gained + lost
    tail = sum(comb(pairs, count) for count in range(min(gained, lost) + 1))
    # Whole numbers, divided last: no size of the set overflows.
    return min(1.0, float(2 * tail / 2**pairs))
