"""Tests that may be looked at, and acted upon, at any moment: watching them does not make them wrong more often.

Evidence is an e-value: on average at most 1 where there is nothing, so that it reaches 1 / alpha with probability
alpha at most, however often it is looked at.
"""

from collections.abc import Iterable
from functools import lru_cache
from math import exp, log, sqrt

from shipmate.statistics.clusters import Estimate
from shipmate.statistics.intervals import Interval

__all__ = ["HARMFUL", "MISMATCHED", "confidence_sequence", "share_evidence"]

# The ratios of the candidate's rate to the control's that are looked for, and how far each is believed beforehand: what
# does much harm is to be found at once, and what does little leaves more time.
HARMFUL = ((1.4, 0.05), (2.0, 0.10), (3.0, 0.15), (5.0, 0.45), (8.0, 0.25))
SIZES = (0.05, 0.12, 0.25, 0.5, 1.0)
# Of a share that is not the one that was set; in either direction.
MISMATCHED = tuple((exp(sign * size), 1 / (2 * len(SIZES))) for size in SIZES for sign in (-1, 1))

# A ratio, and its weight.
Ratios = tuple[tuple[float, float], ...]


def share_evidence(
    splits: Iterable[tuple[float, int, int]], ratios: Ratios = HARMFUL, *, overcount: float = 1.0
) -> float:
    """Return the evidence that the candidate has more of these events than its share of the traffic explains.

    Each split is the candidate's share, and the events in the candidate and in the control while it had that share;
    the share may change from one event to the next, as long as it does not look at the events to come.
    Mixed over ratios of the two rates by their weights, which add up to 1; with ratios on both sides of 1, the evidence
    of any difference.
    Where events come in clusters, such as several of one user, `overcount` is how many count as one.
    """
    logs = [0.0] * len(ratios)
    for share, candidate, control in splits:
        events = candidate + control
        for place, (of_candidate, of_all) in enumerate(_log_factors(share, ratios)):
            logs[place] += candidate * of_candidate - events * of_all
    logs = [log(weight) + value / overcount for (_, weight), value in zip(ratios, logs, strict=True)]
    top = max(logs)
    # No float holds more.
    return exp(min(700.0, top + log(sum(exp(value - top) for value in logs))))


@lru_cache(maxsize=1024)
def _log_factors(share: float, ratios: Ratios) -> tuple[tuple[float, float], ...]:
    """Return, for each ratio, the logarithms by which an event of the candidate, and any event, changes the evidence."""
    return tuple((log(ratio), log(ratio * share + 1 - share)) for ratio, _ in ratios)


def confidence_sequence(found: Estimate, *, alpha: float, planned: float) -> Interval:
    """Return the interval that holds the truth at all looks together, with probability 1 - alpha in the large.

    The asymptotic confidence sequence of Waudby-Smith and others, two-sided, narrowest where the information, which is
    one over the squared error, is the planned one.
    """
    if found.error in (0.0, float("inf")):
        return Interval(found.value, float("-inf"), float("inf"))
    information = found.error**-2
    tuned = (-2 * log(alpha) + log(-2 * log(alpha)) + 1) / planned
    grown = information * tuned + 1
    reach = sqrt(2 * grown / (information**2 * tuned) * log(sqrt(grown) / alpha))
    return Interval(found.value, found.value - reach, found.value + reach)
