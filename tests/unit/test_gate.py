"""The gate decides on pairs of scores alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.gate_runs import gate_runs
from shipmate.evals.gate import Pair, Verdict, decide

BITS = st.sampled_from([0.0, 1.0])
CASES = st.lists(st.tuples(st.integers(0, 9), st.lists(BITS, min_size=1, max_size=7)), min_size=1, max_size=60)


@given(CASES)
@settings(max_examples=60, deadline=None)
def test_scores_that_are_the_same_never_block_nor_hold(cases: list[tuple[int, list[float]]]) -> None:
    pairs = [Pair(f"case {n}", f"cluster {c}", scores, scores) for n, (c, scores) in enumerate(cases)]
    assert decide(pairs, is_last=False).verdict is Verdict.PASS
    assert decide(pairs, is_last=True).verdict is Verdict.PASS


@given(CASES, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_cases_makes_no_difference(cases: list[tuple[int, list[float]]], random: object) -> None:
    pairs = [Pair(f"case {n}", f"cluster {c}", scores, scores[::-1][:1]) for n, (c, scores) in enumerate(cases)]
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decide(shuffled, is_last=True) == decide(pairs, is_last=True)


@given(CASES)
@settings(max_examples=60, deadline=None)
def test_nothing_but_gains_is_never_blocked(cases: list[tuple[int, list[float]]]) -> None:
    pairs = [Pair(f"case {n}", f"cluster {c}", scores, [1.0]) for n, (c, scores) in enumerate(cases)]
    assert decide(pairs, is_last=True).verdict is not Verdict.BLOCK


@pytest.mark.parametrize("epochs", [1, 7])
def test_a_critical_case_that_fails_once_blocks_whatever_the_others_gain(epochs: int) -> None:
    pairs = [Pair(f"case {n}", f"case {n}", [0.0], [1.0] * epochs) for n in range(300)]
    pairs.append(Pair("never", "never", [0.0], [*[1.0] * (epochs - 1), 0.0], critical=True))
    decision = decide(pairs, is_last=False)
    assert decision.verdict is Verdict.BLOCK
    assert decision.broken == ("never",)


def test_what_is_undecided_asks_for_more_and_in_the_end_for_a_person() -> None:
    pairs = [Pair(f"case {n}", f"case {n}", [float(n % 2)], [float(n % 4 > 1)]) for n in range(20)]
    assert decide(pairs, is_last=False).verdict is Verdict.MORE
    assert decide(pairs, is_last=True).verdict is Verdict.HOLD


def test_cases_that_fall_together_prove_less_than_as_many_that_fall_apart() -> None:
    scores = [[1.0]] * 270 + [[0.0]] * 30
    apart = [Pair(f"case {n:03}", f"case {n}", [1.0], after) for n, after in enumerate(scores)]
    together = [pair._replace(cluster=f"cluster {n // 30}") for n, pair in enumerate(apart)]
    assert decide(together, is_last=True).difference.low < decide(apart, is_last=True).difference.low


def test_an_unchanged_assistant_is_seldom_blocked_and_a_drop_of_five_points_mostly() -> None:
    assert gate_runs(7, 60, drop=0.0).verdicts.get(Verdict.BLOCK, 0) <= 6
    assert gate_runs(7, 60, drop=0.05).verdicts[Verdict.BLOCK] >= 54
