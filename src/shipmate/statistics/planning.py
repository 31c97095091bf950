"""What can be shown with so much traffic, before any of it is spent; and what is left of a gain that won."""

from math import inf, sqrt

from shipmate.statistics.intervals import NORMAL

__all__ = ["information_needed", "least_effect", "overdispersion", "power", "shrunk"]


def overdispersion(units_per_user: float, correlation: float) -> float:
    """Return how many units of users who each have so many tell as much as one alone: the design effect."""
    return 1 + max(0.0, units_per_user - 1) * correlation


def information_needed(effect: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return one over the squared error at which a one-sided test finds this effect as often as `power`."""
    return ((NORMAL.inv_cdf(1 - alpha) + NORMAL.inv_cdf(power)) / effect) ** 2


def least_effect(information: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest effect that a one-sided test finds as often as `power`: the MDE."""
    if information <= 0:
        return inf
    return (NORMAL.inv_cdf(1 - alpha) + NORMAL.inv_cdf(power)) / sqrt(information)


def power(effect: float, information: float, *, alpha: float = 0.05) -> float:
    """Return how often a one-sided test finds this effect."""
    return NORMAL.cdf(effect * sqrt(information) - NORMAL.inv_cdf(1 - alpha))


def shrunk(gain: float, error: float) -> float:
    """Return what is to be expected of a gain that was chosen because it was seen: less, the less sure it was.

    Only what wins is looked at, so chance has helped it more often than not. James and Stein's shrinking, cut at 0.
    """
    if gain == 0:
        return 0.0
    return gain * max(0.0, 1 - (error / gain) ** 2)
