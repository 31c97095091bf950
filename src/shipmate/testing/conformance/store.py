"""What every `Store` promises, as checks over a fresh one: `for check in CHECKS: await check(store)`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from shipmate.errors import Malformed, NoConversation, NoTurn, ShipmateError
from shipmate.messages import (
    Conversation,
    Event,
    Message,
    Question,
    Reply,
    ReplyKind,
    Role,
    Route,
    Scored,
    Step,
    Trace,
    TurnClosing,
    TurnOpening,
    Usage,
)
from shipmate.ports import PastQuestions, Store

__all__ = ["CHECKS", "JournalledStore", "closing", "conversation", "opening"]

HALF_A_CHARACTER = "\ud83d"
MEGABYTE = 1_000_000


class JournalledStore(Store, PastQuestions, Protocol):
    """A store whose journal can be read back."""

    async def events(self, after: int, limit: int) -> Sequence[tuple[int, Event]]:
        """Return the numbered entries that follow `after`; 0 is before the first."""


def conversation(conversation_id: str = "c1", *, caller: str = "ada", last_at: float = 1.0) -> Conversation:
    """Return a conversation that has just begun."""
    return Conversation(
        conversation_id=conversation_id,
        caller=caller,
        opened_at=1.0,
        last_at=last_at,
        issue_id="i1",
        last_intent="billing",
        language="de-CH",
        consent_id="k1",
    )


def opening(turn_id: str, text: str = "How?", *, of: Conversation | None = None) -> TurnOpening:
    """Return the opening of a turn, with one event."""
    thread = of or conversation()
    return TurnOpening(
        turn_id=turn_id,
        conversation=thread,
        message=Message(role=Role.USER, text=text, at=thread.last_at),
        events=(_event("assistant.turn.received", turn_id),),
    )


def closing(
    turn_id: str, text: str = "So.", *, of: Conversation | None = None, asked: Message | None = None
) -> TurnClosing:
    """Return the closing of a turn, with two events."""
    thread = of or conversation()
    return TurnClosing(
        conversation=thread,
        asked=asked,
        message=Message(role=Role.ASSISTANT, text=text, at=thread.last_at),
        trace=_trace(turn_id, text, thread.conversation_id),
        events=(_event("assistant.turn.completed", turn_id), _event("assistant.fallback", turn_id)),
    )


def _event(name: str, turn_id: str) -> Event:
    return Event(
        name=name, ts=1.0, event_id=f"{turn_id}/{name}", turn_id=turn_id, data={"kind": "answer", "cuts": {"link": 1}}
    )


def _trace(turn_id: str, text: str, conversation_id: str) -> Trace:
    return Trace(
        turn_id=turn_id,
        conversation_id=conversation_id,
        question="How?",
        standalone="How does it work?",
        route=Route(intent="billing", confidence=0.5),
        passages=(Scored(source="a.md", title="A", start=0, end=9, score=2.5, legs={"lexical": 2.5}),),
        cuts=(),
        steps=(Step(name="open", ms=0.25),),
        reply=Reply(
            kind=ReplyKind.ANSWER,
            text=text,
            citations=(),
            confidence=0.5,
            intent="billing",
            conversation_id=conversation_id,
            turn_id=turn_id,
            usage=Usage(),
            latency_ms=1.5,
            release="dev-1",
        ),
    )


async def _texts(store: Store, conversation_id: str = "c1", messages: int = 12) -> list[str]:
    thread = await store.conversation(conversation_id, "ada", messages=messages)
    return [message.text for message in thread.messages]


async def _names(store: JournalledStore) -> list[str]:
    return [event.name for _, event in await store.events(0, 100)]


async def _error(waiting: Awaitable[object]) -> ShipmateError:
    try:
        await waiting
    except ShipmateError as error:
        return error
    raise AssertionError("nothing was raised")


async def gives_back_what_was_committed(store: JournalledStore) -> None:
    """A turn comes back whole: conversation, both messages, trace and events."""
    asked, answered = opening("t1"), closing("t1")
    await store.open_turn(asked)
    await store.close_turn(answered)
    thread = await store.conversation("c1", "ada")
    assert thread.messages == (asked.message, answered.message)
    assert (thread.issue_id, thread.last_intent, thread.language, thread.consent_id) == ("i1", "billing", "de-CH", "k1")
    assert await store.trace("t1", "ada") == answered.trace
    assert [event for _, event in await store.events(0, 9)] == [*asked.events, *answered.events]


async def shows_the_question_before_the_reply(store: JournalledStore) -> None:
    """An open turn's message is there; its trace is not yet."""
    await store.open_turn(opening("t1", "Hello?"))
    assert await _texts(store) == ["Hello?"]
    assert isinstance(await _error(store.trace("t1", "ada")), NoTurn)


