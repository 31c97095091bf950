"""One turn, top to bottom: from a user's message to a checked, committed reply."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from shipmate.admission import ConversationQueue, TokenBucket, Wait
from shipmate.answer import phrases
from shipmate.answer.compose import Composer
from shipmate.answer.draft import Chosen, Drafter, DraftPart, Fault
from shipmate.answer.followup import standalone
from shipmate.errors import Malformed, TooLarge
from shipmate.journal import Journal
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.graph.around import around
from shipmate.knowledge.search import Search
from shipmate.knowledge.telling import telling_by
from shipmate.memory.favour import favoured
from shipmate.memory.recall import Memory
from shipmate.memory.signs import Signs
from shipmate.messages import (
    Ask,
    Card,
    Cited,
    Conversation,
    Cut,
    Finished,
    Hit,
    Message,
    Passage,
    Question,
    Recalled,
    Reply,
    ReplyKind,
    Role,
    Route,
    Scored,
    Sentence,
    Started,
    Step,
    StreamEvent,
    Token,
    Trace,
    TurnClosing,
    TurnOpening,
    Usage,
)
from shipmate.neighbourhood import Centre, Neighbourhood
from shipmate.ports import Clock, FlagSource, Split, Store
from shipmate.router import Router

__all__ = ["Arms", "Assistant", "OnTrial", "Parts", "Scope", "Scopes"]

log = logging.getLogger(__name__)

NO_GROUPS: frozenset[str] = frozenset()
# Callers fall into few sets of groups that may know of the same collections.
SCOPES_KEPT = 32
NOTHING_CHOSEN = Chosen(kind=ReplyKind.REFUSE, confidence=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What callers are answered from who may know of the same collections."""

    search: Search
    drafter: Drafter
    # The id of a built release, or `dev-` and the hash of everything that their answers depend on.
    release: str


class Scopes:
    """The scope of each caller: a collection that somebody may not know of leaves no trace in theirs."""

    def __init__(self, collections: Sequence[Collection], scope: Callable[[Sequence[Collection]], Scope]) -> None:
        self.collections = tuple(collections)
        self._scope = lru_cache(maxsize=SCOPES_KEPT)(scope)

    def of(self, groups: frozenset[str]) -> Scope:
        """Return the scope of somebody in these groups."""
        return self._scope(self.seen_by(groups))

    def seen_by(self, groups: frozenset[str]) -> tuple[Collection, ...]:
        """Return the collections that somebody in these groups may know of."""
        return tuple(collection for collection in self.collections if collection.is_for(groups))


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a turn works with: one reading of the folder and one commit of its collections."""

    clock: Clock
    bucket: TokenBucket
    store: Store
    router: Router
    scopes: Scopes
    memory: Memory
    # What messages say of the answers before them.
    signs: Signs
    journal: Journal
    # Questions that it answers well.
    suggestions: Sequence[str] = ()
    message_chars: int = 4_000
    # Of each caller that is in some; the others see what is for everyone.
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def release(self) -> str:
        """Return what answers those who are in no group: no collection shows in it that is kept from somebody."""
        return self.scopes.of(NO_GROUPS).release

    def groups_of(self, caller: str) -> frozenset[str]:
        """Return the groups whose documents a caller may see."""
        return self.groups.get(caller, NO_GROUPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnTrial:
    """A candidate beside the control, and what says who is answered by which."""

    trial: Split
    flags: FlagSource
    control: Parts
    candidate: Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """Who is answered with what: everybody alike, save for those whom a trial has put into one of its arms."""

    usual: Parts
    on_trial: OnTrial | None = None

    async def of(self, caller: str) -> Parts:
        """Return what a caller's turns work with; somebody new to a trial may have to be asked for elsewhere."""
        on_trial = self.on_trial
        if on_trial is None:
            return self.usual
        trial, flags = on_trial.trial, on_trial.flags
        arm = flags.arm(trial, caller)
        if arm is None:
            arm = await flags.settled(trial, caller)
        parts = {trial.control: on_trial.control, trial.candidate: on_trial.candidate}
        return parts.get(arm, self.usual)


