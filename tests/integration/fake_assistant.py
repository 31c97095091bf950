"""An assistant without documents that keeps the real one's promises, and does on demand what a real one does rarely."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from shipmate.errors import (
    ConversationBusy,
    Malformed,
    Missing,
    NoConversation,
    NoEntity,
    NoIndex,
    NoTurn,
    StorageError,
    TooLarge,
)
from shipmate.messages import (
    Ask,
    Card,
    Citation,
    Cited,
    Finished,
    Passage,
    Reply,
    ReplyKind,
    Route,
    Started,
    StreamEvent,
    Token,
    Trace,
    Usage,
)
from shipmate.neighbourhood import Centre, Entity, Mention, Near, Neighbourhood, Relation, Where

PASSAGE = Passage(
    source="harbour/mooring.md",
    title="Mooring in the harbour",
    headings=("Visitors", "Berths"),
    text="Visitors report to the harbour office on arrival. A berth costs 24 euros a night, and water is included.\n"
    "Electricity is metered and paid on departure.",
    start=120,
    end=275,
)
QUOTE = "A berth costs 24 euros a night, and water is included."
CITATION = Citation(source=PASSAGE.source, title=PASSAGE.title, quote=QUOTE, start=170, end=170 + len(QUOTE))
NAMES = ("Harbour Office", "Berth <b>24</b>")
SENTENCES = ("From the documents: ", "**A berth costs 24 euros a night**, and water is included. [1]")
WAIT_TEXT = "I am thinking about other questions right now. Please wait a moment and ask again."


class CountingClock:
    """A clock that stands still, and ids that count up."""

    def __init__(self) -> None:
        self._ids = 0

    def now(self) -> float:
        return 1_800_000_000.0

    def elapsed(self) -> float:
        return 0.0

    def new_id(self) -> str:
        self._ids += 1
        return f"{self._ids:026d}"


@dataclass
class FakeAssistant:
    """Answers everything with one quote; a message that begins with a word of `_ACTS` is played instead."""

    name: str = "harbour-help"
    release: str = "dev-0123456789ab"
    disclosure: str = "You are talking to an AI assistant. It answers from documents and can be wrong."
    looks_back: bool = True
    suggestions: tuple[str, ...] = ("What does a berth cost?", "Where do visitors report?")
    unready: str = ""
    step_s: float = 0.01
    asks: list[Ask] = field(default_factory=list)
    # Turns that were closed before they were finished.
    closed: list[str] = field(default_factory=list)
    running: int = 0
    clock: CountingClock = field(default_factory=CountingClock)
    _owners: dict[str, str] = field(default_factory=dict)
    _traces: dict[str, tuple[str, Trace]] = field(default_factory=dict)

    def ready(self) -> str:
        return self.unready

    async def turn(self, ask: Ask) -> AsyncGenerator[StreamEvent, None]:
        self.asks.append(ask)
        self._admit(ask)
        if ask.text.startswith("wait"):
            yield Card(kind=ReplyKind.WAIT, text=WAIT_TEXT, retry_after_s=2.5)
            yield Finished(reply=self._reply(ask, ReplyKind.WAIT, WAIT_TEXT, "", ask.conversation_id))
            return
        conversation_id = ask.conversation_id or self.clock.new_id()
        self._owners[conversation_id] = ask.caller
        turn_id = self.clock.new_id()
        self.running += 1
        try:
            yield Started(conversation_id=conversation_id, turn_id=turn_id)
            text = ""
            async for event in self._play(ask.text):
                text += event.text if isinstance(event, Token) else ""
                yield event
            kind = ReplyKind.REFUSE if ask.text.startswith("refuse") else ReplyKind.ANSWER
            reply = self._reply(ask, kind, text, turn_id, conversation_id)
            self._traces[turn_id] = (ask.caller, self._trace(ask, reply))
            yield Finished(reply=reply)
        except (GeneratorExit, asyncio.CancelledError):
            self.closed.append(turn_id)
            raise
        finally:
            self.running -= 1

    async def trace(self, turn_id: str, caller: str) -> Trace:
        owner, trace = self._traces.get(turn_id, ("", None))
        if trace is None or owner != caller:
            raise NoTurn(f"There is no turn {turn_id!r}.", do="Take a turn_id from a reply.")
        return trace

    async def passages_around(self, source: str, start: int, end: int, caller: str) -> Sequence[Passage]:
        overlaps = source == PASSAGE.source and start < PASSAGE.end and end > PASSAGE.start
        return [PASSAGE] if overlaps and caller else []

    async def neighbourhood(self, centre: Centre, caller: str) -> Neighbourhood:
        about = (await self.trace(centre.turn_id, caller)).question if centre.turn_id else PASSAGE.title
        if centre.name not in ("", *NAMES):
            raise NoEntity(centre.name, NAMES)
        if centre.source not in ("", PASSAGE.source):
            raise Missing("No passage overlaps it.", do="Ask again.")
        if self.unready:
            raise NoIndex(self.unready, do="Run `shipmate ingest`.")
        where = Where(source=PASSAGE.source, title=PASSAGE.title, start=120, end=178, quote=PASSAGE.text[:58])
        line = Where(
            source="relations.yml", title="relations.yml", line=3, quote=" ".join((NAMES[0], "lets", NAMES[1]))
        )
        spot = PASSAGE.text.index(QUOTE)
        near = Near(
            number=1,
            headings=PASSAGE.headings,
            text=PASSAGE.text,
            marked=(spot, spot + len(QUOTE)),
            kinds=("cited",) if centre.turn_id else ("mentions",),
            where=where,
        )
        return Neighbourhood(
            centre=centre,
            about=centre.name or about,
            passages=(near,),
            entities=tuple(
                Entity(name=name, mentions=(Mention(passage=1, kinds=("mentions",), where=where),)) for name in NAMES
            ),
            relations=(Relation(subject=NAMES[0], relation="lets", object=NAMES[1], where=line),),
        )

    def _admit(self, ask: Ask) -> None:
        if not ask.text.strip():
            raise Malformed("The message is empty.", do="Send a question.")
        if len(ask.text) > 4000:
            raise TooLarge("The message is too long.", do="Ask a shorter question.")
        if ask.text.startswith("busy"):
            raise ConversationBusy("This conversation is busy.", do="Wait for the answer.")
        if ask.conversation_id and self._owners.get(ask.conversation_id) != ask.caller:
            raise NoConversation("There is no such conversation.", do="Leave conversation_id out.")
        if ask.text.startswith("crash"):
            raise RuntimeError("a secret of the house")

    async def _play(self, text: str) -> AsyncGenerator[StreamEvent, None]:
        if text.startswith("hang"):
            yield Token(text="One moment")
            await asyncio.Event().wait()
        if text.startswith("break"):
            yield Token(text="The answer is ")
            raise StorageError("The disk went away.", do="Mount it again.")
        if text.startswith("slow"):
            for number in range(40):
                await asyncio.sleep(self.step_s)
                yield Token(text=f"word{number} ")
            return
        yield Token(text=SENTENCES[0])
        yield Cited(number=1, citation=CITATION)
        yield Token(text=SENTENCES[1])

    def _reply(self, ask: Ask, kind: ReplyKind, text: str, turn_id: str, conversation_id: str) -> Reply:
        cited = (CITATION,) if "[1]" in text else ()
        usage = Usage(model="tiny", input_tokens=12, output_tokens=7) if "model" in ask.text else Usage()
        return Reply(
            kind=kind,
            text=text,
            citations=cited,
            confidence=0.9,
            intent="berths",
            conversation_id=conversation_id,
            turn_id=turn_id,
            usage=usage,
            latency_ms=1.5,
            release=self.release,
        )

    def _trace(self, ask: Ask, reply: Reply) -> Trace:
        return Trace(
            turn_id=reply.turn_id,
            conversation_id=reply.conversation_id,
            question=ask.text,
            standalone=ask.text,
            route=Route(intent="berths", confidence=0.8),
            passages=(),
            cuts=(),
            steps=(),
            reply=reply,
        )
