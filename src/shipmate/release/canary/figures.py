"""The comparison in figures: both arms, their difference, its interval and n."""

from math import hypot, inf

from shipmate.release.canary.counts import Arm, Counts
from shipmate.release.canary.decision import Figure
from shipmate.statistics.clusters import Estimate, Pair, Sums, difference, rate
from shipmate.statistics.intervals import Interval, exact, normal_interval
from shipmate.statistics.judged import Stratum, judged_rate
from shipmate.statistics.quantiles import quantile_gap, quantile_of

__all__ = ["figures_of"]


def figures_of(counts: Counts) -> tuple[Figure, ...]:
    """Return every figure of a trial; what cannot be told yet is nothing."""
    issues = (counts.candidate.issues, counts.control.issues)
    turns = (counts.candidate.turns, counts.control.turns)
    judged = (counts.candidate.judged, counts.control.judged)
    return (
        _measure("ftr_fast", "issues resolved at the first turn, as it shows within 30 minutes", counts.ftr, issues),
        _measure("silence_rate", "issues that ended in silence", counts.silence, issues),
        _measure("handoff_rate", "issues in which a human was asked for", counts.handoffs, issues),
        _measure("refusal_rate", "turns that were refused", counts.refusals, turns),
        _measure("cost_usd", "US dollars for a turn", counts.cost, turns, is_share=False),
        _measure("flag_rate", "judged turns that the judge flags as hallucinated", counts.flags, judged),
        _hallucination(counts),
        _latency(counts),
    )


def _measure(name: str, definition: str, pair: Pair, n: tuple[int, int], *, is_share: bool = True) -> Figure:
    gap = difference(pair)
    known = gap.error < inf
    low, high = _bounds(pair, gap, is_share=is_share) if known else (None, None)
    return Figure(
        name=name,
        definition=definition,
        candidate=_known(rate(pair.candidate), n[0]),
        control=_known(rate(pair.control), n[1]),
        difference=gap.value if known else None,
        low=low,
        high=high,
        n_candidate=n[0],
        n_control=n[1],
    )


def _bounds(pair: Pair, gap: Estimate, *, is_share: bool) -> tuple[float | None, float | None]:
    """Return the bounds of a difference; nothing where no two users differ in what is no share."""
    if is_share:
        arms = [(sums, rate(sums)) for sums in pair[:2]]
        if any(found.error == 0 for _, found in arms):
            ours, theirs = (_of_share(sums, found) for sums, found in arms)
            return _apart(ours, theirs, -1), _apart(ours, theirs, 1)
    elif gap.error == 0:
        return None, None
    return normal_interval(*gap)[1:]


def _of_share(sums: Sums, found: Estimate) -> Interval:
    """Return the interval of a share; where all users are alike, the exact one of so many users, as if each had one unit."""
    return normal_interval(*found) if found.error else exact(round(sums.users * found.value), sums.users)


def _known(found: Estimate, n: int) -> float | None:
    return found.value if n else None


def _hallucination(counts: Counts) -> Figure:
    ours = _true_rate(counts.candidate, rate(counts.flags.candidate))
    theirs = _true_rate(counts.control, rate(counts.flags.control))
    return Figure(
        name="hallucination_rate",
        definition="turns with a material claim that nothing supports: the judge's flags, corrected by people's labels",
        candidate=ours.estimate if ours else None,
        control=theirs.estimate if theirs else None,
        difference=ours.estimate - theirs.estimate if ours and theirs else None,
        low=_apart(ours, theirs, -1) if ours and theirs else None,
        high=_apart(ours, theirs, 1) if ours and theirs else None,
        n_candidate=counts.candidate.judged,
        n_control=counts.control.judged,
    )


def _true_rate(arm: Arm, flags: Estimate) -> Interval | None:
    if not (arm.judged and arm.flagged.labelled and arm.unflagged.labelled) or flags.error == inf:
        return None
    return judged_rate(
        flags,
        Stratum(arm.flagged.labelled, arm.flagged.hallucinated),
        Stratum(arm.unflagged.labelled, arm.unflagged.hallucinated),
    )


def _apart(ours: Interval, theirs: Interval, side: int) -> float:
    """Return a bound of the difference of two rates from the bounds of each."""
    if side > 0:
        reach = hypot(ours.high - ours.estimate, theirs.estimate - theirs.low)
    else:
        reach = hypot(ours.estimate - ours.low, theirs.high - theirs.estimate)
    return ours.estimate - theirs.estimate + side * reach


def _latency(counts: Counts) -> Figure:
    ours, theirs = counts.candidate.latencies_s, counts.control.latencies_s
    gap = quantile_gap(ours, theirs)
    return Figure(
        name="latency_p95_s",
        definition="seconds within which 95 of 100 turns are answered, of users drawn at random",
        candidate=quantile_of(ours, 0.95),
        control=quantile_of(theirs, 0.95),
        difference=gap.estimate if gap else None,
        low=gap.low if gap else None,
        high=gap.high if gap else None,
        n_candidate=sum(map(len, ours)),
        n_control=sum(map(len, theirs)),
    )
