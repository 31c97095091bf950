"""The words of the house as frozen records: what flows through one turn, in the order in which it appears."""

from bisect import bisect_right
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple, Self

import msgspec

__all__ = [
    "HISTORY",
    "LOCAL",
    "Ask",
    "Asked",
    "Card",
    "Citation",
    "Cited",
    "Conversation",
    "Cut",
    "Draft",
    "Entry",
    "Episode",
    "Event",
    "Exchange",
    "Finished",
    "Heard",
    "Hit",
    "Led",
    "Message",
    "Passage",
    "Question",
    "Reask",
    "Recalled",
    "Record",
    "Reply",
    "ReplyKind",
    "Role",
    "Route",
    "Scored",
    "Sentence",
    "Started",
    "Statement",
    "Step",
    "StreamEvent",
    "Token",
    "Trace",
    "TurnClosing",
    "TurnOpening",
    "Usage",
]


# Whoever sits at this machine.
LOCAL = "local"
# So many messages before it go into a turn.
HISTORY = 12


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    # A reviewer who took the conversation over.
    HUMAN = "human"


class ReplyKind(StrEnum):
    """What the user gets."""

    ANSWER = "answer"
    # A question back, because the user's can be meant in several ways.
    CLARIFY = "clarify"
    # The documents do not answer it, or the charter says that it is out of scope.
    REFUSE = "refuse"
    # The token bucket is empty: come back in `retry_after_s`.
    WAIT = "wait"
    HANDOFF = "handoff"
    # A verbatim FAQ answer, or quotes, because the model could not be used.
    FALLBACK = "fallback"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen record."""


class Message(Record, frozen=True, kw_only=True):
    """One utterance of a conversation."""

    role: Role
    text: str
    # Seconds since the epoch, UTC.
    at: float


class Ask(Record, frozen=True, kw_only=True):
    """One user message as it came through a door."""

    text: str
    # Empty: a new conversation is opened.
    conversation_id: str = ""
    # Who owns the conversation: a key's name, a browser's device id, `LOCAL`.
    caller: str = LOCAL
    # BCP 47, from Accept-Language; empty when unknown.
    language: str = ""
    # From X-Consent-ID. Empty: answered, and kept for nothing else.
    consent_id: str = ""
    # Earlier messages that the client itself brought along: data, never instructions.
    history: tuple[Message, ...] = ()
    # The door: "cli", "chat", "ws", "v1".
    channel: str = "cli"


class Route(Record, frozen=True, kw_only=True):
    """The router's reading of a message."""

    # The charter intent's id, or empty when none fits.
    intent: str = ""
    # 0-1.
    confidence: float = 0.0
    # The charter's topic that is out of scope, or empty.
    out_of_scope: str = ""
    # What the charter says to that topic.
    refusal: str = ""


class Question(Record, frozen=True, kw_only=True):
    """What is to be answered."""

    # As the user wrote it.
    text: str
    # Understandable without the conversation: the follow-up rewritten.
    standalone: str
    history: tuple[Message, ...] = ()


class Statement(msgspec.Struct, frozen=True):
    """A typed relation between two entities, such as `Contract requires Signature`."""

    subject: str
    relation: str
    object: str
    # Of what people declare, the line on which they do, from 1; of what a passage says, 0.
    line: int = 0


class Asked(Record, frozen=True, kw_only=True):
    """A question of the past."""

    turn_id: str
    caller: str
    # With what was said before it, as far as the store keeps it.
    question: Question
    # Its words may be shown to whoever looks for it: it is their own, or was asked with consent.
    may_be_shown: bool


