"""The statistics hold what they promise: intervals hold the truth, tests err as seldom as they say, bounds are the published ones."""

from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.statistics.agreement import krippendorff_alpha
from shipmate.statistics.always_valid import HARMFUL, MISMATCHED, confidence_sequence, share_evidence
from shipmate.statistics.clusters import Estimate, Pair, Sums, difference, effective, pair_of, rate, scaled, score
from shipmate.statistics.intervals import exact, wilson
from shipmate.statistics.judged import Audited, Stratum, calibration, corrected_mean, excess, judged_rate
from shipmate.statistics.planning import information_needed, least_effect, overdispersion, power, shrunk
from shipmate.statistics.quantiles import quantile_gap, quantile_of
from shipmate.statistics.spending import next_bound, spent

# Lan and DeMets' bounds for five even looks at a one-sided level of 0.025.
PUBLISHED = (4.877, 3.357, 2.680, 2.290, 2.031)
ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), max_size=30)


def bounds_of(fractions: list[float], alpha: float) -> list[float]:
    bounds: list[float] = []
    before = 0.0
    for number, fraction in enumerate(fractions, 1):
        level = spent(fraction, alpha)
        bounds.append(next_bound(fractions[:number], bounds, level - before))
        before = level
    return bounds


def test_the_bounds_are_the_published_ones_or_a_hair_stricter() -> None:
    found = bounds_of([0.2, 0.4, 0.6, 0.8, 1.0], 0.025)
    assert all(published - 5e-4 <= bound <= published + 0.01 for bound, published in zip(found, PUBLISHED, strict=True))


@pytest.mark.parametrize("looks", [6, 48])
def test_whoever_looks_at_all_bounds_errs_as_often_as_once(looks: int) -> None:
    bounds = np.array(bounds_of([look / looks for look in range(1, looks + 1)], 0.05))
    steps = np.random.default_rng(1).standard_normal((60_000, looks))
    seen = steps.cumsum(axis=1) / np.sqrt(np.arange(1, looks + 1))
    assert 0.047 < (seen >= bounds).any(axis=1).mean() < 0.053


@given(st.lists(st.floats(0.05, 1.0), min_size=1, max_size=12))
def test_looks_at_any_time_spend_no_more_than_the_level(times: list[float]) -> None:
    fractions = [times[0]]
    for time in sorted(times):
        if time > 1.02 * fractions[-1]:
            fractions.append(time)
    bounds = bounds_of(fractions, 0.05)
    assert spent(fractions[-1], 0.05) <= 0.05
    # None is laxer than that of somebody who looks but once.
    assert all(bound >= 1.644 for bound in bounds)


@given(st.integers(0, 200), st.integers(0, 200))
def test_intervals_of_shares_hold_the_share_and_stay_on_the_scale(hits: int, more: int) -> None:
    for found in (wilson(hits, hits + more), exact(hits, hits + more)):
        assert 0 <= found.low <= found.estimate <= found.high <= 1
    assert exact(hits, hits + more).high - exact(hits, hits + more).low >= 0


def test_intervals_of_shares_are_those_of_the_textbooks() -> None:
    assert wilson(8, 10)[1:] == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert exact(8, 10)[1:] == pytest.approx((0.4439, 0.9748), abs=1e-4)
    assert exact(0, 75)[1:] == pytest.approx((0.0, 0.0480), abs=1e-4)
    assert wilson(0, 0) == (0.0, 0.0, 1.0)


@given(ROWS)
def test_a_difference_of_arms_is_minus_that_of_the_arms_swapped(rows: list[tuple[int, int, int, int]]) -> None:
    one = difference(pair_of(rows))
    other = difference(pair_of([(c, d, a, b) for a, b, c, d in rows]))
    assert one.value == pytest.approx(-other.value)
    assert one.error == pytest.approx(other.error)


@given(ROWS, st.floats(0.01, 100))
def test_the_unit_of_the_weights_changes_nothing(rows: list[tuple[int, int, int, int]], weight: float) -> None:
    plain, weighted = pair_of(rows), pair_of([tuple(weight * value for value in row) for row in rows])
    assert tuple(difference(weighted)) == pytest.approx(tuple(difference(plain)), abs=1e-6)


def test_the_error_counts_users_and_not_what_they_do() -> None:
    """A user's ten like outcomes tell as much as one, also where the share grew and users changed arms."""
    rng = np.random.default_rng(2)
    moods = rng.random(400) < 0.7
    rows = [(1.0, float(mood), 0.0, 0.0) if arm else (0.0, 0.0, 1.0, float(mood)) for arm, mood in enumerate(moods)]
    once, often = pair_of(rows), pair_of([tuple(10 * value for value in row) for row in rows])
    assert difference(often) == pytest.approx(difference(once))
    assert effective(often.candidate) == pytest.approx(effective(once.candidate))
    both = pair_of([(1.0, float(mood), 1.0, float(mood)) for mood in moods])
    assert tuple(difference(both)) == pytest.approx((0.0, 0.0), abs=1e-6)


