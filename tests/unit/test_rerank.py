"""A reranker puts in order what was found: nothing is lost, nothing comes in, and what it sees as equal stays."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from shipmate.knowledge.rerank import rerank
from shipmate.messages import Hit, Passage
from shipmate.testing.overlap_reranker import OverlapReranker


class Grader:
    """A reranker that was told its scores."""

    name = "grader"

    def __init__(self, scores: list[float]) -> None:
        self._scores = scores

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        assert question
        assert len(texts) == len(self._scores)
        return self._scores

    async def close(self) -> None:
        pass


def _hit(text: str, score: float = 1.0, title: str = "") -> Hit:
    passage = Passage(source=f"{text}.md", text=text, title=title, start=0, end=len(text))
    return Hit(passage=passage, score=score, legs={"lexical": score})


async def test_passage_that_answers_comes_first_with_its_scores() -> None:
    found = [_hit("The library opens at nine.", 2.0), _hit("Reset the password.", 1.0)]
    best, _ = await rerank("reset my password", found, OverlapReranker())
    assert best.passage.text == "Reset the password."
    assert best.legs["lexical"] == 1.0
    assert best.legs["reranker"] > 0


async def test_title_is_read_with_the_passage() -> None:
    found = [_hit("Press the button."), _hit("Click the link.", title="Reset a password")]
    best, _ = await rerank("password", found, OverlapReranker())
    assert best.passage.title == "Reset a password"


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0])))
async def test_order_is_the_scores_and_then_as_it_was(scores: list[float]) -> None:
    found = [_hit(str(place)) for place in range(len(scores))]
    ordered = await rerank("a question", found, Grader(scores))
    expected = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
    assert [int(hit.passage.text) for hit in ordered] == expected
