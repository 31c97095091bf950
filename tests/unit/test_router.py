"""The charter's intents by example."""

from hypothesis import given
from hypothesis import strategies as st

from shipmate.answer.faq import Faq
from shipmate.router import Router, Topic

INTENTS = (
    Topic(name="reset_password", examples=("I forgot my password", "reset my password", "cannot log in")),
    Topic(name="refund", examples=("I want my money back", "how do refunds work", "refund my order")),
)
REFUSED = (Topic(name="legal", examples=("can I sue you", "give me legal advice"), reply="I give no legal advice."),)


def test_a_message_like_an_example_gets_its_intent() -> None:
    assert Router(INTENTS, REFUSED).route("please reset the password").intent == "reset_password"


def test_an_unlike_message_gets_no_intent() -> None:
    route = Router(INTENTS, REFUSED).route("what is the weather in Lisbon?")
    assert route.intent == ""
    assert route.out_of_scope == ""


def test_a_refused_topic_brings_the_charters_reply() -> None:
    route = Router(INTENTS, REFUSED).route("Give me legal advice, please")
    assert (route.out_of_scope, route.refusal) == ("legal", "I give no legal advice.")


def test_without_a_charter_nothing_is_routed() -> None:
    assert Router((), ()).route("anything at all").intent == ""


@given(st.text(max_size=200))
def test_any_text_is_routed_with_a_confidence_between_0_and_1(text: str) -> None:
    assert 0 <= Router(INTENTS, REFUSED).route(text).confidence <= 1


def test_the_faq_answers_the_same_question_and_leaves_others_alone() -> None:
    faq = Faq((Topic(name="hours", examples=("What are your opening hours?",), reply="9 to 5."),))
    assert faq.same("what are your opening hours") == "9 to 5."
    assert faq.same("what are your hours on public holidays in Texas?") == ""
    assert faq.near("your opening hours?") == "9 to 5."
