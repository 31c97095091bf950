"""Figures of a trial say how much may still be true: also where nothing happened."""

from collections.abc import Sequence

import pytest

from shipmate.release.canary.counts import Arm, Counts
from shipmate.release.canary.decision import Figure
from shipmate.release.canary.figures import figures_of
from shipmate.statistics.clusters import pair_of


def figure(name: str, ours: Sequence[tuple[float, float]], theirs: Sequence[tuple[float, float]]) -> Figure:
    pair = pair_of([*((n, y, 0, 0) for n, y in ours), *((0, 0, n, y) for n, y in theirs)])
    counts = Counts(
        started_at=0.0,
        at=1.0,
        share=0.5,
        share_since=0.0,
        candidate=Arm(turns=len(ours), issues=len(ours)),
        control=Arm(turns=len(theirs), issues=len(theirs)),
        silence=pair,
        cost=pair,
    )
    return next(found for found in figures_of(counts) if found.name == name)


def test_where_nothing_happened_as_much_may_happen_as_so_many_users_leave_open() -> None:
    """Of 300 users of whom none did it, 1.2 % may, two-sided 95 %."""
    found = figure("silence_rate", [(1, 0)] * 300, [(1, 0)] * 300)
    assert found.difference == 0.0
    assert found.high == pytest.approx(0.0122, abs=1e-4)
    assert found.low == pytest.approx(-0.0122, abs=1e-4)


def test_an_arm_in_which_all_are_alike_is_not_sure_either() -> None:
    """Ten users of whom none did it do not make the other arm's tenth a difference for sure."""
    found = figure("silence_rate", [(1, 0)] * 10, [(1, 0)] * 900 + [(1, 1)] * 100)
    assert found.low is not None
    assert found.high is not None
    assert found.low < -0.1
    assert found.high > 0.1


def test_the_interval_of_a_cost_that_nobody_differs_in_is_not_known() -> None:
    found = figure("cost_usd", [(1, 0)] * 300, [(1, 0)] * 300)
    assert (found.difference, found.low, found.high) == (0.0, None, None)
