"""The benchmark of trials simulates the code that decides, counts what it says, and has the shape that others read."""

from typing import Any

import numpy as np
import pytest

from benchmarks.canary import Sizes, ended, measure
from benchmarks.simulated_trials import DAY_S, Effect, ResolutionTrial, Trial, World, planned_shares
from shipmate.release.canary.decision import Verdict
from shipmate.release.canary.rules import Rules
from shipmate.statistics.clusters import effective, rate

RULES = Rules()
HOURS = 14 * 24


def test_the_figures_have_their_shape_and_each_rate_its_interval() -> None:
    found: Any = measure(Sizes(type_i=2, harm=1, runs=1, broken=4, judge=2, gate=1), seed=3)
    assert {"20000_clustered", "2000", "20000", "200000"} <= set(found["type_i_error"])
    assert set(found["promoted"]) == {"identical", "better", "trap", "worse"}
    assert set(found["gate"]) == {"unchanged_blocked", "drop5_blocked"}
    assert found["seed"] == 3
    assert found["runs"] == 5 * 2 + 3 * 1 + 12 * 1 + 4 + 18 * 2 + 2
    for name in ("type_i_error_max", "false_harm_stop", "broken_stopped_within_3h", "judge_coverage"):
        low, high = found["intervals"][name]
        assert 0 <= low <= found[name] <= high <= 1


def test_the_same_seed_gives_the_same_figures() -> None:
    sizes = Sizes(type_i=1, harm=1, runs=1, broken=4, judge=1, gate=1)
    assert measure(sizes, seed=4) == measure(sizes, seed=4)


def test_made_users_resolve_as_often_and_as_alike_as_the_world_says() -> None:
    """Three turns of users with a correlation of 0.15: 1.3 turns tell as much as one."""
    world = World(turns_per_day=200_000, candidate=Effect(ftr=0.8))
    trial = Trial(world, RULES, np.random.default_rng(1), ticks=HOURS)
    counts = trial.at(HOURS)
    assert rate(counts.ftr.candidate).value == pytest.approx(0.8, abs=0.005)
    assert rate(counts.ftr.control).value == pytest.approx(0.7, abs=0.005)
    day = trial.at(24)
    assert day.control.issues / effective(day.ftr.control) == pytest.approx(1.30, abs=0.05)
    assert rate(counts.flags.control).value == pytest.approx(0.012 * 0.8 + 0.988 * 0.015, abs=0.001)
    assert sum(harm.squares for harm in counts.harms) > sum(
        split.candidate + split.control for harm in counts.harms for split in harm.splits
    )


def test_a_trial_that_is_half_done_has_counted_half() -> None:
    trial = Trial(World(turns_per_day=24_000), RULES, np.random.default_rng(2), ticks=48)
    first, second = trial.at(24), trial.at(48)
    assert first.candidate.turns + first.control.turns == pytest.approx(24_000, rel=0.05)
    assert second.candidate.turns + second.control.turns == pytest.approx(48_000, rel=0.05)
    assert [split.share for split in second.exposed] == [0.05, 0.25]
    assert second.share_since == DAY_S
    # 5 % of the first day, 25 % of the second.
    assert second.candidate.turns == pytest.approx(0.30 * 24_000, rel=0.1)


def test_the_share_follows_the_ramp() -> None:
    shares = planned_shares(RULES, HOURS, 3600.0)
    assert [float(shares[hour]) for hour in (0, 23, 24, 71, 72, HOURS - 1)] == [0.05, 0.05, 0.25, 0.25, 0.5, 0.5]


def test_both_kinds_of_trials_draw_the_same_world() -> None:
    world = World(turns_per_day=200_000)
    whole = Trial(world, RULES, np.random.default_rng(5), ticks=24).at(24)
    part = ResolutionTrial(world, RULES, np.random.default_rng(5), ticks=24, tick_s=3600.0).at(24)
    assert part.control.issues == whole.control.issues
    assert rate(part.ftr.control).value == pytest.approx(rate(whole.ftr.control).value, abs=0.01)


def test_a_trial_is_decided_to_its_end() -> None:
    world = World(turns_per_day=20_000, candidate=Effect(hallucination=0.2))
    decision, days = ended(Trial(world, RULES, np.random.default_rng(6), ticks=HOURS), RULES, HOURS)
    assert decision.verdict is Verdict.ROLLBACK
    assert days < 1
