"""The gate: whether a change may ship, decided on pairs of a case's scores before it and after it.

Two guards. A critical case has to pass in every epoch. And over all cases the mean score must not have dropped: its
difference to the baseline is drawn by cluster, since cases of one intent or one document stand and fall together.
Undecided, more epochs are run; undecided to the end, a person decides, which never counts as passing.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from math import sqrt
from typing import NamedTuple

import msgspec

from shipmate.messages import Record
from shipmate.statistics.intervals import NORMAL, Interval
from shipmate.statistics.paired import paired_bootstrap

__all__ = ["EPOCHS", "MARGIN", "Decision", "Pair", "Verdict", "blocked", "decide"]

# How many epochs have been run at each look.
EPOCHS = (1, 3, 5, 7)
# A drop by this share of the cases must be ruled out.
MARGIN = 0.03
CONFIDENCE = 0.95
# A drop is looked for up to four times, so before the last look it takes more to show one: together they err less than
# once in 20.
EARLY_CONFIDENCE = 0.98
# Fewer clusters tell nothing of how far clusters differ.
FEWEST_CLUSTERS = 5
# Enough for a bound that is compared with a margin; reports draw no more.
DRAWS = 2_000


class Verdict(StrEnum):
    """What the gate says."""

    PASS = "pass"  # noqa: S105 - no password
    BLOCK = "block"
    # Run more epochs, and ask again.
    MORE = "more"
    # Nothing was shown either way: a person decides.
    HOLD = "hold"


class Pair(NamedTuple):
    """What a case has scored in each epoch, from 0 to 1, at the baseline and after the change."""

    case_id: str
    # What else it stands and falls with.
    cluster: str
    before: Sequence[float]
    after: Sequence[float]
    critical: bool = False

    @property
    def difference(self) -> float:
        """Return what it has gained."""
        return sum(self.after) / len(self.after) - sum(self.before) / len(self.before)


class Decision(Record, frozen=True, kw_only=True):
    """What the gate decides, and what that stands on."""

    verdict: Verdict
    # Of the mean score, with its two-sided 95 % interval.
    difference: Interval
    # At most this was gained; before the last look, by the stricter interval that it takes there to show a drop.
    most_gained: float
    cases: int
    clusters: int
    # How many the change was tried in.
    epochs: int
    # Critical cases that failed in an epoch.
    broken: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def decide(pairs: Iterable[Pair], *, is_last: bool, margin: float = MARGIN, seed: int = 0) -> Decision:
    """Decide on what was scored so far; `is_last` says that there are no more epochs to be run.

    The order of the pairs does not matter, and the same pairs give the same decision.
    """
    ordered = sorted(pairs, key=lambda pair: pair.case_id)
    difference = _difference(ordered, CONFIDENCE, seed)
    most_gained = difference.high if is_last else _difference(ordered, EARLY_CONFIDENCE, seed).high
    broken = tuple(pair.case_id for pair in ordered if pair.critical and min(pair.after) < 1)
    verdict, reasons = _verdict(difference, most_gained, broken, margin=margin, is_last=is_last)
    return Decision(
        verdict=verdict,
        difference=difference,
        most_gained=most_gained,
        cases=len(ordered),
        clusters=len({pair.cluster for pair in ordered}),
        epochs=max((len(pair.after) for pair in ordered), default=0),
        broken=broken,
        reasons=reasons,
    )


def blocked(decision: Decision, broken: Sequence[str]) -> Decision:
    """Return a decision that critical cases stand in the way of, whatever else was decided."""
    reasons = decision.reasons if decision.verdict is Verdict.BLOCK and not decision.broken else ()
    told = (_failed(broken), *reasons)
    return msgspec.structs.replace(decision, verdict=Verdict.BLOCK, broken=tuple(broken), reasons=told)


def _failed(broken: Sequence[str]) -> str:
    return f"{len(broken)} critical cases failed in at least one epoch: {', '.join(broken)}."


def _verdict(
    difference: Interval, most_gained: float, broken: Sequence[str], *, margin: float, is_last: bool
) -> tuple[Verdict, tuple[str, ...]]:
    shown = f"{_points(difference.estimate)} [{_points(difference.low)}, {_points(difference.high)}]"
    if broken:
        return Verdict.BLOCK, (_failed(broken),)
    if most_gained < 0:
        return Verdict.BLOCK, (f"The score has dropped: {shown} points.",)
    if difference.low > -margin and difference.high >= 0:
        return Verdict.PASS, (f"A drop of {100 * margin:g} points is ruled out: {shown} points.",)
    if not is_last:
        return Verdict.MORE, (f"A drop of {100 * margin:g} points is neither shown nor ruled out: {shown} points.",)
    return Verdict.HOLD, (
        f"After all epochs, a drop of {100 * margin:g} points is neither shown nor ruled out: {shown} points.",
    )


def _difference(pairs: Sequence[Pair], confidence: float, seed: int) -> Interval:
    """Return the mean gain with its interval: the wider one of those over cases and over clusters."""
    gains = [pair.difference for pair in pairs]
    over_cases = paired_bootstrap(gains, confidence=confidence, draws=DRAWS, seed=seed)
    clusters = [pair.cluster for pair in pairs]
    count = len(set(clusters))
    if not FEWEST_CLUSTERS <= count < len(pairs):
        return over_cases
    drawn = paired_bootstrap(gains, clusters, confidence=confidence, draws=DRAWS, seed=seed)
    over_clusters = _widened(drawn, _reach(count, confidence))
    return Interval(
        over_cases.estimate, min(over_cases.low, over_clusters.low), max(over_cases.high, over_clusters.high)
    )


def _widened(interval: Interval, by: float) -> Interval:
    estimate, low, high = interval
    return Interval(estimate, estimate - by * (estimate - low), estimate + by * (high - estimate))


def _reach(clusters: int, confidence: float) -> float:
    """Return how much wider an interval has to be that few clusters were drawn for.

    The quantile of Student's t over the normal one, by the series of Cornish and Fisher, and the bias of a variance.
    """
    z, n = NORMAL.inv_cdf((1 + confidence) / 2), clusters - 1
    t = z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
    return t / z * sqrt(clusters / n)


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
