"""What a document says elsewhere speaks for its passages, and for no others."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shipmate.knowledge.fusion import Fused
from shipmate.knowledge.rerank import rerank
from shipmate.messages import Passage

keys = st.integers(-(2**63), 2**63 - 1)
shares = st.dictionaries(st.sampled_from(["lexical", "dense", "graph"]), st.floats(0.0009765625, 1), min_size=1)
legs = st.dictionaries(keys, shares, max_size=8)


def fused(legs: dict[int, dict[str, float]]) -> list[Fused]:
    made = [Fused(key, sum(own.values()), own) for key, own in legs.items()]
    return sorted(made, key=lambda passage: (-passage.score, passage.key))


def passage(source: str) -> Passage:
    return Passage(source=source, title="", text="Say so.", start=0, end=7)


@given(legs)
def test_passages_of_documents_of_their_own_stay_as_they_were(legs: dict[int, dict[str, float]]) -> None:
    assert rerank(fused(legs), {key: passage(str(key)) for key in legs}) == fused(legs)


@given(legs)
def test_what_the_words_have_not_found_gains_nothing(legs: dict[int, dict[str, float]]) -> None:
    assert rerank(fused(legs), {}) == fused(legs)


@given(legs, st.data())
def test_no_passage_is_lost_none_falls_and_the_order_is_by_score_then_key(
    legs: dict[int, dict[str, float]], data: st.DataObject
) -> None:
    found = {key: passage(data.draw(st.sampled_from("ab"))) for key in legs}
    before = {one.key: one.score for one in fused(legs)}
    after = rerank(fused(legs), found)
    assert {one.key for one in after} == before.keys()
    assert all(one.score >= before[one.key] for one in after)
    assert after == sorted(after, key=lambda one: (-one.score, one.key))


@given(legs)
def test_passages_of_one_document_keep_their_order_where_no_graph_speaks(legs: dict[int, dict[str, float]]) -> None:
    alone = {key: {"lexical": own.get("lexical", 0.5)} for key, own in legs.items()}
    after = rerank(fused(alone), dict.fromkeys(alone, passage("a")))
    assert all(alone[one.key]["lexical"] >= alone[two.key]["lexical"] - 1e-9 for one, two in pairwise(after))


def test_of_two_passages_alike_the_one_whose_document_says_more_comes_first() -> None:
    legs = {1: {"lexical": 0.5}, 2: {"lexical": 0.5}, 3: {"lexical": 0.2}}
    found = {1: passage("short.md"), 2: passage("long.md"), 3: passage("long.md")}
    assert [one.key for one in rerank(fused(legs), found)] == [2, 1, 3]


def test_where_the_graph_leads_says_nothing_of_the_neighbours() -> None:
    legs = {1: {"graph": 14.0}, 2: {"lexical": 0.5}, 3: {"lexical": 0.6}}
    found = {1: passage("led.md"), 2: passage("led.md"), 3: passage("other.md")}
    assert [one.key for one in rerank(fused(legs), found)] == [1, 3, 2]
