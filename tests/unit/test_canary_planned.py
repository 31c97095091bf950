"""What a trial plans its looks for: the team's own traffic, where enough of it was seen."""

import pytest

from shipmate.release.canary.plan import Traffic
from shipmate.release.canary.rules import Rules
from shipmate.release.canary.traffic import Measured
from shipmate.trials.canary import _planned


def measured(days: float) -> Measured:
    return Measured(
        traffic=Traffic(turns_per_day=20_000, issues_per_day=9_000), days=days, turns=100, users=50, issues=60
    )


@pytest.mark.parametrize("days", [0.1, 6.9])
def test_a_few_hours_of_traffic_do_not_spend_the_level_of_all_days(days: float) -> None:
    assert not _planned(measured(days), Rules())


@pytest.mark.parametrize("days", [7.0, 14.0])
def test_a_week_of_traffic_says_what_to_plan_for(days: float) -> None:
    assert _planned(measured(days), Rules()) > 0
