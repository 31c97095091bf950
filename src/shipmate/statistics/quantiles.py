"""The slow end: how much longer the slowest turns take, where one user's turns are alike."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shipmate.statistics.intervals import Interval

__all__ = ["quantile_gap", "quantile_of"]

DRAWS = 200
FEWEST_USERS = 30
# Of the values above the quantile, so many times as many are kept, and never fewer than so many.
KEPT = 4
FEWEST_KEPT = 600

# Hashable, because the same samples are asked for again and again while a trial goes on.
Users = tuple[tuple[float, ...], ...]


def quantile_of(users: Users, q: float) -> float | None:
    """Return the quantile over all values of all users; nothing where there are none."""
    values = [value for user in users for value in user]
    return float(np.quantile(values, q, method="inverted_cdf")) if values else None


@lru_cache(maxsize=8)
def quantile_gap(
    candidate: Users,
    control: Users,
    *,
    q: float = 0.95,
    scale: float = 1.0,
    confidence: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval | None:
    """Return the candidate's quantile less `scale` times the control's, with its interval, drawn by user.

    Nothing where one of them has values of fewer than thirty users: what is slow for few tells nothing. The same values and seed give the same interval.
    """
    ours, theirs = _Drawn(candidate, q), _Drawn(control, q)
    if min(ours.users, theirs.users) < FEWEST_USERS:
        return None
    rng = np.random.default_rng(seed)
    gaps = ours.drawn(rng, draws) - scale * theirs.drawn(rng, draws)
    low, high = np.quantile(gaps, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(ours.whole() - scale * theirs.whole(), float(low), float(high))


class _Drawn:
    """The highest values in order, and whose each is: a draw weighs them, and sorts nothing."""

    def __init__(self, users: Users, q: float) -> None:
        sizes = [len(user) for user in users if user]
        values = np.array([value for user in users for value in user], dtype=np.float64)
        # The quantile of a draw lies far above what is left out.
        kept = max(FEWEST_KEPT, int(KEPT * (1 - q) * len(values)))
        order = np.argsort(values, kind="stable")[-kept:]
        self.values: NDArray[np.float64] = values[order]
        self._sizes = np.array(sizes, dtype=np.int64)
        self._owner = np.repeat(np.arange(len(sizes)), sizes)[order]
        self._q = q

    @property
    def users(self) -> int:
        return len(self._sizes)

    def whole(self) -> float:
        return float(self._at(np.ones((1, self.users), dtype=np.int64))[0])

    def drawn(self, rng: np.random.Generator, draws: int) -> NDArray[np.float64]:
        """Return the quantile of so many draws of as many users."""
        users = self.users
        drawn = rng.integers(users, size=(draws, users)) + np.arange(draws)[:, None] * users
        return self._at(np.bincount(drawn.ravel(), minlength=draws * users).reshape(draws, users))

    def _at(self, times: NDArray[np.int64]) -> NDArray[np.float64]:
        weights = times[:, self._owner]
        total = times @ self._sizes
        # What lies at or below a value is all that does not lie above it.
        reached = total[:, None] - weights.sum(axis=1, keepdims=True) + np.cumsum(weights, axis=1)
        found: NDArray[np.float64] = self.values[np.argmax(reached >= self._q * total[:, None], axis=1)]
        return found
