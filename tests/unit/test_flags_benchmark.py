"""The benchmark of flags measures what it says."""

import random

from benchmarks.flags import _kolmogorov_smirnov, measure


def test_its_figures_are_those_of_the_built_in_source() -> None:
    figures = measure(20_000, 3)
    assert figures["moved_by_ramp"] == 0
    assert figures["moved_by_restart"] == 0
    assert isinstance(figures["us_per_arm"], float)
    assert figures["us_per_arm"] < 50
    uniformity = figures["uniformity"]
    assert isinstance(uniformity, dict)
    assert uniformity["p_min"] > 1e-6


def test_it_would_see_p_values_that_are_not_uniform() -> None:
    rng = random.Random(3)
    uniform = [rng.random() for _ in range(200)]
    assert _kolmogorov_smirnov(uniform) > 0.01
    assert _kolmogorov_smirnov([p * p for p in uniform]) < 0.001