@dataclass(slots=True, kw_only=True)
class Turn:
    """What is known of one turn so far."""

    ask: Ask
    turn_id: str
    conversation: Conversation
    question: Question
    parts: Parts
    # The caller's, and what they are answered from.
    groups: frozenset[str]
    scope: Scope
    asked_at: float
    started_s: float
    marked_s: float
    route: Route = field(default_factory=Route)
    recalled: Sequence[Recalled] = ()
    hits: Sequence[Hit] = ()
    chosen: Chosen | None = None
    reply: Composer = field(default_factory=Composer)
    cuts: list[Cut] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    fault: str = ""
    # The commit of the user's message, where it goes before the reply's.
    opened: Awaitable[None] | None = None
    first_text_ms: float | None = None
    steps: list[Step] = field(default_factory=list)

    @property
    def spent_ms(self) -> float:
        """Return the time from the message to the last mark."""
        return (self.marked_s - self.started_s) * 1000

    def mark(self, step: str) -> None:
        """Note what the step that ends here has cost."""
        now_s = self.parts.clock.elapsed()
        self.steps.append(Step(name=step, ms=(now_s - self.marked_s) * 1000))
        self.marked_s = now_s

    def take(self, part: DraftPart) -> Sequence[Cited | Token]:
        """Note a part of the draft; return what the user gets to see of it."""
        match part:
            case Sentence():
                return self.reply.add(part)
            case Chosen():
                self.chosen = part
            case Cut():
                self.cuts.append(part)
            case Usage():
                self.usage = part
            case Fault():
                self.fault = part.what
                # Quoted: a server may say anything.
                log.warning("Turn %s: %r", self.turn_id, part.detail)
        return ()


class Assistant:
    """An opened project: what every door talks to."""

    def __init__(self, arms: Arms, *, name: str, renewed: Callable[[], Arms | None] = lambda: None) -> None:
        """Begin with these arms; `renewed` is asked before each turn whether there are others by now."""
        self.name = name
        self.disclosure = phrases.DISCLOSURE
        self._arms = arms
        self._renewed = renewed
        self._queue = ConversationQueue()

    @property
    def release(self) -> str:
        """Return what answers those who are in no trial: it changes with what is live."""
        return self._arms.usual.release

    @property
    def suggestions(self) -> Sequence[str]:
        """Return questions that it answers well."""
        return self._arms.usual.suggestions

    @property
    def looks_back(self) -> bool:
        """Return whether it recalls past conversations, of those who let it."""
        return self._arms.usual.memory.is_on

    def adopt(self, arms: Arms) -> None:
        """Answer from now on with these; running turns end with what they began with."""
        self._arms = arms

    async def parts_for(self, caller: str) -> Parts:
        """Return what a caller's next turn works with."""
        self._arms = self._renewed() or self._arms
        return await self._arms.of(caller)

    def ready(self) -> str:
        """Return why it cannot answer now; empty when it can."""
        counts = [collection.index.statistics.passage_count for collection in self._arms.usual.scopes.collections]
        return "" if any(counts) else "The index holds no passages: put documents into the folder and ingest them."

    async def trace(self, turn_id: str, caller: str) -> Trace:
        """Return why a turn ended as it did; raise `NoTurn`, also for somebody else's."""
        return await self._arms.usual.store.trace(turn_id, caller)

    async def passages_around(self, source: str, start: int, end: int, caller: str) -> list[Passage]:
        """Return the indexed passages that overlap a span of a document, as far as the caller may see them."""
        parts = await self.parts_for(caller)
        groups = parts.groups_of(caller)
        return [
            passage
            for collection in parts.scopes.seen_by(groups)
            for passage in collection.index.passages(source)
            if passage.start < end and start < passage.end and passage.is_for(groups)
        ]

    async def neighbourhood(self, centre: Centre, caller: str) -> Neighbourhood:
        """Return what stands around an answer, a name or a passage, as far as the caller may see it.

        Raises `NoTurn`, `NoEntity` or `Missing` for what is not there for this caller, and `NoIndex` without a graph.
        """
        trace = await self.trace(centre.turn_id, caller) if centre.turn_id else None
        parts = await self.parts_for(caller)
        groups = parts.groups_of(caller)
        return await asyncio.to_thread(around, parts.scopes.seen_by(groups), centre, groups, trace)

    async def turn(self, ask: Ask) -> AsyncGenerator[StreamEvent, None]:
        """Run one turn. Closing the iterator ends it early; what was said until then is kept.

        A reply that needs no waiting is committed with its question before any of it leaves.
        Raises `Malformed`, `TooLarge`, `ConversationBusy` or `NoConversation` before the first event.
        """
        parts = await self.parts_for(ask.caller)
        started_s = parts.clock.elapsed()
        wait = _admit(ask, parts)  # 1 admit
        if wait:
            for event in _ask_to_wait(ask, wait, parts):
                yield event
            return
        conversation_id = ask.conversation_id or parts.clock.new_id()
        async with self._queue.place((ask.caller, conversation_id)):
            turn = await _open(ask, conversation_id, parts, started_s)  # 2 open
            said: list[StreamEvent] = []
            try:
                yield Started(conversation_id=conversation_id, turn_id=turn.turn_id)
                await _route(turn)  # 5 route
                _recall(turn)  # 6 recall
                await _search(turn)  # 7 search
                draft = turn.scope.drafter.draft(  # 8, 9 draft, check
                    turn.question, turn.route, turn.hits, turn.recalled
                )
                if isinstance(draft, AsyncGenerator):
                    async with aclosing(_relay(turn, draft)) as events:
                        async for event in events:
                            yield event
                else:
                    said = [event for part in draft for event in turn.take(part)]
                    turn.mark("draft")
                    turn.first_text_ms = turn.spent_ms
            except (GeneratorExit, asyncio.CancelledError):
                turn.fault = "the client went away"
                _leave(turn.opened, parts.store.close_turn(_decide(turn)))
                raise
            except Exception:
                _leave(turn.opened or parts.store.open_turn(_opening(turn)))  # no reply, but the question is not lost
                raise
            closing = _decide(turn)  # 10 decide
            await parts.store.close_turn(closing)  # 11 commit
            for event in said:
                yield event
            yield Finished(reply=closing.trace.reply)  # 12 finish


