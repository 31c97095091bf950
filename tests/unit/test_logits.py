"""What a cross-encoder says becomes a share: in order, between 0 and 1, and never out of range."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.adapters.logits import share_of_yes
from shipmate.errors import Damaged

NUMBERS = st.floats(-1e6, 1e6)


@given(NUMBERS, NUMBERS)
def test_a_higher_number_never_has_a_lower_share(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= share_of_yes([low]) <= share_of_yes([high]) <= 1


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_of_no_and_yes_the_shares_are_one_together(no: float, yes: float) -> None:
    assert share_of_yes([no, yes]) + share_of_yes([yes, no]) == pytest.approx(1)
    assert share_of_yes([0.0, yes]) == share_of_yes([yes])


@pytest.mark.parametrize("count", [0, 3, 384])
def test_a_model_that_says_more_is_no_cross_encoder(count: int) -> None:
    with pytest.raises(Damaged, match=f"{count} numbers"):
        share_of_yes([0.0] * count)