async def needs_no_awaiting(store: JournalledStore) -> None:
    """A write counts from the call on; what is awaited later comes after it."""
    first = store.open_turn(opening("t1", "one"))
    await store.open_turn(opening("t2", "two"))
    assert await _texts(store) == ["one", "two"]
    await first


async def keeps_the_order(store: JournalledStore) -> None:
    """Messages and entries stand in the order of their commits, whatever the ids."""
    for turn_id in ("t9", "t1", "t5"):
        await store.open_turn(opening(turn_id, f"{turn_id}?"))
        await store.close_turn(closing(turn_id, f"{turn_id}!"))
    assert await _texts(store) == ["t9?", "t9!", "t1?", "t1!", "t5?", "t5!"]
    entries = await store.events(0, 100)
    assert [event.turn_id for _, event in entries] == ["t9"] * 3 + ["t1"] * 3 + ["t5"] * 3
    middle = entries[3][0]
    assert list(await store.events(middle, 2)) == list(entries[4:6])


async def updates_the_conversation(store: JournalledStore) -> None:
    """The last closed turn's word on intent, episode, language and consent holds; the beginning stays."""
    await store.open_turn(opening("t1"))
    later = Conversation(
        conversation_id="c1", caller="ada", opened_at=7.0, last_at=8.0, issue_id="i2", last_intent="", language="fr"
    )
    await store.open_turn(opening("t2", of=later))
    assert (await store.conversation("c1", "ada")).issue_id == "i1"
    await store.close_turn(closing("t1", of=later))
    thread = await store.conversation("c1", "ada")
    assert (thread.opened_at, thread.last_at, thread.issue_id) == (1.0, 8.0, "i2")
    assert (thread.last_intent, thread.language, thread.consent_id) == ("", "fr", "")


async def limits_the_history(store: JournalledStore) -> None:
    """As many of the last messages as asked for, oldest first."""
    for number in range(20):
        await store.open_turn(opening(f"t{number}", f"{number}?"))
        await store.close_turn(closing(f"t{number}", f"{number}!"))
    assert await _texts(store, messages=0) == []
    assert await _texts(store, messages=3) == ["18!", "19?", "19!"]
    assert len(await _texts(store)) == 12
    assert await _texts(store, messages=100) == [f"{number}{sign}" for number in range(20) for sign in "?!"]
    assert await _texts(store, messages=3) == ["18!", "19?", "19!"]


async def hides_what_is_somebody_elses(store: JournalledStore) -> None:
    """Another caller's conversation and trace look exactly like unknown ones."""
    await store.open_turn(opening("t1"))
    await store.close_turn(closing("t1"))
    stranger = await _error(store.conversation("c1", "bob"))
    unknown = await _error(store.conversation("c2", "bob"))
    assert (type(stranger), str(stranger)) == (NoConversation, str(unknown))
    stranger, unknown = await _error(store.trace("t1", "bob")), await _error(store.trace("t2", "bob"))
    assert (type(stranger), str(stranger)) == (NoTurn, str(unknown))


async def lets_nobody_into_somebody_elses(store: JournalledStore) -> None:
    """A turn in another caller's conversation is refused and leaves nothing."""
    await store.open_turn(opening("t1", "mine"))
    foreign = conversation(caller="bob")
    assert isinstance(await _error(store.open_turn(opening("t2", of=foreign))), NoConversation)
    assert isinstance(await _error(store.close_turn(closing("t1", of=foreign))), NoConversation)
    answered = closing("t3", of=foreign, asked=opening("t3").message)
    assert isinstance(await _error(store.close_turn(answered)), NoConversation)
    assert await _texts(store) == ["mine"]
    assert await _names(store) == ["assistant.turn.received"]
    assert isinstance(await _error(store.trace("t1", "ada")), NoTurn)


