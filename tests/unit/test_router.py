"""The charter's intents by example."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shipmate.adapters.static_embedder import StaticEmbedder
from shipmate.answer.faq import Faq
from shipmate.errors import ModelUnavailable
from shipmate.router import OUT_OF_SCOPE_SHARE, Router, Topic
from shipmate.testing.hash_embedder import HashEmbedder

INTENTS = (
    Topic(name="reset_password", examples=("I forgot my password", "reset my password", "cannot log in")),
    Topic(name="refund", examples=("I want my money back", "how do refunds work", "refund my order")),
)
REFUSED = (Topic(name="legal", examples=("can I sue you", "give me legal advice"), reply="I give no legal advice."),)
LIBRARY = (
    Topic(
        name="renew_loan",
        examples=(
            "can I keep my books longer",
            "renew everything that I have borrowed",
            "extend the loan of a film",
            "I have not finished the novel, may I keep it",
            "how often can I renew",
        ),
    ),
    Topic(
        name="opening_hours",
        examples=(
            "when do you open on Saturday",
            "are you open on holidays",
            "until what time is the reading room open",
            "what are your hours",
            "do you close at noon",
        ),
    ),
    Topic(
        name="lost_card",
        examples=(
            "I have lost my card",
            "my card was stolen",
            "I need a new library card, mine is gone",
            "cannot find my card anywhere",
            "replace a missing card",
        ),
    ),
    Topic(
        name="pay_fine",
        examples=(
            "how do I pay a fine",
            "what do I owe for overdue books",
            "can the late fee be paid by card",
            "settle my penalty",
            "why was I charged for being late",
        ),
    ),
)
STATIC = StaticEmbedder()
ROUTERS = (Router(LIBRARY, REFUSED), Router(LIBRARY, REFUSED, STATIC))


class AwayEmbedder(HashEmbedder):
    """An embedder whose server is away, until it is back."""

    is_away = True

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.is_away:
            raise ModelUnavailable("the embedder's server is away", do="start it")
        return await super().embed(texts)


async def test_a_message_like_an_example_gets_its_intent() -> None:
    assert (await Router(INTENTS, REFUSED).route("please reset the password")).intent == "reset_password"


async def test_an_unlike_message_gets_no_intent() -> None:
    route = await Router(INTENTS, REFUSED).route("what is the weather in Lisbon?")
    assert route.intent == ""
    assert route.out_of_scope == ""


@pytest.mark.parametrize("embedder", [None, STATIC])
async def test_a_refused_topic_brings_the_charters_reply(embedder: StaticEmbedder | None) -> None:
    route = await Router(INTENTS, REFUSED, embedder).route("Give me legal advice, please")
    assert (route.out_of_scope, route.refusal) == ("legal", "I give no legal advice.")


@pytest.mark.parametrize("embedder", [None, STATIC])
async def test_without_a_charter_nothing_is_routed(embedder: StaticEmbedder | None) -> None:
    assert (await Router((), (), embedder).route("anything at all")).intent == ""


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("I'd like to borrow this novel for another week", "renew_loan"),
        ("at which hour does the library shut", "opening_hours"),
        ("somebody took my library card", "lost_card"),
        ("where do I settle what I owe", "pay_fine"),
    ],
)
async def test_with_an_embedder_other_words_for_the_same_get_the_intent(text: str, intent: str) -> None:
    assert (await Router(LIBRARY, (), STATIC).route(text)).intent == intent


@pytest.mark.parametrize("text", ["who won the election in Peru", "bake a cake without eggs", "", "???"])
async def test_with_an_embedder_what_the_charter_does_not_name_gets_no_intent(text: str) -> None:
    assert (await Router(LIBRARY, (), STATIC).route(text)).intent == ""


async def test_a_message_of_a_refused_topic_is_not_taken_for_an_intent() -> None:
    refused = (Topic(name="fines of others", examples=("what does my neighbour owe",), reply="I do not say."),)
    route = await Router(LIBRARY, refused, STATIC).route("my neighbour, what is it that he owes")
    assert route.intent == ""


async def test_few_of_the_examples_count_as_out_of_scope_when_the_router_does_not_know_them() -> None:
    examples = [(topic, text) for topic in LIBRARY for text in topic.examples]
    held = 0
    for _, left_out in examples:
        rest = [
            Topic(name=own.name, examples=tuple(text for text in own.examples if text != left_out)) for own in LIBRARY
        ]
        held += not (await Router(rest, (), STATIC).read(left_out)).is_in_scope
    assert held <= 1 + 2 * OUT_OF_SCOPE_SHARE * len(examples)


async def test_intents_that_cannot_be_told_apart_give_no_confidence() -> None:
    alike = [Topic(name=name, examples=LIBRARY[0].examples) for name in ("this", "that", "other")]
    assert (await Router(alike, (), STATIC).read("can I keep my books longer")).confidence <= 0.4


async def test_a_message_far_from_all_examples_has_less_confidence_than_every_example() -> None:
    router = Router(LIBRARY, (), STATIC)
    known = [(await router.read(text)).confidence for topic in LIBRARY for text in topic.examples]
    assert (await router.read("the melting point of tungsten")).confidence < min(known)


async def test_an_embedder_that_is_away_costs_no_turn() -> None:
    """The words alone decide, and the router learns when the embedder is back."""
    embedder = AwayEmbedder()
    router = Router(LIBRARY, (), embedder)
    by_words = await Router(LIBRARY, ()).route("I have lost my card")
    assert await router.route("I have lost my card") == by_words
    embedder.is_away = False
    assert await router.route("I have lost my card") != by_words


@given(st.text(max_size=200))
def test_any_text_is_routed_with_a_confidence_between_0_and_1(text: str) -> None:
    for router in ROUTERS:
        assert 0 <= asyncio.run(router.route(text)).confidence <= 1


@given(
    st.lists(st.lists(st.text(max_size=20), max_size=3), min_size=3, max_size=6),
    st.text(max_size=40),
)
def test_any_examples_are_learned_from(examples: list[list[str]], text: str) -> None:
    """Empty ones, the same twice, one intent without any: the router reads every message alike, twice the same."""
    intents = [Topic(name=f"intent_{number}", examples=tuple(own)) for number, own in enumerate(examples)]

    async def read() -> tuple[object, object]:
        return await Router(intents, (), HashEmbedder()).read(text), await Router(intents, (), HashEmbedder()).read(
            text
        )

    first, second = asyncio.run(read())
    assert first == second


def test_the_faq_answers_the_same_question_and_leaves_others_alone() -> None:
    faq = Faq((Topic(name="hours", examples=("What are your opening hours?",), reply="9 to 5."),))
    assert faq.same("what are your opening hours") == "9 to 5."
    assert faq.same("what are your hours on public holidays in Texas?") == ""
    assert faq.near("your opening hours?") == "9 to 5."