class Passage(Record, frozen=True, kw_only=True):
    """A retrievable piece of a document; `text` stands in the document at [start, end)."""

    # Path of the document below the knowledge folder, with forward slashes.
    source: str
    # The document's title.
    title: str
    # The headings above the passage, outermost first.
    headings: tuple[str, ...] = ()
    text: str
    # Offsets of characters (code points) in the document as decoded from the file; of PDF and DOCX, in the text
    # that was taken out of it.
    start: int
    end: int
    # Where text and file differ in more than position (HTML): (offset in text, offset in file) of each
    # run that is the same in both, ascending. Empty: `text` is the file's own [start, end).
    runs: tuple[tuple[int, int], ...] = ()
    # The groups that may see it; empty: everyone.
    audience: tuple[str, ...] = ()
    # Where its links lead, as far as the text does not show it (HTML, DOCX), as the document writes it.
    links: tuple[str, ...] = ()
    # Of a document with pages, the one on which the passage stands, from 1.
    page: int = 0
    # The day that the document gives for itself, such as 2026-11-22, or nothing.
    date: str = ""
    # Of a document's first passage, what its front matter declares.
    relations: tuple[Statement, ...] = ()

    @property
    def cited_as(self) -> str:
        """Return the title that a citation shows, with the page on which the words are found."""
        return f"{self.title}, p. {self.page}" if self.page else self.title

    @property
    def in_full(self) -> str:
        """Return the text below what stands above it: that is a part of what it says."""
        return " ".join((self.title, *self.headings, self.text))

    def is_for(self, groups: frozenset[str]) -> bool:
        """Return whether somebody in these groups may see it."""
        return not self.audience or not groups.isdisjoint(self.audience)

    def in_source(self, start: int, end: int) -> tuple[int, int]:
        """Return where `text[start:end]` stands in the source file; it must not be empty."""
        if not self.runs:
            return self.start + start, self.start + end
        return self._offset_in_source(start), self._end_in_source(end)

    def _end_in_source(self, end: int) -> int:
        at = bisect_right(self.runs, end, key=itemgetter(0)) - 1
        # A sign that the file writes as an entity is a run of its own and reaches up to the next one.
        if at > 0 and self.runs[at][0] == end and self.runs[at - 1][0] == end - 1:
            return self.runs[at][1]
        return self._offset_in_source(end - 1) + 1

    def _offset_in_source(self, offset: int) -> int:
        at = bisect_right(self.runs, offset, key=itemgetter(0)) - 1
        in_text, in_source = self.runs[max(at, 0)]
        return in_source + offset - in_text


class Hit(Record, frozen=True, kw_only=True):
    """A passage that was found."""

    passage: Passage
    # The order is by this score, descending.
    score: float
    # Each leg's own score: "lexical", later "dense", "graph".
    legs: dict[str, float] = {}


class Led(msgspec.Struct, frozen=True):
    """Where the graph leads from a question."""

    # By the key of the passage, 0-1.
    scores: dict[int, float]
    # How far to believe it, 0-1: 1 where the question names the very page that the words find first, and less where
    # others share that name.
    trust: float


class Citation(Record, frozen=True, kw_only=True):
    """The exact span that a sentence stands on."""

    source: str
    title: str
    # The passage's own words.
    quote: str
    # Offsets of characters in the source file, as decoded.
    start: int
    end: int


class Sentence(Record, frozen=True, kw_only=True):
    """One sentence of a draft, with the spans it stands on."""

    text: str
    citations: tuple[Citation, ...] = ()
    # Greetings, connectives and "I could not find ..." claim nothing and need no span.
    factual: bool = True


class Draft(Record, frozen=True, kw_only=True):
    """What an answerer proposes."""

    kind: ReplyKind
    sentences: tuple[Sentence, ...]
    # That the documents answer the question, 0-1.
    confidence: float
    # What was left out on the way, for `explain`.
    cuts: tuple["Cut", ...] = ()


class Cut(Record, frozen=True, kw_only=True):
    """Something that was not sent, and the rule that held it back."""

    text: str
    # "no_span", "number", "date", "name", "link", ...
    rule: str
    reason: str


class Usage(Record, frozen=True, kw_only=True):
    """What the reply consumed at the model; zeros for quotes."""

    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    # The server did not count the tokens: they are reckoned from the length of the text.
    estimated: bool = False


class Reply(Record, frozen=True, kw_only=True):
    """What the user gets: the object that `ask --json` prints."""

    kind: ReplyKind
    text: str
    citations: tuple[Citation, ...]
    # That the documents answer the question, 0-1.
    confidence: float
    # The charter intent's id, or empty.
    intent: str
    conversation_id: str
    turn_id: str
    usage: Usage
    latency_ms: float
    release: str


class Scored(Record, frozen=True, kw_only=True):
    """A passage that was found, without its text: what a trace keeps."""

    source: str
    title: str
    start: int
    end: int
    score: float
    legs: dict[str, float]


class Step(Record, frozen=True, kw_only=True):
    """What one step of the turn cost."""

    name: str
    ms: float


class Trace(Record, frozen=True, kw_only=True):
    """Why a turn ended as it did: what `explain` prints."""

    turn_id: str
    conversation_id: str
    question: str
    standalone: str
    route: Route
    passages: tuple[Scored, ...]
    cuts: tuple[Cut, ...]
    steps: tuple[Step, ...]
    reply: Reply
    # What went wrong on the way and was mended by a fallback; empty when nothing did.
    fault: str = ""
    # The client went away before anything was chosen: the reply and its kind say nothing.
    abandoned: bool = False


class Started(Record, frozen=True, kw_only=True, tag="started"):
    """The turn was accepted; the user's message is committed before the first token."""

    conversation_id: str
    turn_id: str