async def opens_and_closes_once(store: JournalledStore) -> None:
    """What comes again with the same turn id changes nothing, also when it differs."""
    for text in ("first", "again"):
        await store.open_turn(opening("t1", text))
    for text in ("reply", "another"):
        await store.close_turn(closing("t1", text))
    await store.open_turn(opening("t1", "late", of=conversation(last_at=99.0)))
    assert await _texts(store) == ["first", "reply"]
    assert (await store.trace("t1", "ada")).reply.text == "reply"
    assert (await store.conversation("c1", "ada")).last_at == 1.0
    assert len(await _names(store)) == 3


async def opens_and_closes_in_one(store: JournalledStore) -> None:
    """A question that comes with its reply is kept with it, in a new conversation or in an old one."""
    for turn_id in ("t1", "t2"):
        later = conversation(last_at=float(turn_id[1:]))
        await store.close_turn(closing(turn_id, f"{turn_id}!", of=later, asked=opening(turn_id, f"{turn_id}?").message))
        assert (await store.conversation("c1", "ada")).last_at == later.last_at
    assert await _texts(store) == ["t1?", "t1!", "t2?", "t2!"]
    assert (await store.trace("t2", "ada")).reply.text == "t2!"
    assert len(await _names(store)) == 4


async def keeps_a_question_once(store: JournalledStore) -> None:
    """A question that comes again with its reply, or whose turn is closed already, changes nothing."""
    first, again = opening("t1", "first"), opening("t1", "again")
    await store.open_turn(first)
    for text in ("reply", "another"):
        await store.close_turn(closing("t1", text, asked=again.message))
    await store.open_turn(again)
    assert await _texts(store) == ["first", "reply"]
    assert len(await _names(store)) == 3


async def keeps_no_reply_without_its_question(store: JournalledStore) -> None:
    """A turn that was never opened cannot be closed."""
    assert isinstance(await _error(store.close_turn(closing("t1"))), NoTurn)
    await store.open_turn(opening("t2"))
    assert isinstance(await _error(store.close_turn(closing("t1"))), NoTurn)
    assert await _texts(store) == ["How?"]


async def takes_turns_at_once(store: JournalledStore) -> None:
    """A hundred turns in ten conversations at the same time: each comes back whole, in its own conversation."""

    async def turn(number: int) -> None:
        thread = conversation(f"c{number % 10}")
        await store.open_turn(opening(f"t{number}", f"{number}?", of=thread))
        await store.close_turn(closing(f"t{number}", f"{number}!", of=thread))

    await asyncio.gather(*(turn(number) for number in range(100)))
    for place in range(10):
        said = await _texts(store, f"c{place}", messages=100)
        assert sorted(said) == sorted(f"{number}{sign}" for number in range(place, 100, 10) for sign in "?!")
        assert all(said.index(f"{number}?") < said.index(f"{number}!") for number in range(place, 100, 10))
    assert len(await store.events(0, 1000)) == 300


async def keeps_every_character(store: JournalledStore) -> None:
    """Scripts, emoji, a null character, quotes and a megabyte come back as they went in."""
    texts = ["Grüezi, 你好, مرحبا 👩‍🚀", "null\x00inside", "'); DROP TABLE messages; --", "é" * MEGABYTE, " \n\t"]
    for number, text in enumerate(texts):
        await store.open_turn(opening(f"t{number}", text))
    assert await _texts(store) == texts


async def refuses_half_a_character(store: JournalledStore) -> None:
    """A lone surrogate is no text: that turn is refused, the others are kept."""
    writes = [store.open_turn(opening(f"t{n}", text)) for n, text in enumerate(["one", HALF_A_CHARACTER, "two"])]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), Malformed, type(None)]
    assert await _texts(store) == ["one", "two"]
    assert isinstance(await _error(store.close_turn(closing("t0", HALF_A_CHARACTER))), Malformed)
    await store.close_turn(closing("t0"))
    assert isinstance(await _error(store.conversation(HALF_A_CHARACTER, "ada")), ShipmateError)


async def records_events_without_a_turn(store: JournalledStore) -> None:
    """Events of no turn stand in the journal like the others."""
    await store.record([_event("assistant.limit", "")])
    await store.open_turn(opening("t1"))
    assert await _names(store) == ["assistant.limit", "assistant.turn.received"]


