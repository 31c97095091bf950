"""What the house needs from outside, as small protocols: each has two adapters and one conformance suite; the graph has one."""

from collections.abc import AsyncGenerator, Awaitable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from shipmate.messages import (
    HISTORY,
    Asked,
    Conversation,
    Entry,
    Episode,
    Event,
    Hit,
    Led,
    Message,
    Passage,
    Statement,
    Trace,
    TurnClosing,
    TurnOpening,
    Usage,
)
from shipmate.neighbourhood import Edge, Place, Stated, Step

if TYPE_CHECKING:  # numpy takes its time to import, and a port only names it
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "ChatModel",
    "Clock",
    "Embedder",
    "Episodes",
    "EventLog",
    "FlagSource",
    "GraphStore",
    "PassageIndex",
    "PastQuestions",
    "Reranker",
    "Split",
    "Store",
    "TermStatistics",
]


class Clock(Protocol):
    """Time and identity, injected so that a turn replays byte for byte."""

    def now(self) -> float:
        """Return seconds since the epoch, UTC."""

    def elapsed(self) -> float:
        """Return seconds of a monotonic clock."""

    def new_id(self) -> str:
        """Return a new ULID: 26 characters that sort by time."""


class ChatModel(Protocol):
    """Any language model that continues a conversation."""

    @property
    def name(self) -> str:
        """Return the model's name, as the journal and the bill know it."""

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, deadline_s: float
    ) -> AsyncGenerator[str | Usage, None]:
        """Yield text as it comes and one `Usage` at the end; closing the iterator cancels the request.

        Raises `ModelTimeout` when `deadline_s` passes, `ModelUnavailable` when the server refuses or breaks off,
        `ModelGarbled` when it does not speak its protocol.
        """

    async def close(self) -> None:
        """Give back connections; idempotent."""


