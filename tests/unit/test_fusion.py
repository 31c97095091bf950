"""Legs are fused so that words lead, likeness helps, and the graph speaks as far as it is trusted."""

from hypothesis import given
from hypothesis import strategies as st

from shipmate.knowledge.fusion import fuse

keys = st.integers(-(2**63), 2**63 - 1)
shares = st.floats(0.0009765625, 1)
legs = st.dictionaries(keys, shares, max_size=8)


def order(**asked: object) -> list[int]:
    return [passage.key for passage in fuse(**asked)]  # type: ignore[arg-type]


@given(legs)
def test_one_leg_alone_keeps_its_order(lexical: dict[int, float]) -> None:
    assert order(lexical=lexical) == sorted(lexical, key=lambda key: (-lexical[key] / max(lexical.values()), key))


@given(legs, legs, legs, st.floats(0, 1))
def test_what_a_leg_found_is_there_once_and_its_score_is_the_sum_of_its_shares(
    lexical: dict[int, float], cosine: dict[int, float], graph: dict[int, float], trust: float
) -> None:
    fused = fuse(lexical=lexical, cosine=cosine, graph=graph, trust=trust)
    assert sorted(passage.key for passage in fused) == sorted({*lexical, *cosine, *graph})
    assert all(passage.score == sum(passage.legs.values()) for passage in fused)
    assert [passage.score for passage in fused] == sorted((passage.score for passage in fused), reverse=True)


def test_a_trusted_graph_puts_its_page_first_and_another_only_hints() -> None:
    lexical = {1: 10.0, 2: 8.0}
    assert order(lexical=lexical, graph={3: 0.4}, trust=1.0) == [3, 1, 2]
    assert order(lexical=lexical, graph={3: 0.4}, trust=0.0) == [1, 2, 3]


def test_likeness_decides_between_passages_that_share_as_many_words() -> None:
    assert order(lexical={1: 9.0, 2: 9.0, 3: 3.0}, cosine={1: 0.2, 2: 0.6, 3: 0.3}) == [2, 1, 3]
