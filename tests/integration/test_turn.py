"""One turn through the real parts: what a caller gets, what is kept, and in which order."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from shipmate.adapters.tantivy_index import TantivyIndex
from shipmate.admission import TokenBucket
from shipmate.answer import phrases
from shipmate.answer.draft import Drafter, Limits
from shipmate.answer.faq import Faq
from shipmate.errors import ConversationBusy, DiskFull, Malformed, ModelUnavailable, NoConversation, TooLarge
from shipmate.journal import Journal
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.search import Search
from shipmate.memory.recall import Memory
from shipmate.memory.signs import Signs
from shipmate.messages import (
    Ask,
    Card,
    Cited,
    Finished,
    Message,
    Passage,
    Reply,
    ReplyKind,
    Role,
    Started,
    StreamEvent,
    Token,
    Usage,
)
from shipmate.ports import ChatModel
from shipmate.router import Router, Topic
from shipmate.testing.clock import TickingClock
from shipmate.testing.memory_store import MemoryStore
from shipmate.turn import Arms, Assistant, Parts, Scope, Scopes

PAGES = {
    "roses.md": "Roses are pruned in March, before the buds open. They want six hours of sun a day.",
    "tulips.md": "Tulip bulbs are planted in October. They need a cold winter to flower.",
    "compost.md": "Compost is ready after nine months. Turn it every four weeks so that air gets in.",
    "tools.md": "A sharp pair of secateurs makes clean cuts. Clean the blades with alcohol after each use.",
}
INTENTS = (Topic(name="pruning", examples=("When are roses pruned?", "how do I prune roses")),)
REFUSED = (Topic(name="law", examples=("Give me legal advice",), reply="I give no legal advice."),)
FAQ = (Topic(name="faq", examples=("Who are you?",), reply="I am the garden's assistant."),)


class Saying:
    """A model that says what it is told to, or fails."""

    name = "saying"

    def __init__(self, *pieces: str | Exception) -> None:
        self._pieces = pieces
        self.closed = False

    async def stream(
        self, messages: Sequence[Message], *, max_tokens: int, deadline_s: float
    ) -> AsyncIterator[str | Usage]:
        assert messages
        assert max_tokens > 0
        assert deadline_s > 0
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece
            await asyncio.sleep(0)
        yield Usage(model=self.name, input_tokens=10, output_tokens=len(self._pieces))

    async def close(self) -> None:
        self.closed = True


class Garden:
    """An assistant that knows four pages, with the store that it keeps its conversations in."""

    def __init__(self, folder: Path, *, model: ChatModel | None = None, burst: int = 100) -> None:
        index = TantivyIndex(folder)
        index.write(
            [
                (source, "1", [Passage(source=source, title=source[:-3].title(), text=text, start=0, end=len(text))])
                for source, text in PAGES.items()
            ],
            (),
        )
        self.clock = TickingClock()
        self.store = MemoryStore()
        self.index = index
        self.memory = Memory(self.store, self.clock, lambda _: frozenset())

        def scope(seen: Sequence[Collection]) -> Scope:
            search = Search(*seen)
            drafter = Drafter(faq=Faq(FAQ), statistics=search.statistics, model=model, prompt="", limits=Limits())
            return Scope(search=search, drafter=drafter, release="dev-test")

        self.assistant = Assistant(
            Arms(
                usual=Parts(
                    clock=self.clock,
                    bucket=TokenBucket(self.clock, turns_per_minute=60, burst=burst),
                    store=self.store,
                    router=Router(INTENTS, REFUSED),
                    scopes=Scopes([Collection(index=index)], scope),
                    memory=self.memory,
                    signs=Signs(),
                    journal=Journal(clock=self.clock, key=b"key"),
                )
            ),
            name="garden",
        )

    async def events(self, text: str, *, caller: str = "local", conversation_id: str = "") -> list[StreamEvent]:
        ask = Ask(text=text, caller=caller, conversation_id=conversation_id)
        return [event async for event in self.assistant.turn(ask)]

    async def reply(self, text: str, **ask: str) -> Reply:
        finished = (await self.events(text, **ask))[-1]
        assert isinstance(finished, Finished)
        return finished.reply


@pytest.fixture
def garden(tmp_path: Path) -> Callable[..., Garden]:
    return lambda **options: Garden(tmp_path, **options)


async def test_a_question_that_the_documents_answer_is_answered_with_exact_quotes(
    garden: Callable[..., Garden],
) -> None:
    reply = await garden().reply("When are roses pruned?")
    assert reply.kind is ReplyKind.ANSWER
    assert reply.text.startswith(phrases.QUOTING)
    assert "Roses are pruned in March" in reply.text
    assert reply.intent == "pruning"
    for citation in reply.citations:
        assert PAGES[citation.source][citation.start : citation.end] == citation.quote


async def test_the_stream_is_started_then_citations_before_their_text_then_finished(
    garden: Callable[..., Garden],
) -> None:
    events = await garden().events("When are roses pruned?")
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    seen = 0
    for event in events[1:-1]:
        assert isinstance(event, Cited | Token)
        if isinstance(event, Cited):
            seen += 1
            assert event.number == seen
    assert "".join(event.text for event in events if isinstance(event, Token)) == events[-1].reply.text


async def test_a_question_that_the_documents_do_not_answer_is_declined(garden: Callable[..., Garden]) -> None:
    reply = await garden().reply("Which bank has the best interest rates in Norway?")
    assert (reply.kind, reply.text, reply.citations) == (ReplyKind.REFUSE, phrases.NOT_IN_DOCUMENTS, ())


async def test_a_topic_that_the_charter_refuses_gets_the_charters_words(garden: Callable[..., Garden]) -> None:
    reply = await garden().reply("Give me legal advice")
    assert (reply.kind, reply.text) == (ReplyKind.REFUSE, "I give no legal advice.")


async def test_a_question_of_the_faq_gets_its_answer_word_for_word(garden: Callable[..., Garden]) -> None:
    reply = await garden().reply("who are you")
    assert (reply.kind, reply.text) == (ReplyKind.ANSWER, "I am the garden's assistant.")


async def test_a_message_without_content_is_asked_back(garden: Callable[..., Garden]) -> None:
    assert (await garden().reply("What about it?")).kind is ReplyKind.CLARIFY


async def test_an_empty_bucket_gives_the_wait_card_and_keeps_nothing(garden: Callable[..., Garden]) -> None:
    place = garden(burst=1)
    await place.reply("When are roses pruned?")
    card, finished = await place.events("When are tulips planted?")
    assert isinstance(card, Card)
    assert card.retry_after_s == pytest.approx(1.0)
    assert isinstance(finished, Finished)
    assert finished.reply.kind is ReplyKind.WAIT
    place.clock.at += 1
    assert (await place.reply("When are tulips planted?")).kind is ReplyKind.ANSWER


@pytest.mark.parametrize(("text", "error"), [("   ", Malformed), ("x" * 4001, TooLarge), ("a\ud800b", Malformed)])
async def test_a_message_that_no_turn_can_use_is_refused(
    garden: Callable[..., Garden], text: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await garden().events(text)


async def test_a_conversation_belongs_to_its_caller(garden: Callable[..., Garden]) -> None:
    place = garden()
    reply = await place.reply("When are roses pruned?", caller="ada")
    with pytest.raises(NoConversation):
        await place.events("And tulips?", caller="bob", conversation_id=reply.conversation_id)


async def test_a_follow_up_is_understood_from_the_conversation(garden: Callable[..., Garden]) -> None:
    place = garden()
    first = await place.reply("When is compost ready?")
    second = await place.reply("How often should I turn it?", conversation_id=first.conversation_id)
    assert "every four weeks" in second.text
    trace = await place.assistant.trace(second.turn_id, "local")
    assert "compost" in trace.standalone.lower()


async def test_the_trace_tells_passages_steps_and_the_reply(garden: Callable[..., Garden]) -> None:
    place = garden()
    reply = await place.reply("When are roses pruned?")
    trace = await place.assistant.trace(reply.turn_id, "local")
    assert trace.reply == reply
    assert trace.passages[0].source == "roses.md"
    assert not trace.abandoned
    assert [step.name for step in trace.steps] == ["open", "route", "recall", "search", "draft"]


async def test_the_trace_of_a_models_reply_tells_when_its_question_was_committed(garden: Callable[..., Garden]) -> None:
    place = garden(model=Saying("Roses are pruned in March [1]."))
    reply = await place.reply("When are roses pruned?")
    trace = await place.assistant.trace(reply.turn_id, "local")
    steps = ["open", "route", "recall", "search", "first sentence", "commit message", "further sentences"]
    assert [step.name for step in trace.steps] == steps


async def test_a_third_turn_of_one_conversation_is_refused_while_two_are_under_way(
    garden: Callable[..., Garden],
) -> None:
    place = garden()
    first = await place.reply("When are roses pruned?")
    running = place.assistant.turn(Ask(text="And tulips?", conversation_id=first.conversation_id))
    await anext(running)
    waiting = asyncio.create_task(place.reply("And compost?", conversation_id=first.conversation_id))
    await asyncio.sleep(0)
    with pytest.raises(ConversationBusy):
        await place.events("And tools?", conversation_id=first.conversation_id)
    await running.aclose()
    assert (await waiting).turn_id


async def test_a_model_sentence_is_sent_with_its_span_and_its_usage(garden: Callable[..., Garden]) -> None:
    reply = await garden(model=Saying("Roses are pruned ", "in March [1].")).reply("When are roses pruned?")
    assert reply.kind is ReplyKind.ANSWER
    assert "March" in reply.text
    assert reply.citations[0].source == "roses.md"
    assert reply.usage.model == "saying"


async def test_what_a_model_makes_up_is_cut_and_the_cut_is_said(garden: Callable[..., Garden]) -> None:
    place = garden(model=Saying("Roses are pruned in March. ", "Roses cost 40 dollars in Denver."))
    reply = await place.reply("When are roses pruned?")
    assert "40" not in reply.text
    assert phrases.left_out(1) in reply.text
    trace = await place.assistant.trace(reply.turn_id, "local")
    assert [cut.text.strip() for cut in trace.cuts] == ["Roses cost 40 dollars in Denver."]


async def test_when_the_model_fails_the_documents_are_quoted(garden: Callable[..., Garden]) -> None:
    place = garden(model=Saying(ModelUnavailable("down")))
    reply = await place.reply("When are roses pruned?")
    assert reply.kind is ReplyKind.FALLBACK
    assert reply.text.startswith(phrases.MODEL_FAILED)
    assert "Roses are pruned in March" in reply.text


async def test_callers_learn_of_a_fault_what_it_was_and_the_log_where(
    garden: Callable[..., Garden], caplog: pytest.LogCaptureFixture
) -> None:
    place = garden(model=Saying(ModelUnavailable("http://10.0.0.7/v1 answered 500: secret\x1b[2J")))
    reply = await place.reply("When are roses pruned?")
    trace = await place.assistant.trace(reply.turn_id, "local")
    assert trace.fault == "The model server refused, could not be reached or broke off."
    assert f"Turn {reply.turn_id}: 'http://10.0.0.7/v1 answered 500: secret\\x1b[2J'" in caplog.text


async def test_when_the_model_breaks_off_what_was_said_stays_and_the_break_is_said(
    garden: Callable[..., Garden],
) -> None:
    reply = await garden(model=Saying("Roses are pruned in March. ", "They", ModelUnavailable("gone"))).reply(
        "When are roses pruned?"
    )
    assert "March" in reply.text
    assert reply.text.endswith(phrases.MODEL_BROKE_OFF)


async def test_when_nothing_the_model_says_is_supported_the_documents_are_quoted(
    garden: Callable[..., Garden],
) -> None:
    reply = await garden(model=Saying("Roses bloom on Mars since 1846.")).reply("When are roses pruned?")
    assert reply.kind is ReplyKind.FALLBACK
    assert reply.text.startswith(phrases.MODEL_UNSUPPORTED)


async def test_a_reply_that_needs_no_model_is_kept_whole_with_its_question_before_any_of_it_leaves(
    garden: Callable[..., Garden],
) -> None:
    place = garden()
    turn = place.assistant.turn(Ask(text="When are roses pruned?"))
    started = await anext(turn)
    assert isinstance(started, Started)
    with pytest.raises(NoConversation):
        await place.store.conversation(started.conversation_id, "local")
    assert isinstance(await anext(turn), Token)
    kept = (await place.assistant.trace(started.turn_id, "local")).reply
    said = await place.store.conversation(started.conversation_id, "local")
    assert [message.text for message in said.messages] == ["When are roses pruned?", kept.text]
    *_, finished = [event async for event in turn]
    assert finished == Finished(reply=kept)


async def test_the_question_is_kept_before_a_models_first_word_leaves(garden: Callable[..., Garden]) -> None:
    place = garden(model=Saying("Roses are pruned in March [1]. ", "They"))
    turn = place.assistant.turn(Ask(text="When are roses pruned?"))
    started = await anext(turn)
    assert isinstance(started, Started)
    await anext(turn)
    kept = await place.store.conversation(started.conversation_id, "local")
    assert [message.role for message in kept.messages] == [Role.USER]
    await turn.aclose()


async def test_a_client_that_leaves_at_once_is_no_refusal(garden: Callable[..., Garden]) -> None:
    place = garden()
    turn = place.assistant.turn(Ask(text="When are roses pruned?"))
    started = await anext(turn)
    assert isinstance(started, Started)
    await turn.aclose()
    trace = await place.assistant.trace(started.turn_id, "local")
    assert (trace.abandoned, trace.fault, trace.reply.text) == (True, "the client went away", "")
    (event,) = [event for _, event in await place.store.events(0, 9)]
    assert (event.data["abandoned"], event.data["ttft_ms"]) == (True, None)


async def test_a_question_is_kept_when_its_turn_breaks(
    garden: Callable[..., Garden], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = garden()
    first = await place.reply("When are roses pruned?")
    monkeypatch.setattr(Search, "passages", broken)
    with pytest.raises(RuntimeError, match="the index is gone"):
        await place.reply("And tulips?", conversation_id=first.conversation_id)
    kept = await place.store.conversation(first.conversation_id, "local")
    assert [message.text for message in kept.messages][-1] == "And tulips?"


@pytest.mark.parametrize("leaves", [False, True])
async def test_what_cannot_be_kept_is_told_in_the_log_where_nobody_waits_for_it(
    garden: Callable[..., Garden],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    leaves: bool,
) -> None:
    """And no commit is left whose failure nobody has looked at."""
    untold: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: untold.append(context["message"]))
    place = garden()
    for write in ("open_turn", "close_turn"):
        monkeypatch.setattr(place.store, write, refused)
    turn = place.assistant.turn(Ask(text="When are roses pruned?"))
    await anext(turn)
    if leaves:
        await turn.aclose()
    else:
        monkeypatch.setattr(Search, "passages", broken)
        with pytest.raises(RuntimeError, match="the index is gone"):
            await anext(turn)
    await asyncio.sleep(0)
    del turn
    gc.collect()
    assert (untold, caplog.text.count("could not be kept: no room")) == ([], 1)


def refused(*_: object) -> Awaitable[None]:
    refusal: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    refusal.set_exception(DiskFull("no room"))
    return refusal


def broken(*_: object, **__: object) -> None:
    raise RuntimeError("the index is gone")


async def test_a_client_that_leaves_keeps_what_was_said_until_then(garden: Callable[..., Garden]) -> None:
    place = garden(model=Saying("Roses are pruned in March. ", "They want six hours of sun. ", "A day."))
    turn = place.assistant.turn(Ask(text="When are roses pruned?"))
    started = await anext(turn)
    assert isinstance(started, Started)
    while not isinstance(said := await anext(turn), Token):
        pass
    await turn.aclose()
    trace = await place.assistant.trace(started.turn_id, "local")
    assert trace.fault == "the client went away"
    assert not trace.abandoned
    kept = await place.store.conversation(started.conversation_id, "local")
    assert [(message.role, message.text) for message in kept.messages] == [
        (Role.USER, "When are roses pruned?"),
        (Role.ASSISTANT, said.text),
    ]


async def test_the_same_folder_and_clock_replay_a_turn_byte_for_byte(garden: Callable[..., Garden]) -> None:
    assert await garden().events("When are roses pruned?") == await garden().events("When are roses pruned?")
