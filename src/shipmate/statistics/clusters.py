"""Rates and their differences where one user does much: whoever is counted often is still one user.

A rate is a sum of outcomes over a sum of units, such as resolved issues over issues. Its standard error is taken over
users, not over units, from sums alone, so that no list of users has to be kept where the sums are.
"""

from collections.abc import Sequence
from math import inf, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Crossed", "Estimate", "Pair", "Sums", "difference", "effective", "pair_of", "rate", "scaled", "score"]


class Sums(NamedTuple):
    """One arm's sums over its users, where n are a user's units and y their outcome."""

    users: int = 0
    n: float = 0.0
    y: float = 0.0
    nn: float = 0.0
    ny: float = 0.0
    yy: float = 0.0


class Crossed(NamedTuple):
    """Sums of products over users who were in both arms, because the share grew: the candidate's factor comes first."""

    nn: float = 0.0
    ny: float = 0.0
    yn: float = 0.0
    yy: float = 0.0


class Pair(NamedTuple):
    """Both arms' sums of one measure."""

    candidate: Sums = Sums()
    control: Sums = Sums()
    crossed: Crossed = Crossed()


class Estimate(NamedTuple):
    """An estimate with its standard error."""

    value: float
    error: float


def pair_of(rows: Sequence[Sequence[float]] | NDArray[np.float64]) -> Pair:
    """Return the sums of users given as (n, y) in the candidate and (n, y) in the control, one row each."""
    table = np.asarray(rows, dtype=np.float64).reshape(-1, 4)
    total = table.sum(axis=0).tolist()
    product = (table.T @ table).tolist()
    seen = np.count_nonzero(table[:, [0, 2]], axis=0).tolist()
    return Pair(
        Sums(seen[0], total[0], total[1], product[0][0], product[0][1], product[1][1]),
        Sums(seen[1], total[2], total[3], product[2][2], product[2][3], product[3][3]),
        Crossed(product[0][2], product[0][3], product[1][2], product[1][3]),
    )


def rate(sums: Sums) -> Estimate:
    """Return the outcome per unit; with fewer than two users its error is infinite."""
    if sums.users < 2 or sums.n <= 0:
        return Estimate(sums.y / sums.n if sums.n > 0 else 0.0, inf)
    share = sums.y / sums.n
    return Estimate(share, sqrt(_variance(sums, share)))


def difference(pair: Pair) -> Estimate:
    """Return the candidate's rate less the control's; users who were in both arms count as what they are."""
    candidate, control = rate(pair.candidate), rate(pair.control)
    gain = candidate.value - control.value
    variance = candidate.error**2 + control.error**2
    if variance == inf:
        return Estimate(gain, variance)
    crossed = pair.crossed
    few = sqrt(_few(pair.candidate) * _few(pair.control))
    shared = few * (
        crossed.yy - control.value * crossed.yn - candidate.value * crossed.ny
        + candidate.value * control.value * crossed.nn
    ) / (pair.candidate.n * pair.control.n)  # fmt: skip
    return Estimate(gain, sqrt(max(0.0, variance - 2 * shared)))


def score(pair: Pair) -> Estimate:
    """Return the gain of a yes-or-no rate with the error that it has where both arms have the same rate.

    A rate that came out high by luck seems to vary less than it does, which makes the lucky look surer than they are;
    so what is to be promoted is held against the variance of the common rate.
    """
    candidate, control = rate(pair.candidate), rate(pair.control)
    spreads = [found.value * (1 - found.value) for found in (candidate, control)]
    plain = difference(pair)
    if plain.error in (0.0, inf) or 0.0 in spreads or 0.0 in (candidate.error, control.error):
        return plain
    ours, theirs = candidate.error**-2, control.error**-2
    common = (candidate.value * ours + control.value * theirs) / (ours + theirs)
    spread = common * (1 - common)
    own = candidate.error**2 * spread / spreads[0] + control.error**2 * spread / spreads[1]
    return Estimate(plain.value, plain.error * sqrt(own / (candidate.error**2 + control.error**2)))


def scaled(pair: Pair, factor: float) -> Pair:
    """Return the pair with the control's outcomes so many times as large: to ask for more or less than equality."""
    control, crossed = pair.control, pair.crossed
    return Pair(
        pair.candidate,
        control._replace(y=factor * control.y, ny=factor * control.ny, yy=factor**2 * control.yy),
        crossed._replace(ny=factor * crossed.ny, yy=factor * crossed.yy),
    )


def effective(sums: Sums) -> float:
    """Return how many independent units of yes or no would tell as much: 0 where all came out alike."""
    found = rate(sums)
    if found.error in (0.0, inf):
        return 0.0
    return found.value * (1 - found.value) / found.error**2


def _variance(sums: Sums, share: float) -> float:
    residual = sums.yy - 2 * share * sums.ny + share * share * sums.nn
    return max(0.0, residual) * _few(sums) / sums.n**2


def _few(sums: Sums) -> float:
    """Return by how much a variance over few users is too small."""
    return sums.users / (sums.users - 1)