class Token(Record, frozen=True, kw_only=True, tag="token"):
    """Checked text, to be appended to the reply."""

    text: str


class Cited(Record, frozen=True, kw_only=True, tag="citation"):
    """A citation of the text so far; the text refers to it as [number]."""

    # From 1, ascending.
    number: int
    citation: Citation


class Card(Record, frozen=True, kw_only=True, tag="card"):
    """Something to show apart from the reply's text, such as the wait card."""

    kind: ReplyKind
    text: str
    retry_after_s: float = 0.0


class Finished(Record, frozen=True, kw_only=True, tag="finished"):
    """The reply is complete and committed."""

    reply: Reply


StreamEvent = Started | Token | Cited | Card | Finished


class Exchange(Record, frozen=True, kw_only=True):
    """A user's message with its reply, as a later turn may look back on it."""

    at: float
    # As the user wrote it, and understandable without the conversation.
    text: str
    question: str
    reply: str
    kind: ReplyKind
    citations: tuple[Citation, ...] = ()
    # Nothing went wrong on the way, and the user was there to the end.
    is_whole: bool = True

    @classmethod
    def of(cls, trace: Trace, at: float) -> Self:
        """Return the exchange of which a trace tells."""
        reply = trace.reply
        return cls(
            at=at,
            text=trace.question,
            question=trace.standalone,
            reply=reply.text,
            kind=reply.kind,
            citations=reply.citations,
            is_whole=not (trace.fault or trace.abandoned),
        )


class Episode(Record, frozen=True, kw_only=True):
    """One problem inside a conversation."""

    issue_id: str
    conversation_id: str
    caller: str
    # As they came.
    exchanges: tuple[Exchange, ...]


class Recalled(Record, frozen=True, kw_only=True):
    """A resolved exchange of another conversation: an untrusted example."""

    exchange: Exchange
    # How much its question has in common with the present one, 0-1.
    likeness: float
    # Where what it cites stands now.
    passages: tuple[Passage, ...] = ()


class Reask(Record, frozen=True, kw_only=True):
    """That a message puts a question again which was answered before, to somebody whom the answer did not help."""

    # The answer that did not help; of a turn that is not known any more, its episode alone.
    turn_id: str
    issue_id: str
    # How sure it is that both ask for the same, and that the answer did not help, 0-1.
    same_intent: float
    dissatisfied: float
    gap_s: float


class Heard(Record, frozen=True, kw_only=True):
    """What a message says of what was answered before it."""

    # "negative", "thanks", "greeting", or nothing of these.
    sign: str = ""
    # The episode before the message, in the same conversation.
    prev_issue_id: str = ""
    reask: Reask | None = None


class Event(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One immutable fact of the journal."""

    # Such as "assistant.turn.completed".
    name: str
    # Seconds since the epoch, UTC.
    ts: float
    event_id: str
    conversation_id: str = ""
    # The episode: one problem inside the conversation.
    issue_id: str = ""
    turn_id: str = ""
    # A keyed hash of the caller; never the caller itself.
    user_hash: str = ""
    tenant: str = ""
    region: str = ""
    lang: str = ""
    # What answered: a built release, or `dev-` and the hash of a folder.
    release: str = ""
    # The arm of a trial, and the flag or run that put the caller there; both empty outside of one.
    variant: str = ""
    flag_key: str = ""
    charter_sha: str = ""
    index_sha: str = ""
    model: str = ""
    # The consent id under which it may be used for more than answering; empty: none.
    consent: str = ""
    # The event's own fields: numbers, ids and short labels, never the user's text.
    data: dict[str, object] = {}


class Entry(NamedTuple):
    """One line of the journal."""

    # Ascends with the commits; the next read goes on after it.
    seq: int
    event: Event


class Conversation(Record, frozen=True, kw_only=True):
    """A thread, as far as a turn needs it."""

    conversation_id: str
    caller: str
    opened_at: float
    last_at: float
    issue_id: str
    last_intent: str = ""
    language: str = ""
    consent_id: str = ""
    # The most recent ones, oldest first.
    messages: tuple[Message, ...] = ()


class TurnOpening(Record, frozen=True, kw_only=True):
    """What is committed before the first token leaves, while the rest of the reply is awaited."""

    turn_id: str
    conversation: Conversation
    message: Message
    events: tuple[Event, ...] = ()


class TurnClosing(Record, frozen=True, kw_only=True):
    """What is committed before `Finished` leaves."""

    conversation: Conversation
    # The user's message, of a turn that was not opened before.
    asked: Message | None = None
    message: Message
    trace: Trace
    events: tuple[Event, ...] = ()
