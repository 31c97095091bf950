"""The test by which a candidate is promoted: first-turn resolution, looked at once a day, strict at first."""

from collections.abc import Sequence
from math import inf

from shipmate.release.canary.counts import Counts
from shipmate.release.canary.decision import Look
from shipmate.release.canary.rules import DAY_S, Primary, Rules
from shipmate.statistics.clusters import Estimate, effective, score
from shipmate.statistics.intervals import NORMAL, normal_interval
from shipmate.statistics.planning import information_needed
from shipmate.statistics.spending import GROWTH, next_bound, spent

__all__ = [
    "is_due",
    "is_futile",
    "is_last",
    "is_shown",
    "is_watched",
    "look_at",
    "needed_information",
    "take_look",
    "too_few",
]

# How often the smallest effect worth having is to be found.
POWER = 0.9


def needed_information(primary: Primary) -> float:
    """Return the information at which the smallest effect worth having is found nine times in ten."""
    return information_needed(primary.min_effect, alpha=primary.alpha, power=POWER)


def is_due(counts: Counts, rules: Rules, looks: Sequence[Look]) -> bool:
    """Return whether another whole period has passed, and one at a share at which something may be promoted."""
    if is_watched(counts, rules):
        return False
    if not looks and counts.at - counts.share_since < rules.look_s:
        return False
    periods = (counts.at - counts.started_at) // rules.look_s
    taken = (looks[-1].at - counts.started_at) // rules.look_s if looks else 0
    return periods > taken


def is_watched(counts: Counts, rules: Rules) -> bool:
    """Return whether the candidate can only be taken back now: its step watches, or one with a larger share does.

    A step of the same share may follow, and then the watch is over by the time it was to be held.
    """
    over_s = 0.0
    for step, following in zip(rules.steps, (*rules.steps[1:], None), strict=True):
        if step.is_watch and step.share > counts.share:
            return True
        if step.is_watch and step.share == counts.share:
            over_s += step.hold_s
            goes_on = following is not None and following.share == step.share
            if not goes_on or counts.at - counts.share_since < over_s:
                return True
    return False


def is_last(counts: Counts, rules: Rules) -> bool:
    """Return whether nothing more is waited for after this."""
    return counts.at - counts.started_at >= rules.max_days * DAY_S


def too_few(counts: Counts, rules: Rules) -> str:
    """Say what is missing before a look is worth taking; nothing when nothing is."""
    found = [
        min(float(arm.issues), effective(sums))
        for arm, sums in ((counts.candidate, counts.ftr.candidate), (counts.control, counts.ftr.control))
    ]
    if min(found) >= rules.primary.min_issues:
        return ""
    return (
        f"The arms have {found[0]:.0f} and {found[1]:.0f} effective issues, and {rules.primary.min_issues:g} are needed "
        "in each."
    )


def take_look(counts: Counts, rules: Rules, looks: Sequence[Look], *, planned: float = 0.0) -> Look | None:
    """Return the look that is taken now, and what it may spend; nothing where no information has come in since the last.

    With the last day the rest of the level is spent, whatever has come in: that day was set beforehand.
    """
    gain = score(counts.ftr)
    if gain.error in (0.0, inf):
        return None
    information = gain.error**-2
    if looks and information < GROWTH * looks[-1].information:
        return None
    planned = planned or min(needed_information(rules.primary), _by_the_end(information, counts, rules))
    return look_at(gain, looks, rules.primary, at=counts.at, planned=planned, is_last=is_last(counts, rules))


def look_at(
    gain: Estimate, looks: Sequence[Look], primary: Primary, *, at: float, planned: float, is_last: bool
) -> Look:
    """Return the look at this gain, with its bound by what the looks before have spent."""
    information = gain.error**-2
    before = looks[-1].spent if looks else 0.0
    level = max(before, spent(1.0 if is_last else information / planned, primary.alpha))
    bound = next_bound(
        [*(look.information for look in looks), information], [look.bound for look in looks], level - before
    )
    return Look(at=at, information=information, spent=level, bound=bound, z=gain.value / gain.error)


def _by_the_end(information: float, counts: Counts, rules: Rules) -> float:
    """Return the information of the last day if as much traffic comes as until now: it says nothing of the effect."""
    so_far = _weight(rules, counts.at - counts.started_at)
    return information * _weight(rules, rules.max_days * DAY_S) / so_far if so_far else inf


def _weight(rules: Rules, until_s: float) -> float:
    """Return how much a ramp may tell by then: seconds, weighted by share times the rest."""
    total = start_s = 0.0
    for step in rules.steps:
        end_s = until_s if step is rules.steps[-1] else min(until_s, start_s + step.hold_s)
        total += max(0.0, end_s - start_s) * step.share * (1 - step.share)
        start_s += step.hold_s
    return total


def is_shown(gain: Estimate, looks: Sequence[Look], primary: Primary) -> bool:
    """Return whether a look has passed its bound, and the gain has not faded since."""
    return any(look.z >= look.bound for look in looks) and gain.value >= NORMAL.inv_cdf(1 - primary.alpha) * gain.error


def is_futile(gain: Estimate, primary: Primary) -> bool:
    """Return whether the interval of the gain ends below the smallest effect worth having."""
    return normal_interval(*gain).high < primary.min_effect