@pytest.mark.parametrize("compared", [difference, score])
def test_an_interval_over_users_in_both_arms_holds_the_truth_as_often_as_it_says(
    compared: object,
) -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(600):
        moods = rng.beta(0.7 * 5.67, 0.3 * 5.67, 300)
        units = rng.integers(0, 4, (2, 300)) * (rng.random((2, 300)) < [[0.6], [0.8]])
        good = rng.binomial(units, moods)
        found = compared(pair_of(np.column_stack([units[0], good[0], units[1], good[1]])))  # type: ignore[operator]
        held += abs(found.value) <= 1.96 * found.error
    assert 0.925 < held / 600 < 0.975


def test_what_was_lucky_does_not_seem_surer_than_it_is() -> None:
    """Held against the common rate, a gain's error is that of equal arms; the plain one falls with the luck."""
    lucky = pair_of(
        [(1.0, float(n < 90), 0.0, 0.0) for n in range(100)] + [(0, 0, 1.0, float(n < 7000)) for n in range(10_000)]
    )
    assert score(lucky).value == difference(lucky).value
    assert score(lucky).error > 1.3 * difference(lucky).error
    assert score(lucky).error == pytest.approx(sqrt(0.7 * 0.3 / 100), rel=0.02)


def test_nothing_is_known_of_fewer_than_two_users() -> None:
    assert rate(Sums()) == (0.0, inf)
    assert difference(pair_of([(1, 1, 0, 0), (0, 0, 1, 1)])).error == inf
    assert effective(Sums()) == 0


def test_a_margin_is_held_against_the_control_times_one_and_some() -> None:
    pair = pair_of([(1, 11, 0, 0), (1, 11, 0, 0), (0, 0, 1, 10), (0, 0, 1, 10)])
    assert difference(scaled(pair, 1.1)).value == pytest.approx(0)
    assert scaled(Pair(), 1.1) == Pair()


@given(st.floats(0.01, 0.99), st.sampled_from([HARMFUL, MISMATCHED]))
def test_one_more_event_changes_no_evidence_on_average(share: float, ratios: tuple[tuple[float, float], ...]) -> None:
    """So evidence is a martingale where there is nothing, and nobody who watches it can make it grow."""
    now = share_evidence([(share, 3, 7)], ratios)
    then = share * share_evidence([(share, 4, 7)], ratios) + (1 - share) * share_evidence([(share, 3, 8)], ratios)
    assert then == pytest.approx(now)
    assert share_evidence([], ratios) == pytest.approx(1)
    assert sum(weight for _, weight in ratios) == pytest.approx(1)


def test_evidence_seldom_reaches_its_level_though_the_share_ramps_and_each_event_is_watched() -> None:
    rng = np.random.default_rng(4)
    shares = np.repeat([0.05, 0.25, 0.5], 60)
    stopped = 0
    for _ in range(400):
        fell = rng.random(180) < shares
        seen = [
            [
                (share, int(fell[:n][shares[:n] == share].sum()), int((~fell[:n][shares[:n] == share]).sum()))
                for share in (0.05, 0.25, 0.5)
            ]
            for n in range(1, 181, 3)
        ]
        stopped += any(share_evidence(splits) >= 20 for splits in seen)
    assert stopped <= 0.05 * 400


def test_evidence_sees_a_split_that_is_off_and_none_that_is_right() -> None:
    assert share_evidence([(0.05, 4_500, 95_500)], MISMATCHED) > 1_000
    assert share_evidence([(0.05, 5_010, 94_990)], MISMATCHED) < 1
    assert share_evidence([(0.5, 10**9, 10**9)], MISMATCHED) == pytest.approx(0)
    assert share_evidence([(0.05, 10**9, 0)]) < inf


def test_events_of_few_users_are_less_evidence() -> None:
    assert share_evidence([(0.05, 9, 20)], overcount=3.0) < 20 < share_evidence([(0.05, 9, 20)])


def test_a_confidence_sequence_holds_the_truth_at_all_looks_together() -> None:
    rng = np.random.default_rng(6)
    means = rng.standard_normal((1_000, 2_000)).cumsum(axis=1) / np.arange(1, 2_001)
    left = 0
    for run in means:
        looks = [
            confidence_sequence(Estimate(float(run[n]), (n + 1) ** -0.5), alpha=0.1, planned=500.0)
            for n in range(19, 2_000, 20)
        ]
        left += any(not look.low <= 0 <= look.high for look in looks)
    assert left <= 0.1 * 1_000
    assert confidence_sequence(Estimate(0.1, inf), alpha=0.1, planned=1.0).high == inf


def test_silence_that_flatters_is_corrected_by_an_audit() -> None:
    found = corrected_mean(Estimate(0.80, 0.01), Audited(200, -20.0, 20.0))
    assert found.value == pytest.approx(0.70)
    assert found.error == pytest.approx(sqrt(0.01**2 + 0.09 * 200 / 199 / 200), rel=0.01)
    assert corrected_mean(Estimate(0.80, 0.01), Audited(1, 0.0, 0.0)).error == inf