def _admit(ask: Ask, parts: Parts) -> Wait | None:
    """Refuse what no turn can use; return how long this caller has to wait."""
    if not ask.text.strip():
        raise Malformed("The message is empty.", do="Send a question.")
    if len(ask.text) > parts.message_chars:
        raise TooLarge(
            f"The message has {len(ask.text)} characters; the limit is {parts.message_chars}.",
            do="Ask a shorter question.",
        )
    try:
        ask.text.encode()
    except UnicodeEncodeError as error:
        raise Malformed(
            "The message holds half a surrogate pair, which is no text.", do="Send valid Unicode."
        ) from error
    return parts.bucket.take(ask.caller)


def _ask_to_wait(ask: Ask, wait: Wait, parts: Parts) -> Iterator[StreamEvent]:
    """Show the wait card: the message is not stored, so nothing is lost by asking again."""
    if not wait.again:
        limit = parts.journal.limit_hit(ask.caller, limit="turns_per_minute", retry_after_s=wait.retry_after_s)
        _leave(parts.store.record((limit,)))
    reply = Reply(
        kind=ReplyKind.WAIT,
        text=phrases.WAIT,
        citations=(),
        confidence=0.0,
        intent="",
        conversation_id=ask.conversation_id,
        turn_id="",
        usage=Usage(),
        latency_ms=0.0,
        release=parts.release,
    )
    yield Card(kind=ReplyKind.WAIT, text=phrases.WAIT, retry_after_s=wait.retry_after_s)
    yield Finished(reply=reply)


async def _open(ask: Ask, conversation_id: str, parts: Parts, started_s: float) -> Turn:
    """Continue the caller's conversation or begin one, under today's language and consent."""
    clock = parts.clock
    now = clock.now()
    if ask.conversation_id:
        conversation = await parts.store.conversation(conversation_id, ask.caller)
    else:
        conversation = Conversation(
            conversation_id=conversation_id, caller=ask.caller, opened_at=now, last_at=now, issue_id=""
        )
    conversation = msgspec.structs.replace(
        conversation,
        language=ask.language or conversation.language,
        consent_id=ask.consent_id,
    )
    history = conversation.messages or ask.history
    groups = parts.groups_of(ask.caller)
    turn = Turn(
        ask=ask,
        turn_id=clock.new_id(),
        conversation=conversation,
        question=Question(text=ask.text, standalone=standalone(ask.text, history), history=history),
        asked_at=now,
        parts=parts,
        groups=groups,
        scope=parts.scopes.of(groups),
        started_s=started_s,
        marked_s=started_s,
    )
    turn.mark("open")
    return turn


