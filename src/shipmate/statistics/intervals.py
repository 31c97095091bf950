"""Estimates with their intervals: what a figure may be, and how sure that is."""

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

__all__ = ["NORMAL", "Interval", "normal_interval", "wilson"]

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


def normal_interval(estimate: float, error: float, *, confidence: float = 0.95) -> Interval:
    """Return a two-sided interval of the normal distribution around an estimate with this standard error."""
    reach = NORMAL.inv_cdf((1 + confidence) / 2) * error
    return Interval(estimate, estimate - reach, estimate + reach)
