"""Legs are fused so that words lead, likeness helps, and the graph speaks as far as it is trusted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.knowledge.fusion import fuse, hinted, ranked
from shipmate.messages import Led

keys = st.integers(-(2**63), 2**63 - 1)
shares = st.floats(0.0009765625, 1)
legs = st.dictionaries(keys, shares, max_size=8)


def order(*shares: dict[int, float]) -> list[int]:
    return [key for key, _ in ranked(*shares)]


@given(legs)
def test_one_leg_alone_keeps_its_order(lexical: dict[int, float]) -> None:
    scale = 1 / max(lexical.values(), default=1.0)
    assert order(fuse(lexical, {})) == sorted(lexical, key=lambda key: (-lexical[key] * scale, key))


@given(legs, legs)
def test_what_words_or_likeness_found_is_there_with_a_score_between_0_and_1(
    lexical: dict[int, float], cosine: dict[int, float]
) -> None:
    fused = fuse(lexical, cosine)
    assert fused.keys() == {*lexical, *cosine}
    assert all(0 <= score <= 1 + 1e-9 for score in fused.values())


@given(legs, legs, legs)
def test_a_score_is_the_sum_of_its_shares_and_equal_ones_are_ordered_by_key(
    first: dict[int, float], second: dict[int, float], third: dict[int, float]
) -> None:
    sums = ranked(first, second, third)
    assert sorted(key for key, _ in sums) == sorted({*first, *second, *third})
    assert all(score == sum(own[key] for own in (first, second, third) if key in own) for key, score in sums)
    assert sums == sorted(sums, key=lambda scored: (-scored[1], scored[0]))


def test_a_trusted_graph_puts_its_page_first_and_another_only_hints() -> None:
    words = fuse({1: 10.0, 2: 8.0}, {})
    assert order(words, hinted(Led({3: 0.4}, 1.0))) == [3, 1, 2]
    assert order(words, hinted(Led({3: 0.4}, 0.0))) == [1, 2, 3]


def test_likeness_decides_between_passages_that_share_as_many_words() -> None:
    assert order(fuse({1: 9.0, 2: 9.0, 3: 3.0}, {1: 0.4, 2: 0.6, 3: 0.3})) == [2, 1, 3]


def test_likeness_counts_in_full_where_no_word_is_found() -> None:
    assert fuse({}, {1: 0.6, 2: 0.2}) == pytest.approx({1: 1.0, 2: 0.0})


def test_the_leg_whose_best_stands_out_counts_more() -> None:
    peaked, flat = {1: 1.0, 2: 0.1, 3: 0.1, 4: 0.0}, {1: 0.8, 2: 1.0, 3: 0.9, 4: 0.0}
    assert order(fuse(flat, peaked))[0] == 1
    assert order(fuse({2: 1.0, 1: 0.1, 3: 0.1, 4: 0.1}, {2: 0.8, 1: 1.0, 3: 0.9, 4: 0.0}))[0] == 2


@given(legs, legs, st.floats(0.1, 10), st.floats(-1, 1))
def test_neither_the_scale_of_words_nor_that_of_likeness_matters(
    lexical: dict[int, float], cosine: dict[int, float], factor: float, more: float
) -> None:
    scaled = fuse(
        {key: factor * score for key, score in lexical.items()},
        {key: factor * score + more for key, score in cosine.items()},
    )
    if len({round(score, 6) for score in cosine.values()}) == len(cosine):
        assert scaled == pytest.approx(fuse(lexical, cosine), abs=1e-6)
