"""Estimates with their intervals: what a figure may be, and how sure that is."""

from collections.abc import Callable
from functools import lru_cache
from math import exp, lgamma, log, log1p, sqrt
from statistics import NormalDist
from typing import NamedTuple

__all__ = ["NORMAL", "Interval", "exact", "normal_interval", "wilson"]

NORMAL = NormalDist()


class Interval(NamedTuple):
    """An estimate, and the bounds between which the truth lies as often as was asked for."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}]"


def wilson(hits: float, of: float, *, confidence: float = 0.95) -> Interval:
    """Return the share of hits with Wilson's two-sided interval; of nothing, anything from 0 to 1 is possible."""
    if of <= 0:
        return Interval(0.0, 0.0, 1.0)
    z = NORMAL.inv_cdf((1 + confidence) / 2)
    share = hits / of
    centre = share + z * z / (2 * of)
    spread = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    # Rounding must not push a bound past the estimate or off the scale.
    return Interval(
        share, max(0.0, min((centre - spread) / scale, share)), min(1.0, max((centre + spread) / scale, share))
    )


@lru_cache(maxsize=4096)
def exact(hits: int, of: int, *, confidence: float = 0.95) -> Interval:
    """Return the share of hits with Clopper and Pearson's interval, which never holds the truth less often than said."""
    tail = (1 - confidence) / 2
    share = hits / of if of else 0.0
    low = _root(lambda p: 1 - _at_most(hits - 1, of, p) - tail) if hits else 0.0
    high = _root(lambda p: tail - _at_most(hits, of, p)) if hits < of else 1.0
    return Interval(share, low, high)


def _at_most(hits: int, of: int, p: float) -> float:
    """Return the probability of no more than so many hits."""
    start, odds, other = lgamma(of + 1), log(p), log1p(-p)
    return sum(exp(start - lgamma(k + 1) - lgamma(of - k + 1) + k * odds + (of - k) * other) for k in range(hits + 1))


def _root(rises: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if rises(middle) > 0 else (middle, high)
    return (low + high) / 2


def normal_interval(estimate: float, error: float, *, confidence: float = 0.95) -> Interval:
    """Return a two-sided interval of the normal distribution around an estimate with this standard error."""
    reach = NORMAL.inv_cdf((1 + confidence) / 2) * error
    return Interval(estimate, estimate - reach, estimate + reach)
