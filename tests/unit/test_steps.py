"""Counts in steps stay near the count, never fall as it grows, and mostly stay when one passage comes or goes."""

import math

from hypothesis import given
from hypothesis import strategies as st

from shipmate.knowledge.steps import in_octaves, in_thirtyseconds
from shipmate.release.impact.slopes import shortened

counts = st.integers(0, 10**9)


@given(counts)
def test_a_step_is_near_the_count(count: int) -> None:
    assert abs(in_thirtyseconds(count) - count) <= count / 32
    if count:
        assert abs(math.log2(in_octaves(count) / count)) <= 0.5 + 1e-9


@given(counts, counts)
def test_steps_never_fall(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert in_thirtyseconds(low) <= in_thirtyseconds(high)
    assert in_octaves(low) <= in_octaves(high)


def test_small_counts_count_each_passage() -> None:
    assert [in_thirtyseconds(count) for count in range(32)] == list(range(32))


def test_most_counts_stay_in_their_step() -> None:
    moved = sum(in_thirtyseconds(count) != in_thirtyseconds(count + 1) for count in range(5000, 6000))
    assert moved <= 1000 // 256 + 1


@given(st.integers(0, 1_000_000))
def test_a_length_is_shortened_by_no_more_than_an_eighth(length: int) -> None:
    assert length * 0.875 <= shortened(length) <= length