class Embedder(Protocol):
    """A model that places texts in a space where those that mean alike lie close."""

    @property
    def name(self) -> str:
        """Return what model in what version this is: vectors of another name are stale."""

    @property
    def dimensions(self) -> int:
        """Return the length of a vector."""

    async def embed(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Return a row of unit length for each text, in order; a row of zeros for a text without words.

        Raises `ModelTimeout`, `ModelUnavailable` or `ModelGarbled` when a model elsewhere does not do its part.
        """

    async def close(self) -> None:
        """Give back connections and memory; idempotent."""


class Reranker(Protocol):
    """A model that reads a question and a text together."""

    @property
    def name(self) -> str:
        """Return what model in what version this is."""

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return how well each text answers the question, from 0 to 1, in order; 0 for a text without words.

        Scores order the texts of one question; those of two questions, or of two models, do not compare.
        """

    async def close(self) -> None:
        """Give back memory; idempotent."""


class TermStatistics(Protocol):
    """How common words are; cheap enough to be asked for every word of a question."""

    @property
    def passage_count(self) -> int:
        """Return the number of passages."""

    def document_frequency(self, stem: str) -> int:
        """Return the number of passages that hold the stem in title, headings or text."""


class PassageIndex(Protocol):
    """A persisted lexical index of passages: readers see whole commits, one writer at a time."""

    def search(self, terms: Mapping[str, float], limit: int, groups: frozenset[str] = frozenset()) -> list[Hit]:
        """Return the best passages by BM25, best first; `terms` are stems with their weights, next to what each tells.

        Only of those that everyone may see, or one of these groups.
        """

    @property
    def statistics(self) -> "TermStatistics":
        """Return the term statistics of the commit that a search sees."""

    def passages(self, source: str) -> list[Passage]:
        """Return the passages of one source in document order; empty for an unknown one."""

    def found(self, keys: Iterable[int]) -> Mapping[int, Passage]:
        """Return the passages with these keys, as far as they are there: how what other legs find becomes a passage."""

    def sources(self) -> Mapping[str, str]:
        """Return the fingerprint under which each source was indexed."""

    def keys(self) -> Mapping[str, Sequence[int]]:
        """Return the keys of each source's passages: what vectors and graph have to be in step with."""

    def write(self, replaced: Iterable[tuple[str, str, Sequence[Passage]]], removed: Iterable[str]) -> None:
        """Replace sources (name, fingerprint, passages) and remove others, all in one commit.

        Raises `DiskFull`; then nothing has changed.
        """

    def refresh(self) -> bool:
        """Look for a newer commit and read from it from now on; return whether there was one."""


class GraphStore(Protocol):
    """The property graph beside an index: one process writes, readers see what was published last."""

    def seek(self, question: str, hits: Sequence[Hit], groups: frozenset[str] = frozenset(), limit: int = 20) -> Led:
        """Return where the question's names and its best hits lead, within what these groups may see."""

    def sources(self) -> Mapping[str, str]:
        """Return the fingerprint under which each source was read."""

    def write(
        self,
        replaced: Iterable[tuple[str, str, Sequence[Passage]]],
        removed: Iterable[str],
        *,
        declared: Mapping[str, Sequence[Statement]] | None = None,
    ) -> None:
        """Replace sources (name, fingerprint, passages) and remove others in one commit, which nobody sees yet.

        `declared` are the relations that people state in a source. Raises `DiskFull`; then nothing has changed.
        """

    def publish(self) -> None:
        """Show readers what was written; one that has not refreshed reads on in what was published before."""

    def refresh(self) -> bool:
        """Look for what was published since, and read from it from now on; return whether there was anything."""

    def place(self, passage: int) -> Place | None:
        """Return where a passage stands, or nothing for one that the graph does not hold."""

    def named_in(self, passages: Sequence[int], groups: frozenset[str] = frozenset()) -> list[Edge]:
        """Return how these passages name their entities; like all below, within what these groups may see."""

    def naming(self, name: str, groups: frozenset[str] = frozenset()) -> list[Edge]:
        """Return how an entity is named, passage by passage."""

    def stated_in(self, passages: Sequence[int], groups: frozenset[str] = frozenset()) -> list[Stated]:
        """Return the typed relations that these passages state."""

    def show(self, name: str, groups: frozenset[str] = frozenset()) -> list[Stated]:
        """Return the typed relations that are stated of an entity."""

    def neighbours(self, name: str, groups: frozenset[str] = frozenset(), limit: int = 20) -> list[Step]:
        """Return the entities that stand in one passage with this one, the most telling first."""

    def path(self, name: str, other: str, groups: frozenset[str] = frozenset()) -> list[Step]:
        """Return the shortest way from one entity to another, passage by passage; empty where there is none."""

    def alike(self, name: str, groups: frozenset[str] = frozenset(), limit: int = 5) -> list[str]:
        """Return the names of entities that are written much like this one, the nearest first."""

    def close(self) -> None:
        """Give back what is open; idempotent."""


class Store(Protocol):
    """The system of record: conversations and the journal. One writer commits in groups; nothing blocks the loop."""

    async def conversation(self, conversation_id: str, caller: str, *, messages: int = HISTORY) -> Conversation:
        """Return a conversation with its most recent messages.

        Raises `NoConversation` when there is none or when it belongs to another caller.
        """

    def open_turn(self, opening: TurnOpening) -> Awaitable[None]:
        """Commit the user's message at once; the result is there when it is durable. Idempotent by turn id.

        It is queued by the call itself, awaited or not. Raises `NoConversation` when the conversation belongs to
        another caller, `DiskFull` when it could not be kept.
        """

    def close_turn(self, closing: TurnClosing) -> Awaitable[None]:
        """Commit reply, trace and events in one transaction, and the user's message with them where it is `asked`.

        Idempotent by turn id.
        It is queued by the call itself, awaited or not. Raises `NoTurn` when the turn was never opened, `DiskFull`
        when nothing of it could be kept.
        """

    def record(self, events: Sequence[Event]) -> Awaitable[None]:
        """Commit events that belong to no turn."""

    async def trace(self, turn_id: str, caller: str) -> Trace:
        """Return why a turn ended as it did. Raises `NoTurn`, also for another caller's."""

    async def close(self) -> None:
        """Commit what is queued and give back the database; idempotent."""


class Episodes(Protocol):
    """Past conversations, as far as their callers let them be used for more than answering."""

    async def rested(self, *, since: float, until: float, limit: int) -> Sequence[str]:
        """Return the ids of the episodes whose last turn was committed between these times, newest first.

        Turns without consent are in none; nor are those of a conversation whose last turn had none.
        """

    async def episodes(self, issue_ids: Sequence[str]) -> Sequence[Episode]:
        """Return these episodes, as far as they are still there."""

    async def erasures(self) -> int:
        """Return how often somebody was forgotten; cheap enough to be asked each second."""

    async def erase(self, whom: str) -> int:
        """Forget a caller's conversations, or the one of that id; return how many there were.

        When it returns, none of their words stands in any of the store's files. The journal, which holds nobody's
        words, stays. Raises `Busy` while another program keeps the last of them in its hands.
        """


class EventLog(Protocol):
    """The journal as those read it who report and decide."""

    async def events(self, after: int, limit: int) -> Sequence[Entry]:
        """Return the entries that follow `after`, in the order of their commits; 0 is before the first."""

    def record(self, events: Sequence[Event]) -> Awaitable[None]:
        """Commit events that belong to no turn; they are queued by the call itself."""


class PastQuestions(Protocol):
    """What was asked before, in a store of conversations: to tell what a change would do, and to judge what was said."""

    async def asked(self, limit: int, caller: str) -> list[Asked]:
        """Return the last questions that were answered, newest first, each with at most `HISTORY` messages before it.

        The caller's own may be shown to them.
        """

    async def traces(self, turn_ids: Sequence[str]) -> list[Trace]:
        """Return why these turns ended as they did, in this order, as far as they are still there.

        They are of all callers, and hold their words: for those who judge, not for those who look.
        """


class Split(Protocol):
    """A trial as those see it who say who is in which of its arms."""

    @property
    def run(self) -> str:
        """Return the id of this run alone."""

    @property
    def mode(self) -> str:
        """Return what kind of trial it is."""

    @property
    def control(self) -> str:
        """Return the name of the arm that answers as before."""

    @property
    def candidate(self) -> str:
        """Return the name of the arm that is tried."""

    def has(self, caller: str) -> bool:
        """Return whether a caller is in the candidate by the trial's own rule."""


class FlagSource(Protocol):
    """Who is in which arm of a trial: asked before each turn, so it never waits long."""

    def arm(self, split: Split, caller: str) -> str | None:
        """Return a caller's arm at once, or nothing for somebody new, who has to be `settled` first.

        An empty one is outside of the trial: answered as the control is, and counted nowhere.
        """

    def recall(self, run: str, arms: Mapping[str, str]) -> None:
        """Take up in which arm users of a run were seen before a restart, by the names that the journal gives them."""

    async def settled(self, split: Split, caller: str) -> str:
        """Return the arm of somebody new; outside of the trial where it cannot be told within a small budget."""

    async def close(self) -> None:
        """Give back connections; idempotent."""
