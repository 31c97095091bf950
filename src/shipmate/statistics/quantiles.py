"""The slow end: how much longer the slowest turns take, where one user's turns are alike."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shipmate.statistics.intervals import Interval

__all__ = ["quantile_gap", "quantile_of"]

DRAWS = 400
# So many weights are held at a time, to bound the memory.
CELLS_AT_ONCE = 1_000_000

Users = Sequence[Sequence[float]]


def quantile_of(users: Users, q: float) -> float | None:
    """Return the quantile over all values of all users; nothing where there are none."""
    values = [value for user in users for value in user]
    return float(np.quantile(values, q, method="inverted_cdf")) if values else None


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

    Nothing where one of them has no values. The same values and seed give the same interval.
    """
    ours, theirs = _Drawn(candidate, q), _Drawn(control, q)
    if not (ours.values.size and theirs.values.size):
        return None
    rng = np.random.default_rng(seed)
    gaps = ours.drawn(rng, draws) - scale * theirs.drawn(rng, draws)
    low, high = np.quantile(gaps, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(ours.whole() - scale * theirs.whole(), float(low), float(high))


class _Drawn:
    """Values in order, and whose each is: a draw weighs them and sorts nothing."""

    def __init__(self, users: Users, q: float) -> None:
        sizes = [len(user) for user in users if user]
        values = np.array([value for user in users for value in user], dtype=np.float64)
        order = np.argsort(values, kind="stable")
        self.values: NDArray[np.float64] = values[order]
        self._users = len(sizes)
        self._owner = np.repeat(np.arange(len(sizes)), sizes)[order]
        self._q = q

    def whole(self) -> float:
        return float(self._at(np.ones((1, self._users), dtype=np.int64))[0])

    def drawn(self, rng: np.random.Generator, draws: int) -> NDArray[np.float64]:
        """Return the quantile of so many draws of as many users."""
        even = np.full(self._users, 1 / self._users)
        at_once = max(1, CELLS_AT_ONCE // len(self.values))
        parts = [
            self._at(rng.multinomial(self._users, even, size=min(at_once, draws - done)))
            for done in range(0, draws, at_once)
        ]
        return np.concatenate(parts)

    def _at(self, times: NDArray[np.int64]) -> NDArray[np.float64]:
        weights = np.cumsum(times[:, self._owner], axis=1)
        found: NDArray[np.float64] = self.values[np.argmax(weights >= self._q * weights[:, -1:], axis=1)]
        return found
