"""Paired comparisons find what is there and little else, and never depend on the order or on luck."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.statistics.paired import mcnemar, paired_bootstrap

DIFFERENCES = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=60)


@given(DIFFERENCES)
def test_the_mean_lies_in_its_interval_and_comes_out_the_same_again(differences: list[float]) -> None:
    found = paired_bootstrap(differences, draws=200)
    assert found == paired_bootstrap(differences, draws=200)
    assert found.low - 0.1 <= found.estimate <= found.high + 0.1
    assert found.estimate == pytest.approx(np.mean(differences))


def test_epochs_of_one_case_are_no_further_evidence() -> None:
    """A hundred epochs of each of ten cases leave the interval as wide as one epoch of each does."""
    once = [1.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    alone = paired_bootstrap(once)
    often = paired_bootstrap(once * 100, list(range(10)) * 100)
    assert often == alone
    assert paired_bootstrap(once * 100).high < alone.high / 2


def test_the_interval_holds_the_true_difference_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for seed in range(400):
        differences = rng.choice([-1.0, 0.0, 1.0], p=[0.05, 0.85, 0.10], size=300).tolist()
        found = paired_bootstrap(differences, draws=500, seed=seed)
        held += found.low <= 0.05 <= found.high
    assert held >= 0.92 * 400


def test_the_exact_test_of_pairs_is_the_binomial_one() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0
    # Six of six: twice 1/64.
    assert mcnemar(6, 0) == mcnemar(0, 6) == pytest.approx(2 / 64)
    assert mcnemar(1_500, 1_200) < 1e-7