async def hands_out_copies(store: JournalledStore) -> None:
    """What a caller does to a record that it got, or gave, does not reach the store."""
    answered = closing("t1")
    await store.open_turn(opening("t1"))
    await store.close_turn(answered)
    answered.events[0].data["kind"] = "changed"
    answered.trace.passages[0].legs["lexical"] = 0.0
    (await store.trace("t1", "ada")).passages[0].legs["lexical"] = 0.0
    (await store.events(0, 9))[1][1].data["kind"] = "changed"
    assert (await store.trace("t1", "ada")).passages[0].legs == {"lexical": 2.5}
    assert (await store.events(0, 9))[1][1].data["kind"] == "answer"


async def tells_what_was_asked(store: JournalledStore) -> None:
    """The last questions are told, newest first, with what they were taken as; one without a reply is not."""
    for number in range(4):
        asked = Message(role=Role.USER, text=f"{number}?", at=1.0)
        await store.close_turn(closing(f"t{number}", of=conversation(f"c{number}"), asked=asked))
    await store.open_turn(opening("t9", of=conversation("c9")))
    told = await store.asked(3, "ada")
    assert [one.question for one in told] == [Question(text="How?", standalone="How does it work?")] * 3
    assert [(one.turn_id, one.caller) for one in told] == [("t3", "ada"), ("t2", "ada"), ("t1", "ada")]
    assert [len(await store.asked(limit, "ada")) for limit in (0, 1, 9)] == [0, 1, 4]


async def tells_what_was_said_before(store: JournalledStore) -> None:
    """A question comes with the last messages before it in its conversation, oldest first, and none of its own."""
    for number in range(8):
        asked = Message(role=Role.USER, text=f"{number}?", at=1.0)
        await store.close_turn(closing(f"t{number}", f"{number}!", asked=asked))
        await store.close_turn(closing(f"u{number}", of=conversation(f"e{number}", caller="eve"), asked=asked))
    own = [one for one in await store.asked(99, "ada") if one.caller == "ada"]
    said = [[message.text for message in one.question.history] for one in own]
    assert said[-2:] == [["0?", "0!"], []]
    assert said[0] == [f"{number}{sign}" for number in range(1, 7) for sign in "?!"]


async def shows_no_words_without_consent(store: JournalledStore) -> None:
    """A question may be shown to who asked it, and to others as long as there was consent and still is."""
    message = Message(role=Role.USER, text="How?", at=1.0)
    for number, (then, now) in enumerate([("k1", "k1"), ("k1", ""), ("", "k1"), ("", "")]):
        thread = msgspec.structs.replace(conversation(f"c{number}"), consent_id=now)
        closed = closing(f"t{number}", of=thread, asked=message)
        events = tuple(msgspec.structs.replace(event, consent=then) for event in closed.events)
        await store.close_turn(msgspec.structs.replace(closed, events=events))
    assert [one.may_be_shown for one in await store.asked(9, "ada")] == [True] * 4
    assert [one.may_be_shown for one in await store.asked(9, "eve")] == [False, False, False, True]


async def gives_back_traces(store: JournalledStore) -> None:
    """Traces come in the order that was asked for, whoever's they are; what is not there is left out."""
    asked = Message(role=Role.USER, text="How?", at=1.0)
    for number, caller in enumerate(("ada", "eve")):
        await store.close_turn(closing(f"t{number}", of=conversation(f"c{number}", caller=caller), asked=asked))
    assert [trace.turn_id for trace in await store.traces(["t1", "t9", "t0"])] == ["t1", "t0"]
    assert await store.traces([]) == []


async def closes_twice(store: JournalledStore) -> None:
    """Closing commits what is queued, and may be done again."""
    waiting = store.open_turn(opening("t1"))
    await store.close()
    await waiting
    await store.close()


CHECKS: tuple[Callable[[JournalledStore], Awaitable[None]], ...] = (
    gives_back_what_was_committed,
    shows_the_question_before_the_reply,
    needs_no_awaiting,
    keeps_the_order,
    updates_the_conversation,
    limits_the_history,
    hides_what_is_somebody_elses,
    lets_nobody_into_somebody_elses,
    opens_and_closes_once,
    opens_and_closes_in_one,
    keeps_a_question_once,
    keeps_no_reply_without_its_question,
    takes_turns_at_once,
    keeps_every_character,
    refuses_half_a_character,
    records_events_without_a_turn,
    hands_out_copies,
    tells_what_was_asked,
    tells_what_was_said_before,
    shows_no_words_without_consent,
    gives_back_traces,
    closes_twice,
)
