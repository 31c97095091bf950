"""The plan says what a team's own traffic can show, and is right about it."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipmate.release.canary.plan import Traffic, plan
from shipmate.release.canary.rules import DAY_S, Rules, Step
from shipmate.statistics.planning import least_effect

SMALL = Traffic(turns_per_day=2_000, issues_per_day=900)
LARGE = Traffic(turns_per_day=200_000, issues_per_day=90_000)


def test_a_small_team_is_told_that_it_cannot_show_a_small_gain() -> None:
    found = plan(SMALL, Rules())
    assert found.days_needed is None
    assert found.least_gain_by_day[-1] > 0.015
    assert found.least_gain_by_day[-1] == pytest.approx(least_effect(found.information))


def test_a_split_in_halves_is_watched_for_a_day_and_can_be_promoted_after_it() -> None:
    halves = Rules(steps=(Step(share=0.5, hold_s=DAY_S, is_watch=True), Step(share=0.5)))
    found = plan(LARGE, halves)
    assert {odds.gain: odds.promote for odds in found.odds}[0.03] > 0.99


def test_a_large_one_is_told_its_day() -> None:
    found = plan(LARGE, Rules())
    assert found.days_needed == 2
    assert {odds.gain: odds.promote for odds in found.odds}[0.03] > 0.99
    # A busy team waits for three days all the same.
    assert all(odds.median_days == 3 for odds in found.odds)


@given(st.floats(100, 300_000), st.floats(0.3, 0.95))
@settings(max_examples=6, deadline=None)
def test_the_odds_add_up_and_nothing_is_promoted_for_nothing(turns: float, ftr: float) -> None:
    found = plan(Traffic(turns_per_day=turns, issues_per_day=turns / 2, ftr=ftr), Rules())
    for odds in found.odds:
        assert odds.promote + odds.futile + odds.hold == pytest.approx(1)
    identical = next(odds for odds in found.odds if odds.gain == 0)
    assert identical.promote < 0.065
    promoted = [odds.promote for odds in found.odds]
    assert promoted == sorted(promoted)
    assert found == plan(Traffic(turns_per_day=turns, issues_per_day=turns / 2, ftr=ftr), Rules())


def test_more_harm_is_stopped_more_often_and_more_traffic_sees_more() -> None:
    few, many = (plan(traffic, Rules()).harm for traffic in (SMALL, LARGE))
    assert [odds.stopped for odds in few] == sorted(odds.stopped for odds in few)
    assert all(one.stopped <= other.stopped for one, other in zip(few, many, strict=True))
    assert many[-1].stopped == 1


def test_no_traffic_is_a_plan_too() -> None:
    found = plan(Traffic(turns_per_day=0, issues_per_day=0), Rules())
    assert found.days_needed is None
    assert all(odds.hold == 1 for odds in found.odds)
    assert all(odds.stopped == 0 for odds in found.harm)
    assert np.isinf(found.least_gain_by_day).all()
    assert msgspec.to_builtins(found)
