"""What a judge that errs says of the truth, once people have labelled some of what it flagged and some of the rest.

A judge's own rate is a sum of what it catches and of what it takes for bad. So labels are drawn from both strata, the
flagged and the unflagged, and weighed by how large the strata are.
"""

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

from shipmate.statistics.clusters import Estimate
from shipmate.statistics.intervals import NORMAL, Interval, exact

__all__ = ["Audited", "Calibration", "Stratum", "calibration", "corrected_mean", "excess", "judged_rate"]


class Stratum(NamedTuple):
    """What people said of turns of which the judge said the same."""

    labelled: int
    bad: int


class Audited(NamedTuple):
    """Units drawn at random and read by people: the sum of their label less the recorded one, and of its square."""

    units: int
    total: float
    squares: float


class Calibration(NamedTuple):
    """How far a judge is to be believed."""

    # Of bad turns, how many it flags; of good ones, how many it does not; of flagged ones, how many are bad.
    sensitivity: Interval
    specificity: Interval
    precision: Interval

    @property
    def power(self) -> float:
        """Return by how much the flag rate rises for each bad turn in the place of a good one."""
        return self.sensitivity.estimate + self.specificity.estimate - 1


def corrected_mean(recorded: Estimate, audited: Audited) -> Estimate:
    """Return the mean of what was recorded, corrected by what people said of a sample; unknown without two of them."""
    if audited.units < 2:
        return Estimate(recorded.value, float("inf"))
    bias = audited.total / audited.units
    spread = max(0.0, audited.squares - audited.units * bias * bias) / (audited.units - 1)
    return Estimate(recorded.value + bias, sqrt(recorded.error**2 + spread / audited.units))


def judged_rate(flags: Estimate, flagged: Stratum, unflagged: Stratum, *, confidence: float = 0.95) -> Interval:
    """Return the true rate of bad turns, from the judge's flag rate and people's labels of both strata."""

    def rate(share: float, precision: float, missed: float) -> float:
        return share * precision + (1 - share) * missed

    return _recovered(rate, _limits(flags, flagged, unflagged, confidence))


def calibration(flags: Estimate, flagged: Stratum, unflagged: Stratum, *, confidence: float = 0.95) -> Calibration:
    """Return the judge's sensitivity, specificity and precision, each with its interval."""

    def sensitivity(share: float, precision: float, missed: float) -> float:
        caught, lost = share * precision, (1 - share) * missed
        return caught / (caught + lost) if caught + lost else 1.0

    def specificity(share: float, precision: float, missed: float) -> float:
        wrong, right = share * (1 - precision), (1 - share) * (1 - missed)
        return right / (right + wrong) if right + wrong else 1.0

    limits = _limits(flags, flagged, unflagged, confidence)
    return Calibration(_recovered(sensitivity, limits), _recovered(specificity, limits), limits[1])


def excess(gain: Estimate, power: Estimate, margin: float) -> Estimate:
    """Return the difference of two flag rates, less that of a true difference of `margin`, with its error.

    Negative beyond its error: the true difference is smaller than the margin. The true difference is the one of the
    flag rates divided by sensitivity + specificity - 1; to multiply the margin instead needs no division by what may
    be small, and counts that what the judge is worth is only known so well.
    """
    return Estimate(gain.value - margin * power.value, sqrt(gain.error**2 + (margin * power.error) ** 2))


def _limits(flags: Estimate, flagged: Stratum, unflagged: Stratum, confidence: float) -> tuple[Interval, ...]:
    reach = NORMAL.inv_cdf((1 + confidence) / 2) * flags.error
    share = Interval(flags.value, max(0.0, flags.value - reach), min(1.0, flags.value + reach))
    return (
        share,
        exact(flagged.bad, flagged.labelled, confidence=confidence),
        exact(unflagged.bad, unflagged.labelled, confidence=confidence),
    )


def _recovered(of: Callable[..., float], limits: tuple[Interval, ...]) -> Interval:
    """Return the interval of a function of independent estimates, from how far each of their intervals moves it."""
    points = [limit.estimate for limit in limits]
    centre = of(*points)
    below = above = 0.0
    for place, limit in enumerate(limits):
        moved = [of(*points[:place], end, *points[place + 1 :]) - centre for end in (limit.low, limit.high)]
        below += min(0.0, *moved) ** 2
        above += max(0.0, *moved) ** 2
    return Interval(centre, max(0.0, centre - sqrt(below)), min(1.0, centre + sqrt(above)))
