"""A follow-up becomes understandable without its conversation; a question that stands alone is left as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.answer.followup import standalone
from shipmate.messages import Message, Role
from shipmate.text import stems


def conversation(*texts: str) -> tuple[Message, ...]:
    """Return a conversation in which user and assistant take turns, the user first."""
    roles = (Role.USER, Role.ASSISTANT)
    return tuple(Message(role=roles[n % 2], text=text, at=float(n)) for n, text in enumerate(texts))


LICENCE = conversation(
    "How much does a fishing licence cost in Ohio?",
    "A yearly licence costs 25 dollars.",
)


@pytest.mark.parametrize(
    ("text", "carried"),
    [
        ("How long is it valid?", "fishing licence"),
        ("And in Texas?", "fishing licence cost"),
        ("What about free ones?", "fishing licence"),
        ("the daily one.", "fishing licence"),
        ("No, I meant hunting.", "licence cost"),
        ("Why?", "fishing licence"),
        ("How do I apply?", "fishing licence"),
        ("Are there other options?", "fishing licence"),
        ("Do the same rules hold for children?", "fishing licence"),
        ("where can I read about that?", "fishing licence"),
    ],
)
def test_a_follow_up_keeps_its_words_and_gets_those_that_it_leans_on(text: str, carried: str) -> None:
    rewritten = standalone(text, LICENCE)
    assert rewritten.startswith(f"{text} (")
    assert set(stems(carried)) <= set(stems(rewritten))


@pytest.mark.parametrize(
    "text",
    [
        "By the way, what is a secret?",
        "What is a hunting season?",
        "And who was Neil Armstrong?",
        "Can I rent a boat on Lake Erie in winter?",
        "When a driver loses the card, how does he get a new one?",
        "Is it possible to return library books elsewhere?",
        "I heard that the museum closes early today",
        "What happens at the lake this year in summer?",
        "OAuth",
        "Thank you!",
        "Kann ich mein Boot im Hafen lassen?",
    ],
)
def test_a_message_that_stands_alone_is_unchanged(text: str) -> None:
    assert standalone(text, LICENCE) == text


def test_without_a_conversation_nothing_is_added() -> None:
    assert standalone("How does it work?", ()) == "How does it work?"


def test_words_that_the_message_already_has_are_not_repeated() -> None:
    assert standalone("Is that licence valid in Ohio?", LICENCE) == "Is that licence valid in Ohio? (fishing cost)"


def test_a_chain_of_follow_ups_reaches_back_to_the_topic() -> None:
    history = conversation(
        "What does the Harbour Pass include?",
        "Entry to all piers.",
        "How much is it?",
        "Ten euros.",
        "Thanks!",
        "Sure.",
    )
    assert "Harbour Pass" in standalone("Where do I get it?", history)


def test_a_topic_that_was_left_is_not_carried() -> None:
    history = conversation(
        "What is a mooring?", "A place to tie up.", "Tell me about storm warnings", "They come daily."
    )
    rewritten = standalone("Who issues them?", history)
    assert "storm warnings" in rewritten
    assert "mooring" not in rewritten


def test_a_name_that_only_the_assistant_said_is_found() -> None:
    history = conversation("where can i swim?", "You can swim at the Old Harbour Baths every day, or in Mill Pond.")
    assert standalone("Is it heated?", history) == "Is it heated? (swim, Old Harbour Baths)"


def test_what_is_pointed_at_is_chosen_among_the_names_of_a_reply() -> None:
    history = conversation("where can i swim?", "You can swim at the Old Harbour Baths every day, or in Mill Pond.")
    assert standalone("Is that pond clean?", history) == "Is that pond clean? (swim, Mill Pond)"


@given(
    st.text(max_size=80),
    st.lists(st.tuples(st.sampled_from(list(Role)), st.text(max_size=80)), max_size=6),
)
def test_the_message_itself_is_never_changed_and_little_is_added(text: str, said: list[tuple[Role, str]]) -> None:
    history = [Message(role=role, text=words, at=0.0) for role, words in said]
    rewritten = standalone(text, history)
    assert rewritten.startswith(text)
    assert len(rewritten) <= len(text) + sum(len(words) for _, words in said) + 200


@given(st.lists(st.text(max_size=40), max_size=6))
def test_the_words_of_tools_and_rules_are_never_carried(texts: list[str]) -> None:
    history = [Message(role=Role.TOOL if n % 2 else Role.SYSTEM, text=text, at=0.0) for n, text in enumerate(texts)]
    assert standalone("How does it work?", history) == "How does it work?"