async def _route(turn: Turn) -> None:
    """Read the user's words as an intent, before any untrusted text is seen."""
    turn.route = await turn.parts.router.route(turn.question.text)
    turn.mark("route")


def _recall(turn: Turn) -> None:
    """Look back on resolved past conversations; from here on there is untrusted text in the turn."""
    telling = telling_by(turn.scope.search.statistics)
    conversation_id = turn.conversation.conversation_id
    turn.recalled = turn.parts.memory.recall(turn.question.standalone, conversation_id, turn.groups, telling)
    turn.mark("recall")


async def _search(turn: Turn) -> None:
    """Find the passages that may answer; those gain a little that were cited where the like was asked."""
    hits = await turn.scope.search.passages(turn.question, groups=turn.groups)
    turn.hits = favoured(hits, turn.recalled)
    turn.mark("search")


async def _relay(turn: Turn, draft: AsyncGenerator[DraftPart, None]) -> AsyncGenerator[StreamEvent, None]:
    """Yield a reply as it is drafted; the question is committed before the first word of it."""
    turn.opened = turn.parts.store.open_turn(_opening(turn))
    async with aclosing(draft):
        async for part in draft:
            events = turn.take(part)
            if events and turn.first_text_ms is None:
                turn.mark("first sentence")
                await turn.opened
                turn.mark("commit message")
                turn.first_text_ms = turn.spent_ms
            for event in events:
                yield event


def _decide(turn: Turn) -> TurnClosing:
    """Make the reply, and the record of why it is what it is."""
    if turn.opened:
        turn.mark("further sentences")
    chosen = turn.chosen or NOTHING_CHOSEN
    now = turn.asked_at + turn.spent_ms / 1000
    conversation = msgspec.structs.replace(
        turn.conversation,
        last_at=now,
        last_intent=turn.route.intent or turn.conversation.last_intent,
        issue_id=turn.parts.journal.episode(
            turn.conversation, turn.route, turn.asked_at, followup=turn.question.standalone != turn.question.text
        ),
    )
    reply = Reply(
        kind=chosen.kind,
        text=turn.reply.text,
        citations=tuple(turn.reply.citations),
        confidence=round(chosen.confidence, 3),
        intent=turn.route.intent,
        conversation_id=conversation.conversation_id,
        turn_id=turn.turn_id,
        usage=turn.usage,
        latency_ms=round(turn.spent_ms, 3),
        release=turn.scope.release,
    )
    trace = _trace(turn, reply)
    heard = turn.parts.signs.heard(
        turn.conversation,
        turn.question,
        turn.route,
        turn_id=turn.turn_id,
        issue_id=conversation.issue_id,
        now=turn.asked_at,
    )
    return TurnClosing(
        conversation=conversation,
        asked=None if turn.opened else _asked(turn),
        message=Message(role=Role.ASSISTANT, text=reply.text, at=now),
        trace=trace,
        events=turn.parts.journal.turn_completed(conversation, trace, ttft_ms=turn.first_text_ms, heard=heard),
    )


def _opening(turn: Turn) -> TurnOpening:
    return TurnOpening(turn_id=turn.turn_id, conversation=turn.conversation, message=_asked(turn))


def _asked(turn: Turn) -> Message:
    return Message(role=Role.USER, text=turn.ask.text, at=turn.asked_at)


def _trace(turn: Turn, reply: Reply) -> Trace:
    return Trace(
        turn_id=turn.turn_id,
        conversation_id=turn.conversation.conversation_id,
        question=turn.question.text,
        standalone=turn.question.standalone,
        route=turn.route,
        passages=tuple(_scored(hit) for hit in turn.hits),
        cuts=tuple(turn.cuts),
        steps=tuple(turn.steps),
        reply=reply,
        fault=turn.fault,
        abandoned=turn.chosen is None,
    )


def _leave(*commits: Awaitable[None] | None) -> None:
    """Let commits end for which nobody waits; the log says why one fails."""
    for commit in filter(None, commits):
        asyncio.ensure_future(commit).add_done_callback(_tell)


def _tell(commit: asyncio.Future[None]) -> None:
    if not commit.cancelled() and (error := commit.exception()):
        log.error("What was said could not be kept: %s", error)


def _scored(hit: Hit) -> Scored:
    passage = hit.passage
    return Scored(
        source=passage.source,
        title=passage.title,
        start=passage.start,
        end=passage.end,
        score=hit.score,
        legs=hit.legs,
    )
