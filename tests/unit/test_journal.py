"""The journal holds ids, numbers and labels of a turn, and nobody's words."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.journal import EPISODE_IDLE_S, Journal
from shipmate.messages import (
    Citation,
    Conversation,
    Cut,
    Event,
    Reply,
    ReplyKind,
    Route,
    Trace,
    Usage,
)
from shipmate.testing.clock import TickingClock

NOW = 1_700_000_000.0
SECRET = "Zanzibar"


def journal(key: bytes = b"k" * 32) -> Journal:
    return Journal(clock=TickingClock(NOW), key=key, charter_sha="c0ffee", index_sha="1dea")


def conversation(*, issue_id: str = "i1", last_intent: str = "billing", last_at: float = NOW) -> Conversation:
    return Conversation(
        conversation_id="c1",
        caller="ada",
        opened_at=NOW,
        last_at=last_at,
        issue_id=issue_id,
        last_intent=last_intent,
        language="de",
        consent_id="k1",
    )


def trace(*, kind: ReplyKind = ReplyKind.ANSWER, fault: str = "", words: str = "How much?") -> Trace:
    citation = Citation(source="prices.md", title=words, quote=words, start=3, end=9)
    reply = Reply(
        kind=kind,
        text=words,
        citations=(citation, citation),
        confidence=0.75,
        intent="billing",
        conversation_id="c1",
        turn_id="t1",
        usage=Usage(model="tiny", input_tokens=7, output_tokens=5, cost_usd=0.001),
        latency_ms=12.5,
        release="dev-1",
    )
    return Trace(
        turn_id="t1",
        conversation_id="c1",
        question=words,
        standalone=words,
        route=Route(intent="billing", confidence=0.5, refusal=words),
        passages=(),
        cuts=tuple(Cut(text=words, rule=rule, reason=words) for rule in ("link", "number", "link")),
        steps=(),
        reply=reply,
        fault=fault,
    )


def test_a_completed_turn_says_what_it_cost_and_what_it_stands_on() -> None:
    (event,) = journal().turn_completed(conversation(), trace(), ttft_ms=4.0)
    assert event.name == "assistant.turn.completed"
    assert event.data == {
        "intent": "billing",
        "intent_conf": 0.5,
        "kind": "answer",
        "confidence": 0.75,
        "citations": ["prices.md#3-9", "prices.md#3-9"],
        "cuts": {"link": 2, "number": 1},
        "faulty": False,
        "abandoned": False,
        "ttft_ms": 4.0,
        "latency_ms": 12.5,
        "tokens_in": 7,
        "tokens_out": 5,
        "cost_usd": 0.001,
    }


def test_every_event_of_a_turn_carries_the_common_ids() -> None:
    book = journal()
    events = book.turn_completed(conversation(), trace(kind=ReplyKind.FALLBACK))
    for event in events:
        assert (event.conversation_id, event.issue_id, event.turn_id) == ("c1", "i1", "t1")
        assert (event.charter_sha, event.index_sha, event.model) == ("c0ffee", "1dea", "tiny")
        assert (event.ts, event.lang, event.consent) == (NOW, "de", "k1")
        assert event.user_hash == book.user_hash("ada")
    assert len({event.event_id for event in events}) == len(events) == 2


@pytest.mark.parametrize(("fault", "reason"), [("the server said no", "model_failed"), ("", "nothing_supported")])
def test_a_fallback_is_an_event_of_its_own_with_a_label_for_its_reason(fault: str, reason: str) -> None:
    _, event = journal().turn_completed(conversation(), trace(kind=ReplyKind.FALLBACK, fault=fault))
    assert (event.name, event.data) == ("assistant.fallback", {"reason": reason})


def test_a_limit_is_an_event_of_the_caller() -> None:
    event = journal().limit_hit("ada", limit="turns_per_minute", retry_after_s=2.5)
    assert (event.name, event.user_hash) == ("assistant.limit", journal().user_hash("ada"))
    assert event.data == {"limit": "turns_per_minute", "retry_after_s": 2.5}


@given(st.sampled_from(ReplyKind), st.text())
def test_no_event_holds_anybodys_words(kind: ReplyKind, around: str) -> None:
    words = f"{around}{SECRET}{around}".encode(errors="ignore").decode()
    events = journal().turn_completed(conversation(), trace(kind=kind, fault=words, words=words))
    assert SECRET.encode() not in msgspec.json.encode(events)


@given(st.text(), st.text())
def test_a_hash_stands_for_one_caller_on_one_installation(one: str, other: str) -> None:
    assert (journal().user_hash(one) == journal().user_hash(other)) == (one == other)
    assert journal().user_hash(one) != journal(b"another").user_hash(one)
    assert not one or one not in journal().user_hash(one) or len(one) < 4


@pytest.mark.parametrize(
    ("thread", "intent", "later_s", "manner", "outcome"),
    [
        (conversation(issue_id=""), "billing", 0, "begins", "new"),
        (conversation(), "billing", 60, "goes on", "same"),
        (conversation(), "billing", EPISODE_IDLE_S - 1, "pauses", "same"),
        (conversation(), "billing", EPISODE_IDLE_S, "idles", "new"),
        (conversation(), "refunds", 60, "turns away", "new"),
        (conversation(), "refunds", 60, "follows up", "same"),
        (conversation(), "", 60, "gives thanks", "same"),
        (conversation(last_intent=""), "refunds", 60, "said hello first", "same"),
    ],
)
def test_an_episode_is_one_problem(
    thread: Conversation, intent: str, later_s: float, manner: str, outcome: str
) -> None:
    issue_id = journal().episode(thread, Route(intent=intent), NOW + later_s, followup=manner == "follows up")
    assert ("same" if issue_id == thread.issue_id else "new") == outcome


def test_an_event_reads_back_as_it_was_written() -> None:
    (event,) = journal().turn_completed(conversation(), trace())
    assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event