@pytest.mark.parametrize(("truth", "labels"), [(0.004, 75), (0.012, 75), (0.012, 300), (0.05, 150)])
def test_a_judged_rate_holds_the_truth_whatever_the_judge_flags(truth: float, labels: int) -> None:
    rng = np.random.default_rng(7)
    flagged = truth * 0.8 + (1 - truth) * 0.015
    held = 0
    for _ in range(300):
        share = rng.binomial(20_000, flagged) / 20_000
        strata = (
            Stratum(labels, int(rng.binomial(labels, truth * 0.8 / flagged))),
            Stratum(labels, int(rng.binomial(labels, truth * 0.2 / (1 - flagged)))),
        )
        found = judged_rate(Estimate(share, sqrt(share * (1 - share) / 20_000)), *strata)
        held += found.low <= truth <= found.high
    assert held >= 0.93 * 300


def test_a_judge_is_told_by_both_of_its_errors() -> None:
    """Of 1,000 turns 20 are bad: 16 of them are among the 26 that were flagged, and 4 among the others."""
    found = calibration(Estimate(0.026, 0.0), Stratum(26, 16), Stratum(974, 4))
    assert found.sensitivity.estimate == pytest.approx(0.8)
    assert found.specificity.estimate == pytest.approx(970 / 980)
    assert found.precision.estimate == pytest.approx(16 / 26)
    assert found.power == pytest.approx(0.8 + 970 / 980 - 1)
    assert calibration(Estimate(0.026, 0.0), Stratum(0, 0), Stratum(0, 0)).specificity.low < 0.98


def test_a_margin_of_the_truth_is_smaller_in_the_flags_of_a_poor_judge() -> None:
    assert excess(Estimate(0.004, 0.001), Estimate(0.8, 0.1), 0.006) == pytest.approx((-0.0008, sqrt(1e-6 + 3.6e-7)))


def test_the_slow_end_is_drawn_by_user() -> None:
    rng = np.random.default_rng(8)
    users = tuple(tuple(row) for row in rng.lognormal(0, 0.4, (300, 4)).tolist())
    slower = tuple(tuple(1.3 * value for value in user) for user in users)
    gap = quantile_gap(slower, users)
    assert gap is not None
    assert gap.low > 0
    assert gap.estimate == pytest.approx(0.3 * (quantile_of(users, 0.95) or 0), rel=0.02)
    assert gap == quantile_gap(slower, users)
    relative = quantile_gap(slower, users, scale=1.3)
    assert relative is not None
    assert relative.low < 0 < relative.high
    assert quantile_gap(users[:29], users) is None
    assert quantile_of((), 0.95) is None


def test_an_interval_of_the_slow_end_holds_no_gap_where_there_is_none() -> None:
    rng = np.random.default_rng(9)
    held = 0
    for _ in range(200):
        moods = rng.lognormal(0, 0.3, (2, 150, 1))
        ours, theirs = (tuple(map(tuple, arm.tolist())) for arm in moods * rng.lognormal(0, 0.3, (2, 150, 4)))
        gap = quantile_gap(ours, theirs)
        assert gap is not None
        held += gap.low <= 0 <= gap.high
    assert held >= 0.91 * 200


def test_agreement_is_that_of_the_textbook() -> None:
    """Krippendorff's own example of two raters and yes or no, ten units: alpha is 0.095."""
    one, other = (0, 1, 0, 0, 0, 0, 0, 0, 1, 0), (1, 1, 1, 0, 0, 1, 0, 0, 0, 0)
    assert krippendorff_alpha(zip(one, other, strict=True)) == pytest.approx(0.095, abs=5e-4)
    assert krippendorff_alpha([("a", "a"), ("b", "b")]) == 1
    assert krippendorff_alpha([("a", "a"), ("b",)]) is None


def test_power_and_the_least_effect_are_two_sides_of_one_formula() -> None:
    information = information_needed(0.03)
    assert least_effect(information) == pytest.approx(0.03)
    assert power(0.03, information) == pytest.approx(0.8)
    assert power(0.0, information) == pytest.approx(0.05)
    assert least_effect(0) == inf
    # Three turns a user with a correlation of 0.15: the design effect is 1.30.
    assert overdispersion(3, 0.15) == pytest.approx(1.30)


def test_the_told_gain_of_what_won_lies_nearer_to_the_truth() -> None:
    rng = np.random.default_rng(10)
    seen = rng.normal(0.02, 0.01, 20_000)
    won = [float(gain) for gain in seen if gain > 1.645 * 0.01]
    told = [shrunk(gain, 0.01) for gain in won]
    assert abs(np.mean(told) - 0.02) < abs(np.mean(won) - 0.02)
    assert all(0 <= one < gain for one, gain in zip(told, won, strict=True))
    assert shrunk(0.0, 0.01) == 0
