"""Whether a promised figure is shown, not shown or contradicted by what was seen, and what would have to be seen.

One user who asks often is still one user: figures are reckoned with as many independent units as they are worth.
"""

from bisect import bisect_left
from collections.abc import Sequence
from enum import StrEnum
from math import ceil, floor, inf, log, log1p, sqrt

import msgspec

from shipmate.messages import Record
from shipmate.statistics.clusters import Sums, effective, rate
from shipmate.statistics.intervals import NORMAL, Interval, exact, normal_interval, wilson
from shipmate.statistics.judged import Audited, corrected_mean
from shipmate.statistics.planning import overdispersion

__all__ = ["Finding", "Standing", "audited", "judge_mean", "judge_share", "needed_of", "unknown"]

# Both bounds of an interval, each wrong in one of twenty.
SURE = 0.90
# How alike a user's episodes are, where they themselves cannot tell: what plans assume.
ALIKE = 0.15
# Where no more than this share may be bad, it is counted out exactly.
RARE = 0.05
# So many random episodes are read by people before silence is believed.
AUDITS = 100


class Standing(StrEnum):
    """What a pilot says of a target."""

    SHOWN = "shown"
    NOT_SHOWN = "not shown"
    CONTRADICTED = "contradicted"


class Finding(Record, frozen=True, kw_only=True):
    """One target, and what was seen of it."""

    metric: str
    # What was counted, in words.
    means: str
    target: float
    # Whether it is a least, and not a most.
    at_least: bool
    standing: Standing
    # Units that were counted, of so many users; of uptime, probes and hours.
    n: int
    users: int
    # How many of them tell as much as one that stands alone; nothing where the bad are none, and each counts alone.
    design_effect: float | None = None
    # With bounds of which each is wrong in one of twenty pilots; nothing where nothing was counted.
    measured: Interval | None = None
    # What has to be measured in as many units to show the target; nothing where no figure would.
    needed: float | None = None
    # Why it is not shown, where it is not the figure itself.
    why: str = ""


def judge_share(sums: Sums, *, metric: str, means: str, target: float, at_least: bool) -> Finding:
    """Return whether a share is as promised."""
    if sums.users < 2:
        why = (
            "Nothing was counted."
            if not sums.n
            else "All of it is of one user, or of one hour: that shows nothing of others."
        )
        return unknown(metric, means, target, why, at_least=at_least, n=round(sums.n), users=sums.users)
    is_rare = min(target, 1 - target) <= RARE
    effect = _design_effect(sums, is_rare=is_rare)
    size = sums.n / effect
    measured = _share(sums.y, sums.n, effect, is_rare=is_rare, at_least=at_least)
    needed = needed_of(target, size, at_least=at_least)
    why = ""
    if needed is None:
        why = f"No figure would show it: that takes {_least(target, at_least=at_least) * effect:,.0f} without one bad."
    return Finding(
        metric=metric,
        means=means,
        target=target,
        at_least=at_least,
        standing=_standing(measured, target, at_least=at_least),
        n=round(sums.n),
        users=sums.users,
        design_effect=effect if effective(sums) > 0 or not is_rare else None,
        measured=measured,
        needed=needed,
        why=why,
    )


def audited(finding: Finding, sums: Sums, audits: Sequence[int]) -> Finding:
    """Return what is left of a share that silence flatters: corrected by a random audit, and not shown without one."""
    if finding.measured is None or finding.standing is Standing.CONTRADICTED:
        return finding
    if len(audits) < AUDITS:
        why = (
            f"Silence counts as solved, which flatters: {len(audits)} of {AUDITS} random episodes were read by people."
        )
        return msgspec.structs.replace(finding, standing=Standing.NOT_SHOWN, why=why)
    errors = Audited(len(audits), sum(audits), sum(error * error for error in audits))
    value, error = corrected_mean(rate(sums), errors)
    low, high = (min(1.0, max(0.0, bound)) for bound in normal_interval(value, error, confidence=SURE)[1:])
    measured = Interval(min(1.0, max(0.0, value)), low, high)
    return msgspec.structs.replace(
        finding,
        measured=measured,
        standing=_standing(measured, finding.target, at_least=finding.at_least),
        needed=min(1.0, finding.target + measured.estimate - low),
        why=f"Corrected by what people said of {len(audits)} random episodes.",
    )


def judge_mean(sums: Sums, *, metric: str, means: str, target: float) -> Finding:
    """Return whether a mean is at most as high as promised."""
    found = rate(sums)
    if found.error == inf:
        return unknown(metric, means, target, "Too few users have asked.", n=round(sums.n), users=sums.users)
    measured = normal_interval(found.value, found.error, confidence=SURE)
    return Finding(
        metric=metric,
        means=means,
        target=target,
        at_least=False,
        standing=_standing(measured, target, at_least=False),
        n=round(sums.n),
        users=sums.users,
        measured=measured,
        needed=max(0.0, target - (measured.high - measured.estimate)),
    )


def needed_of(target: float, size: float, *, at_least: bool) -> float | None:
    """Return which share has to be measured in so many independent units to show a target; nothing where none would."""
    bad = 1 - target if at_least else target
    if min(target, 1 - target) <= RARE:
        units = floor(size)
        possible = range(floor(units * bad) + 2)
        most = bisect_left(possible, 1, key=lambda k: k > units or exact(k, units, confidence=SURE).high > bad) - 1
        found = most / units if most >= 0 and units else None
    else:
        allowed = bad - NORMAL.inv_cdf((1 + SURE) / 2) * sqrt(bad * (1 - bad) / size)
        found = allowed if allowed >= 0 else None
    return found if found is None or not at_least else 1 - found


def _least(target: float, *, at_least: bool) -> int:
    """Return how many units without one bad show a target."""
    bad = 1 - target if at_least else target
    if min(target, 1 - target) <= RARE:
        return ceil(log((1 - SURE) / 2) / log1p(-bad))
    tail = NORMAL.inv_cdf((1 + SURE) / 2)
    return ceil(tail * tail * (1 - bad) / bad)


def _design_effect(sums: Sums, *, is_rare: bool) -> float:
    """Return how many units tell as much as one that stands alone, by the pilot's own users, or as plans assume."""
    size = effective(sums)
    if size > 0:
        return max(1.0, sums.n / size)
    return 1.0 if is_rare else overdispersion(sums.n / sums.users, ALIKE)


def _share(hits: float, of: float, effect: float, *, is_rare: bool, at_least: bool) -> Interval:
    if not is_rare:
        return wilson(hits / effect, of / effect, confidence=SURE)
    bad = of - hits if at_least else hits
    units = max(1, floor(of / effect))
    found = exact(min(units, ceil(bad / effect)), units, confidence=SURE)
    if at_least:
        return Interval(hits / of, min(1 - found.high, hits / of), max(1 - found.low, hits / of))
    return Interval(hits / of, min(found.low, hits / of), max(found.high, hits / of))


def _standing(measured: Interval, target: float, *, at_least: bool) -> Standing:
    is_above, is_below = measured.low >= target, measured.high <= target
    if measured.low == measured.high == target or (is_above if at_least else is_below):
        return Standing.SHOWN
    return (
        Standing.CONTRADICTED if (measured.high < target if at_least else measured.low > target) else Standing.NOT_SHOWN
    )


def unknown(
    metric: str, means: str, target: float, why: str, *, at_least: bool = False, n: int = 0, users: int = 0
) -> Finding:
    return Finding(
        metric=metric,
        means=means,
        target=target,
        at_least=at_least,
        standing=Standing.NOT_SHOWN,
        n=n,
        users=users,
        why=why,
    )
