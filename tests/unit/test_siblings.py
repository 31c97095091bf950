"""What a document says elsewhere speaks for its passages, and for no others."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.knowledge.siblings import siblings

keys = st.integers(-(2**63), 2**63 - 1)
scores = st.dictionaries(keys, st.floats(0.0009765625, 1), max_size=8)


@given(scores)
def test_passages_of_documents_of_their_own_gain_nothing(scores: dict[int, float]) -> None:
    assert siblings(scores, {key: str(key) for key in scores}) == {}


@given(scores)
def test_what_the_words_have_not_found_gains_nothing(scores: dict[int, float]) -> None:
    assert siblings(scores, {}) == {}


@given(scores, st.data())
def test_a_gain_is_never_more_than_the_share_of_the_best_other_passage(
    scores: dict[int, float], data: st.DataObject
) -> None:
    sources = {key: data.draw(st.sampled_from("ab")) for key in scores}
    gains = siblings(scores, sources)
    others = {
        key: [scores[other] for other in scores if other != key and sources[other] == sources[key]] for key in scores
    }
    assert gains == pytest.approx({key: 0.1 * max(own) for key, own in others.items() if own})


@given(scores)
def test_passages_of_one_document_keep_their_order(scores: dict[int, float]) -> None:
    gains = siblings(scores, dict.fromkeys(scores, "a"))
    after = sorted(scores, key=lambda key: -scores[key] - gains.get(key, 0.0))
    assert all(scores[one] >= scores[two] - 1e-9 for one, two in pairwise(after))


def test_of_two_passages_alike_the_one_whose_document_says_more_gains() -> None:
    gains = siblings({1: 0.5, 2: 0.5, 3: 0.2}, {1: "short.md", 2: "long.md", 3: "long.md"})
    assert gains == pytest.approx({2: 0.02, 3: 0.05})
