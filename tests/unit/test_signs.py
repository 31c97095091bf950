"""What a message says of the answers before it, heard while its words are known and kept as none."""

import pytest

from shipmate.memory.signs import QUESTIONS, REOPENED_S, Signs
from shipmate.messages import Conversation, Heard, Message, Question, Role, Route

MINUTE = 60.0
ASKED = "How do I reset my password?"


def heard(
    signs: Signs,
    text: str,
    at: float = 0.0,
    *,
    issue: str = "i1",
    intent: str = "password",
    caller: str = "ada",
    before: str = "",
    said_before: str = "",
    turn: str = "",
) -> Heard:
    messages = (Message(role=Role.USER, text=said_before, at=0.0),) if said_before else ()
    conversation = Conversation(
        conversation_id="c1",
        caller=caller,
        opened_at=0.0,
        last_at=0.0,
        issue_id=before,
        last_intent=intent,
        messages=messages,
    )
    return signs.heard(
        conversation,
        Question(text=text, standalone=text),
        Route(intent=intent, confidence=0.9),
        turn_id=turn or f"t{at:g}",
        issue_id=issue,
        now=at,
    )


@pytest.mark.parametrize("text", ["thanks, that works", "Perfect!", "ok thank you", "It worked now"])
def test_thanks_are_heard(text: str) -> None:
    assert heard(Signs(), text, before="i1", said_before=ASKED).sign == "thanks"


@pytest.mark.parametrize("text", ["no, that's wrong", "That did not help", "useless"])
def test_a_complaint_is_heard_where_something_was_answered(text: str) -> None:
    assert heard(Signs(), text, before="i1", said_before=ASKED).sign == "negative"
    assert heard(Signs(), text).sign != "negative"


@pytest.mark.parametrize("text", ["Thanks, but how do I pay?", ASKED])
def test_a_question_is_neither(text: str) -> None:
    assert heard(Signs(), text, before="i1", said_before=ASKED).sign == ""


def test_the_same_question_put_again_names_the_answer_that_did_not_help() -> None:
    signs = Signs()
    heard(signs, ASKED, turn="first")
    again = heard(signs, "How can I reset my password", 4 * MINUTE, before="i1").reask
    assert again is not None
    assert (again.turn_id, again.issue_id, again.gap_s) == ("first", "i1", 240.0)
    assert again.dissatisfied >= 0.5


def test_it_is_known_in_another_conversation_and_to_nobody_else() -> None:
    signs = Signs()
    heard(signs, ASKED)
    assert heard(signs, ASKED, MINUTE, issue="i2").reask is not None
    assert heard(signs, ASKED, MINUTE, issue="i2", caller="bob").reask is None
    assert heard(signs, ASKED, REOPENED_S + 2 * MINUTE, issue="i2").reask is None


def test_another_question_of_the_same_intent_is_no_complaint() -> None:
    signs = Signs()
    heard(signs, ASKED)
    assert heard(signs, "How long is the link in the mail valid?", MINUTE, before="i1").reask is None
    assert heard(signs, "I still cannot log in", 2 * MINUTE, before="i1").reask is not None


def test_a_new_process_knows_the_conversation_it_is_in() -> None:
    again = heard(Signs(), ASKED, MINUTE, before="i1", said_before=ASKED).reask
    assert again is not None
    assert (again.turn_id, again.issue_id) == ("", "i1")


def test_thanks_put_no_question_again() -> None:
    signs = Signs()
    heard(signs, "thanks")
    assert heard(signs, "thanks", MINUTE, before="i1", said_before="thanks").reask is None


def test_no_words_are_kept_and_few_questions_of_each() -> None:
    signs = Signs()
    for number in range(3 * QUESTIONS):
        heard(signs, f"Question {number} about Zanzibar", number * MINUTE)
    (kept,) = signs._earlier.values()
    assert len(kept) == QUESTIONS
    assert "Zanzibar" not in repr(kept)
    assert "zanzibar" not in repr(kept)
