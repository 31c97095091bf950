"""What every `Episodes` promises of a store's conversations, as checks over a fresh one: `await check(store)`."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from shipmate.errors import NoConversation, NoTurn
from shipmate.messages import Citation, Conversation, Exchange, Message, Role, TurnClosing
from shipmate.ports import Episodes, Store
from shipmate.testing.conformance.store import closing, conversation, opening

__all__ = ["CHECKS", "RecallingStore", "thread", "turn"]


class RecallingStore(Store, Episodes, Protocol):
    """A store whose past conversations can be read and erased."""


def thread(
    name: str, *, caller: str = "ada", at: float = 1.0, issue_id: str = "", consent_id: str = "k1"
) -> Conversation:
    """Return a conversation as it is after a turn at that time."""
    begun = conversation(name, caller=caller, last_at=at)
    return msgspec.structs.replace(begun, issue_id=issue_id or f"{name}-issue", consent_id=consent_id)


def turn(
    turn_id: str, of: Conversation, question: str = "How?", reply: str = "So.", citations: Sequence[Citation] = ()
) -> TurnClosing:
    """Return a whole turn at the conversation's last moment."""
    asked = Message(role=Role.USER, text=question, at=of.last_at)
    closed = closing(turn_id, reply, of=of, asked=asked)
    said = msgspec.structs.replace(closed.trace.reply, citations=tuple(citations))
    trace = msgspec.structs.replace(closed.trace, question=question, standalone=question, reply=said)
    return msgspec.structs.replace(closed, trace=trace)


async def _rested(store: Episodes, *, since: float = 0.0, until: float = 100.0, limit: int = 100) -> list[str]:
    return list(await store.rested(since=since, until=until, limit=limit))


async def _raises(waiting: Awaitable[object], kind: type[Exception]) -> bool:
    try:
        await waiting
    except kind:
        return True
    return False


async def gives_back_an_episode(store: RecallingStore) -> None:
    """Its turns come back as they came, with whose they are and what they cite."""
    cited = Citation(source="a.md", title="A", quote="So", start=0, end=2)
    await store.close_turn(turn("t1", thread("c1", at=1.0), "How?", "So.", [cited]))
    await store.close_turn(turn("t2", thread("c1", at=2.0), "And now?", "Then so."))
    (episode,) = await store.episodes(await _rested(store))
    assert (episode.issue_id, episode.conversation_id, episode.caller) == ("c1-issue", "c1", "ada")
    kind = turn("t", thread("c")).trace.reply.kind
    assert episode.exchanges == (
        Exchange(at=1.0, text="How?", question="How?", reply="So.", kind=kind, citations=(cited,)),
        Exchange(at=2.0, text="And now?", question="And now?", reply="Then so.", kind=kind),
    )


async def knows_turns_that_were_opened_before(store: RecallingStore) -> None:
    """A turn whose question was committed before its reply is in its episode too."""
    place = thread("c1")
    await store.open_turn(opening("t1", "How?", of=place))
    assert await _rested(store) == []
    await store.close_turn(closing("t1", of=place))
    assert await _rested(store) == ["c1-issue"]


async def tells_when_an_episode_came_to_rest(store: RecallingStore) -> None:
    """The last turn counts; newest first, as many as asked for."""
    for number, at in enumerate((5.0, 1.0, 9.0)):
        await store.close_turn(turn(f"t{number}", thread(f"c{number}", at=at)))
    assert await _rested(store) == ["c2-issue", "c0-issue", "c1-issue"]
    assert await _rested(store, limit=2) == ["c2-issue", "c0-issue"]
    assert await _rested(store, since=2.0, until=8.0) == ["c0-issue"]
    await store.close_turn(turn("t9", thread("c1", at=20.0)))
    assert await _rested(store, until=10.0) == ["c2-issue", "c0-issue"]


