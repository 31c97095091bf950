"""Thumbs: a click more writes nothing, a flood is refused, and memory is bounded."""

import pytest

from shipmate.errors import RateLimited
from shipmate.insight.thumbs import Thumbs

HOUR_S = 3600.0


def test_the_same_said_again_is_no_news() -> None:
    thumbs = Thumbs()
    assert [thumbs.is_news("t", *said, 0.0) for said in ((1, ""), (1, ""), (-1, ""), (-1, "wrong"), (-1, "wrong"))] == [
        True, False, True, True, False,
    ]  # fmt: skip


def test_a_flood_of_changes_is_refused_for_that_turn_and_for_an_hour() -> None:
    thumbs = Thumbs()
    taken = sum(thumbs.is_news("t", 1 - 2 * (n % 2), "", float(n)) for n in range(10))
    assert taken == 10
    for n in range(10, 1000):
        with pytest.raises(RateLimited) as refused:
            thumbs.is_news("t", 1, "", float(n))
        assert refused.value.retry_after_s == HOUR_S - n
    assert thumbs.is_news("another", 1, "", 1000.0)
    assert thumbs.is_news("t", 1, "", HOUR_S)


def test_of_however_many_turns_a_bounded_number_is_remembered() -> None:
    thumbs = Thumbs()
    assert all(thumbs.is_news(f"t{n}", 1, "", 0.0) for n in range(30_000))
    assert len(thumbs) == 20_000
    assert not thumbs.is_news("t29999", 1, "", 0.0)
