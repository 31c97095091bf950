"""Which exchanges count as solved: what ended with an answer that nobody complained of or asked for again."""

import pytest

from shipmate.memory.resolved import solved
from shipmate.messages import Citation, Episode, Exchange, ReplyKind

CITED = (Citation(source="a.md", title="A", quote="So it is.", start=0, end=9),)


def exchange(
    text: str, kind: ReplyKind = ReplyKind.ANSWER, citations: tuple[Citation, ...] = CITED, *, is_whole: bool = True
) -> Exchange:
    return Exchange(
        at=0.0, text=text, question=text, reply="So it is.", kind=kind, citations=citations, is_whole=is_whole
    )


def solved_of(*exchanges: Exchange) -> list[str]:
    episode = Episode(issue_id="i", conversation_id="c", caller="ada", exchanges=exchanges)
    return [own.text for own in solved(episode)]


def test_an_answer_that_was_left_at_rest_is_solved() -> None:
    assert solved_of(exchange("When are roses pruned?")) == ["When are roses pruned?"]


@pytest.mark.parametrize("kind", [kind for kind in ReplyKind if kind is not ReplyKind.ANSWER])
def test_an_episode_that_ends_without_an_answer_is_not(kind: ReplyKind) -> None:
    assert solved_of(exchange("When are roses pruned?"), exchange("And tulips?", kind)) == []


def test_answers_before_another_one_count_and_other_replies_do_not() -> None:
    asked = (exchange("Prune roses when?"), exchange("Sell bulbs?", ReplyKind.REFUSE), exchange("Plant tulips when?"))
    assert solved_of(*asked) == ["Prune roses when?", "Plant tulips when?"]


def test_of_a_question_that_was_put_again_only_the_last_answer_counts() -> None:
    asked = (exchange("When are roses pruned?"), exchange("When should roses be pruned?"))
    assert solved_of(*asked) == ["When should roses be pruned?"]


@pytest.mark.parametrize(
    "words", ["That's wrong.", "no", "No, I meant the red ones", "this did not help", "still the same error"]
)
def test_a_complaint_takes_back_the_answer_before_it(words: str) -> None:
    asked = (exchange("Plant tulips when?"), exchange("Prune roses when?"), exchange(words))
    assert solved_of(*asked) == []
    assert solved_of(*asked, exchange("Cut hedges when?")) == ["Plant tulips when?", words, "Cut hedges when?"]


def test_a_first_question_is_no_complaint() -> None:
    assert solved_of(exchange("My pump still does not start")) == ["My pump still does not start"]


def test_an_answer_that_cites_nothing_or_broke_off_is_no_example() -> None:
    assert solved_of(exchange("Who are you?", citations=())) == []
    assert solved_of(exchange("When are roses pruned?", is_whole=False)) == []


def test_an_episode_without_turns_has_solved_nothing() -> None:
    assert solved_of() == []