async def keeps_episodes_of_a_conversation_apart(store: RecallingStore) -> None:
    """Each has its own turns and its own rest."""
    await store.close_turn(turn("t1", thread("c1", at=1.0, issue_id="i1")))
    await store.close_turn(turn("t2", thread("c1", at=2.0, issue_id="i2"), "And this?"))
    assert await _rested(store) == ["i2", "i1"]
    first, second = await store.episodes(["i1", "i2"])
    assert [exchange.text for exchange in (*first.exchanges, *second.exchanges)] == ["How?", "And this?"]


async def leaves_out_what_has_no_consent(store: RecallingStore) -> None:
    """A turn without consent is in no episode, and with it its conversation's earlier ones rest no more."""
    await store.close_turn(turn("t1", thread("c1", consent_id="")))
    assert await _rested(store) == []
    assert list(await store.episodes(["c1-issue"])) == []
    await store.close_turn(turn("t2", thread("c1", at=2.0), "And now?"))
    assert await _rested(store) == ["c1-issue"]
    (episode,) = await store.episodes(["c1-issue"])
    assert [exchange.text for exchange in episode.exchanges] == ["And now?"]
    await store.close_turn(turn("t3", thread("c1", at=3.0, consent_id="")))
    assert await _rested(store) == []


async def counts_a_turn_once(store: RecallingStore) -> None:
    """What comes again with the same turn id changes nothing."""
    for text in ("first", "again"):
        await store.close_turn(turn("t1", thread("c1"), text))
    (episode,) = await store.episodes(["c1-issue"])
    assert [exchange.text for exchange in episode.exchanges] == ["first"]


async def forgets_a_caller(store: RecallingStore) -> None:
    """All conversations of the caller are gone, also those without consent; everybody else's stay."""
    await store.close_turn(turn("t1", thread("c1")))
    await store.close_turn(turn("t2", thread("c2", consent_id="")))
    await store.close_turn(turn("t3", thread("c3", caller="bob")))
    assert await store.erasures() == 0
    assert await store.erase("ada") == 2
    assert await _rested(store) == ["c3-issue"]
    assert list(await store.episodes(["c1-issue"])) == []
    for conversation_id in ("c1", "c2"):
        assert await _raises(store.conversation(conversation_id, "ada"), NoConversation)
    assert await _raises(store.trace("t1", "ada"), NoTurn)
    assert len((await store.conversation("c3", "bob")).messages) == 2
    assert await store.erasures() == 1


async def forgets_a_conversation(store: RecallingStore) -> None:
    """The one of that id is gone, and its caller's others stay."""
    await store.close_turn(turn("t1", thread("c1")))
    await store.close_turn(turn("t2", thread("c2")))
    assert await store.erase("c1") == 1
    assert await _rested(store) == ["c2-issue"]
    assert await _raises(store.trace("t1", "ada"), NoTurn)


async def forgets_nobody_unknown(store: RecallingStore) -> None:
    """Who is not there cannot be forgotten: nothing changes, and nobody has to look again."""
    await store.close_turn(turn("t1", thread("c1")))
    assert await store.erase("zoe") == 0
    assert await _rested(store) == ["c1-issue"]
    assert await store.erasures() == 0


async def begins_anew_after_it_forgot(store: RecallingStore) -> None:
    """A forgotten conversation cannot be gone on with by an open turn, and its id may be used again."""
    place = thread("c1")
    await store.open_turn(opening("t1", "How?", of=place))
    await store.erase("c1")
    assert await _raises(store.close_turn(closing("t1", of=place)), NoTurn)
    await store.close_turn(turn("t2", place, "Again?"))
    assert [message.text for message in (await store.conversation("c1", "ada")).messages] == ["Again?", "So."]


CHECKS: tuple[Callable[[RecallingStore], Awaitable[None]], ...] = (
    gives_back_an_episode,
    knows_turns_that_were_opened_before,
    tells_when_an_episode_came_to_rest,
    keeps_episodes_of_a_conversation_apart,
    leaves_out_what_has_no_consent,
    counts_a_turn_once,
    forgets_a_caller,
    forgets_a_conversation,
    forgets_nobody_unknown,
    begins_anew_after_it_forgot,
)
