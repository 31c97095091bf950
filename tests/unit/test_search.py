"""Search puts the passage that answers first."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from shipmate.knowledge.collection import Collection
from shipmate.knowledge.search import Search
from shipmate.messages import Hit, Passage, Question
from shipmate.testing.memory_index import MemoryIndex


def _passage(source: str, text: str, *, title: str = "", headings: tuple[str, ...] = ()) -> Passage:
    return Passage(source=source, title=title, headings=headings, text=text, start=0, end=len(text))


def _search(*passages: Passage) -> Search:
    index = MemoryIndex()
    index.write([(passage.source, "1", [passage]) for passage in passages], [])
    return Search(Collection(index=index))


def _found(search: Search, question: Question, limit: int = 8) -> list[Hit]:
    return asyncio.run(search.passages(question, limit))


def _sources(search: Search, words: str, limit: int = 8) -> list[str]:
    return [hit.passage.source for hit in _found(search, Question(text=words, standalone=words), limit)]


def test_words_that_stand_together_in_the_question_stand_together_in_the_best_passage() -> None:
    search = _search(
        _passage("apart.md", "The balancer of power carries a load. A load of the balancer."),
        _passage("together.md", "A load balancer spreads requests over machines and restarts those that fail."),
        _passage("other.md", "Nothing of the kind."),
    )
    assert _sources(search, "Which load balancers are there?")[0] == "together.md"


def test_phrases_are_found_through_stop_words_and_endings() -> None:
    search = _search(
        _passage("apart.md", "Each service has other terms, and what the service costs stands in the terms."),
        _passage("together.md", "Our terms of service change once a year, in spring or in autumn."),
    )
    assert _sources(search, "terms of services")[0] == "together.md"


def test_heading_that_says_what_is_asked_wins() -> None:
    search = _search(
        _passage("long.md", "Reset it.", headings=("How to reset a password, a router, a clock and a counter",)),
        _passage("short.md", "Reset it.", headings=("Reset a password",)),
    )
    assert _sources(search, "reset password")[0] == "short.md"


def test_passages_that_say_the_same_are_shown_once() -> None:
    search = _search(
        *(_passage(f"{number}.md", "A zebra has stripes.") for number in range(9)), _passage("x.md", "One zebra.")
    )
    one, other = sorted(_sources(search, "zebra"))
    assert other == "x.md"
    assert one in {f"{number}.md" for number in range(9)}


def test_the_rewritten_question_is_searched() -> None:
    search = _search(_passage("a.md", "A zebra has stripes."), _passage("b.md", "A lion has none."))
    (hit,) = _found(search, Question(text="And that one?", standalone="zebra"))
    assert hit.passage.source == "a.md"
    assert hit.legs["lexical"] > 0


def test_a_question_without_content_finds_nothing() -> None:
    search = _search(_passage("a.md", "A zebra has stripes."))
    assert _sources(search, "") == _sources(search, "What about it?") == _sources(search, "?!") == []
    assert _sources(_search(), "zebra") == []


@given(st.text(), st.text(), st.integers(1, 40))
def test_any_question_is_answered_in_order_and_within_its_limit(question: str, text: str, limit: int) -> None:
    search = _search(*(_passage(f"{number}.md", f"{text} {number}", title=text) for number in range(30)))
    for standalone in (question, text, f"{text} {question}"):
        hits = _found(search, Question(text=question, standalone=standalone), limit)
        scores = [hit.score for hit in hits]
        assert len(hits) <= limit
        assert scores == sorted(scores, reverse=True)
        assert len({hit.passage.text for hit in hits}) == len(hits)
