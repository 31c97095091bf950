"""Equals stand in the order of their keys, however an index lists them."""

from hypothesis import given
from hypothesis import strategies as st

from shipmate.knowledge.equals import EQUAL, MOST, best_of, settled
from shipmate.knowledge.keys import passage_key
from shipmate.messages import Hit, Passage


def hit(number: int, score: float) -> Hit:
    passage = Passage(source=f"{number}.md", title=f"{number}", text=f"text {number}", start=0, end=6)
    return Hit(passage=passage, score=score, legs={"lexical": score})


def listed(hits: list[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda one: -one.score)


# Scores that are far apart, and many times the same.
steps = st.lists(st.integers(1, 5), min_size=1, max_size=60)
noise = st.floats(-EQUAL / 4, EQUAL / 4)


@given(scores=steps, data=st.data(), limit=st.integers(1, 40))
def test_what_is_best_does_not_depend_on_the_order_and_noise_of_the_index(
    scores: list[int], data: st.DataObject, limit: int
) -> None:
    exact = [hit(number, float(score)) for number, score in enumerate(scores)]
    noisy = [hit(number, score * (1 + data.draw(noise))) for number, score in enumerate(scores)]
    shuffled = listed(data.draw(st.permutations(noisy)))

    one = best_of(lambda count: listed(exact)[:count], limit)
    other = best_of(lambda count: shuffled[:count], limit)

    assert [found.passage for found in one] == [found.passage for found in other]


def test_equals_get_one_score_and_stand_by_key() -> None:
    found = settled([hit(1, 2.0), hit(2, 2.0 - 1e-6), hit(3, 1.0)])
    assert [one.score for one in found] == [2.0, 2.0, 1.0]
    assert [one.legs for one in found] == [{"lexical": 2.0}, {"lexical": 2.0}, {"lexical": 1.0}]
    keys = [passage_key(one.passage) for one in found[:2]]
    assert keys == sorted(keys)


def test_no_more_than_a_bounded_number_is_looked_at() -> None:
    asked = []

    def find(count: int) -> list[Hit]:
        asked.append(count)
        return [hit(number, 1.0) for number in range(count)]

    assert len(best_of(find, 50)) == 50
    assert max(asked) == MOST
