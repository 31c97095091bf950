"""Group-sequential bounds: to look often, and be wrong no more often than somebody who looks once.

Lan and DeMets' spending of the level by the O'Brien-Fleming-like function, one-sided: little early, most of it at the
end. The bounds follow from the information at each look, so looks may come at any time and in any number.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import erfc, pi, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shipmate.statistics.intervals import NORMAL

__all__ = ["GROWTH", "next_bound", "spent"]

# Looks count as different when at least so much information has come in between.
GROWTH = 1.02
# Above so many standard errors there is nothing; below so many, nothing that comes back in time.
REACH = 8.0
DEPTH = 6.0
# What is spent below this is nothing.
NOTHING = 1e-10
# Points for each standard error: as many as a step of the least growth needs.
FINENESS = 14
# A bound is looked for until it is so close, in so many steps at most.
CLOSE = 1e-6
STEPS = 30


def spent(fraction: float, alpha: float) -> float:
    """Return how much of the level may be spent when this fraction of the planned information has come in."""
    if fraction <= 0:
        return 0.0
    half = NORMAL.inv_cdf(1 - alpha / 2)
    return min(alpha, 2 * _above(half / sqrt(min(1.0, fraction))))


def next_bound(informations: Sequence[float], bounds: Sequence[float], level: float) -> float:
    """Return the bound on the z scale of the last look, at which so much of the level may be spent.

    `informations` names all looks up to the last one, each `GROWTH` times the one before at least; `bounds` those of
    the looks before, none of which was reached. Where nothing may be spent, it lies out of reach, at 8.
    """
    if level <= NOTHING:
        return REACH
    cut = tuple((look, bound) for look, bound in zip(informations, bounds, strict=False) if bound < REACH)
    density = _density(cut)
    wanted = -NORMAL.inv_cdf(level)
    # On this scale the bound and what it lets through are nearly a straight line.
    one, other = wanted, wanted - 0.1
    miss, next_miss = (_miss(density, informations[-1], at, wanted) for at in (one, other))
    for _ in range(STEPS):
        if abs(next_miss) < CLOSE:
            break
        one, other, miss = other, other - next_miss * (other - one) / (next_miss - miss), next_miss
        next_miss = _miss(density, informations[-1], other, wanted)
    return min(REACH, other)


class _Density(NamedTuple):
    """Where the running sum may stand at a look, of those that have reached no bound: points, and the mass at each."""

    information: float
    points: NDArray[np.float64]
    mass: NDArray[np.float64]


@lru_cache(maxsize=256)
def _density(looks: tuple[tuple[float, float], ...]) -> _Density:
    """Carry the sum from bound to bound; the looks before the last are those that were asked for the last time."""
    if not looks:
        return _Density(0.0, np.zeros(1), np.ones(1))
    before = _density(looks[:-1])
    information, bound = looks[-1]
    scale = sqrt(information)
    nodes, weights = _legendre(round(FINENESS * (DEPTH + bound)))
    points = scale * ((bound + DEPTH) / 2 * nodes + (bound - DEPTH) / 2)
    step = sqrt(information - before.information)
    kernel = np.exp(-(((points[:, None] - before.points[None, :]) / step) ** 2) / 2)
    mass = kernel @ before.mass / (step * sqrt(2 * pi)) * weights * scale * (bound + DEPTH) / 2
    return _Density(information, points, mass)


@lru_cache(maxsize=64)
def _legendre(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return nodes, weights


def _miss(density: _Density, information: float, bound: float, wanted: float) -> float:
    """Return by how much, on the z scale, the bound lets less through than is wanted."""
    step = sqrt(information - density.information)
    tails = [_above(z) for z in ((bound * sqrt(information) - density.points) / step).tolist()]
    return -NORMAL.inv_cdf(float(density.mass @ tails)) - wanted


def _above(z: float) -> float:
    return erfc(z / sqrt(2)) / 2
