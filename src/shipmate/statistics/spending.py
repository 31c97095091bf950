"""Group-sequential bounds: to look often, and be wrong no more often than somebody who looks once.

Lan and DeMets' spending of the level by the O'Brien-Fleming-like function, one-sided: little early, most of it at the
end. The bounds follow from the information at each look, so looks may come at any time and in any number.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import erfc, inf, sqrt

import numpy as np
from numpy.typing import NDArray

from shipmate.statistics.intervals import NORMAL

__all__ = ["next_bound", "spent"]

# Beyond so many standard errors there is nothing.
REACH = 8.0
# What is spent below this is nothing.
NOTHING = 1e-10
MOST_NODES = 640
# A bound is found to within 8 / 2**26.
HALVINGS = 26


def spent(fraction: float, alpha: float) -> float:
    """Return how much of the level may be spent when this fraction of the planned information has come in."""
    if fraction <= 0:
        return 0.0
    half = NORMAL.inv_cdf(1 - alpha / 2)
    return min(alpha, 2 * _above(half / sqrt(min(1.0, fraction))))


def next_bound(informations: Sequence[float], bounds: Sequence[float], level: float) -> float:
    """Return the bound on the z scale of the last look, at which so much of the level may be spent.

    `informations` names all looks up to the last one, ascending; `bounds` those before it, of which each was not
    reached. Infinite when nothing may be spent.
    """
    if level <= NOTHING:
        return inf
    density = _before(informations, bounds)
    low, high = 0.0, REACH
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _crossing(density, informations[-1], middle) > level:
            low = middle
        else:
            high = middle
    return high


class _Density:
    """Where the running sum may stand at a look, of those that have reached no bound: points, and the mass at each."""

    def __init__(self, information: float, points: NDArray[np.float64], mass: NDArray[np.float64]) -> None:
        self.information = information
        self.points = points
        self.mass = mass


def _before(informations: Sequence[float], bounds: Sequence[float]) -> _Density:
    """Carry the sum from bound to bound; a look at which nothing could be reached changes nothing."""
    density = _Density(0.0, np.zeros(1), np.ones(1))
    cut = [look for look, bound in enumerate(bounds) if bound < REACH]
    for place, look in enumerate(cut):
        following = informations[cut[place + 1] if place + 1 < len(cut) else -1]
        density = _carried(density, informations[look], bounds[look], following - informations[look])
    return density


def _carried(density: _Density, information: float, bound: float, following: float) -> _Density:
    scale = sqrt(information)
    # As fine as the next step needs that is taken from here.
    finest = sqrt(max(following, information * 1e-4) / information)
    nodes, weights = _legendre(min(MOST_NODES, max(48, 16 * round(1.8 * (REACH + bound) / finest / 16))))
    low, high = -REACH * scale, bound * scale
    points = (high - low) / 2 * nodes + (high + low) / 2
    step = sqrt(information - density.information)
    kernel = np.exp(-(((points[:, None] - density.points[None, :]) / step) ** 2) / 2)
    mass = kernel @ density.mass / (step * sqrt(2 * np.pi)) * weights * (high - low) / 2
    return _Density(information, points, mass)


@lru_cache(maxsize=64)
def _legendre(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return nodes, weights


def _crossing(density: _Density, information: float, bound: float) -> float:
    step = sqrt(information - density.information)
    return float(density.mass @ _tails((bound * sqrt(information) - density.points) / step))


def _tails(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([_above(float(value)) for value in z])


def _above(z: float) -> float:
    return erfc(z / sqrt(2)) / 2
