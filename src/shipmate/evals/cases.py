"""The cases that an assistant is held against, as the records that `evals/*.yml` and `evals/*.jsonl` are read into."""

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from shipmate.shape import Section

__all__ = [
    "KINDS",
    "AnswerCase",
    "AnswerExpect",
    "Case",
    "CasesFile",
    "Check",
    "Defaults",
    "DialogueCase",
    "DialogueExpect",
    "DialogueUser",
    "InputCase",
    "IntentCase",
    "IntentExpect",
    "PerfCase",
    "PerfExpect",
    "PerfInputs",
    "RedteamCase",
    "RedteamExpect",
    "RefusalCase",
    "RetrievalCase",
    "RetrievalExpect",
    "RetrievalMetric",
    "Said",
    "Texts",
    "ToolCase",
    "ToolExpect",
    "ToolUse",
]

MOST_EPOCHS = 50

Words = Annotated[str, Meta(min_length=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
Amount = Annotated[float, Meta(ge=0)]
Id = Annotated[str, Meta(pattern=r"^[^\s\x00-\x1f][^\x00-\x1f]{0,199}$", examples=["pw-001"])]
Epochs = Annotated[int, Meta(ge=1, le=MOST_EPOCHS)]
Texts = Words | tuple[Words, ...]
Place = Annotated[
    str,
    Meta(
        min_length=1,
        description="A document; with `#heading` or `#start-end` what stands there.",
        extra_json_schema={"examples": ["guide.md", "policy/refunds#late", "guide.md#120-480"]},
    ),
]


class Check(Section, frozen=True, kw_only=True):
    """One thing that is scored, by the scorer's name: what `expect` says in words of its own, written out."""

    scorer: Annotated[Words, Meta(description="Which scorer: one of Shipmate's, or an entry point of yours.")]
    value: Annotated[Any, Meta(description="What the scorer compares with.")] = None
    threshold: Annotated[float | None, Meta(description="It passes from this score on; default: the scorer's.")] = None
    weight: Annotated[float, Meta(ge=0, description="Its weight in the score; 0: it is shown and decides nothing.")] = 1
    negate: Annotated[bool, Meta(description="It passes when the scorer does not.")] = False
    metric: Annotated[str, Meta(description="The name under which reports gather its score.")] = ""
    checks: Annotated[
        tuple["Check", ...], Meta(description="Of the scorer `set`: checks whose weighted mean is the score.")
    ] = ()


class Said(Section, frozen=True, kw_only=True):
    """A message that came before."""

    role: Literal["user", "assistant"]
    text: Words


class Case(Section, frozen=True, kw_only=True, tag_field="kind"):
    """One case, whatever its kind."""

    id: Annotated[Id, Meta(description="Its name in reports and in the baseline; unique in the suite.")]
    description: Annotated[str, Meta(description="What it is for.")] = ""
    intent: Annotated[str, Meta(description="The charter's intent that it belongs to.")] = ""
    tags: Annotated[tuple[Words, ...], Meta(description="Words to choose cases by.")] = ()
    critical: Annotated[bool, Meta(description="It must pass in every epoch.")] = False
    epochs: Annotated[Epochs | None, Meta(description="How often it is tried; default: the file's.")] = None
    lang: Annotated[str, Meta(description="The language of the person; default: the file's.")] = ""
    judge: Annotated[str, Meta(description="Who judges claims; default: the file's.")] = ""
    threshold: Annotated[
        Share | None, Meta(description="It passes from this weighted mean of its checks on; default: all must pass.")
    ] = None
    checks: Annotated[tuple[Check, ...], Meta(description="What else is scored.")] = ()
    metadata: Annotated[dict[str, Any], Meta(description="What other tools know of it; nothing reads it.")] = field(
        default_factory=dict
    )

    @property
    def kind(self) -> str:
        """Return which kind of case this is."""
        return str(type(self).__struct_config__.tag)

    @property
    def cluster(self) -> str:
        """Return what else it stands and falls with: its intent, or the document that answers it."""
        return self.intent or self.id


class InputCase(Case, frozen=True, kw_only=True):
    """A case that asks one thing."""

    input: Annotated[Words, Meta(description="What the person writes.")]
    history: Annotated[tuple[Said, ...], Meta(description="What was said before, oldest first.")] = ()


class AnswerExpect(Section, frozen=True, kw_only=True):
    """What a reply has to be; every key is one check."""

    kind: Annotated[
        Literal["answer", "clarify", "refuse", "handoff", "fallback"] | None, Meta(description="The reply's kind.")
    ] = None
    claims: Annotated[tuple[Words, ...], Meta(description="What the reply must say, in whatever words.")] = ()
    cites: Annotated[tuple[Place, ...], Meta(description="What it must cite.")] = ()
    cites_only: Annotated[tuple[Place, ...], Meta(description="It cites nothing but these.")] = ()
    equals: Annotated[Texts | None, Meta(description="The whole reply, or one of several.")] = None
    contains: Annotated[Texts | None, Meta(description="Text that stands in it; all of several.")] = None
    contains_any: Annotated[tuple[Words, ...], Meta(description="Of these texts, at least one stands in it.")] = ()
    not_contains: Annotated[Texts | None, Meta(description="Text that does not stand in it; none of several.")] = None
    regex: Annotated[str | None, Meta(description="A pattern that is found in it.")] = None
    json_schema: Annotated[dict[str, Any] | None, Meta(description="The reply is JSON that fits this schema.")] = None
    reference: Annotated[str, Meta(description="A good answer: the reply says what it says.")] = ""
    grounded: Annotated[bool, Meta(description="Every sentence stands on what was found.")] = False
    no_leak: Annotated[bool, Meta(description="No personal data and no secret of others stands in it.")] = False
    language: Annotated[str, Meta(description="The language that it is written in.")] = ""
    latency_s: Annotated[Positive | None, Meta(description="It is complete within so many seconds.")] = None
    cost_usd: Annotated[Amount | None, Meta(description="It costs at most this.")] = None


class AnswerCase(InputCase, frozen=True, kw_only=True, tag="answer"):
    """A question, and what the answer has to say and to cite."""

    expect: AnswerExpect = AnswerExpect()

    @property
    def cluster(self) -> str:
        """Return its intent, or the first document that it has to cite."""
        return self.intent or next(iter(self.expect.cites), self.id).partition("#")[0]


class RetrievalMetric(Section, frozen=True, kw_only=True):
    """What the search has to reach, each from 0 to 1."""

    recall: Annotated[Share | None, Meta(description="Of the documents, the share among the first k.")] = None
    precision: Annotated[Share | None, Meta(description="Of what is found, the share that was wanted.")] = None
    mrr: Annotated[Share | None, Meta(description="One divided by the place of the first that was wanted.")] = None
    ndcg: Annotated[Share | None, Meta(description="How far what was wanted stands at the top.")] = None


class RetrievalExpect(Section, frozen=True, kw_only=True):
    """What the search has to find."""

    docs: Annotated[tuple[Place, ...], Meta(min_length=1)]
    k: Annotated[int, Meta(ge=1, le=50, description="Among how many passages.")] = 5
    metric: Annotated[RetrievalMetric, Meta(description="Default: a recall of 1.")] = RetrievalMetric()


class RetrievalCase(InputCase, frozen=True, kw_only=True, tag="retrieval"):
    """A question, and the documents that have to be found."""

    expect: RetrievalExpect

    @property
    def cluster(self) -> str:
        """Return its intent, or the first document that has to be found."""
        return self.intent or self.expect.docs[0].partition("#")[0]


class IntentExpect(Section, frozen=True, kw_only=True, rename={"not_": "not"}):
    """How a message has to be read."""

    intent: Annotated[str | None, Meta(description="The intent; empty: none of the charter's.")] = None
    not_: Annotated[tuple[Words, ...], Meta(description="Intents that it must not be taken for.")] = ()
    out_of_scope: Annotated[str, Meta(description="The topic for which it must be refused.")] = ""


class IntentCase(InputCase, frozen=True, kw_only=True, tag="intent"):
    """A message, and the intent that it has to be read as."""

    expect: IntentExpect

    @property
    def cluster(self) -> str:
        """Return the intent that is expected."""
        return self.intent or self.expect.intent or self.expect.out_of_scope or self.id


class RefusalCase(InputCase, frozen=True, kw_only=True, tag="refusal"):
    """A message that has to be refused, or one that must not be."""

    topic: Annotated[str, Meta(description="The charter's topic that is out of scope.")] = ""
    expect: Annotated[Literal["refuse", "answer"], Meta(description="`answer`: refusing it would be wrong.")] = "refuse"

    @property
    def cluster(self) -> str:
        """Return its intent or topic."""
        return self.intent or self.topic or self.id


class DialogueUser(Section, frozen=True, kw_only=True):
    """The person whom a model plays."""

    persona: Annotated[str, Meta(description="Who it is, and how they write.")] = ""
    goal: Annotated[Words, Meta(description="What they want to have in the end.")]
    knows: Annotated[dict[str, Any], Meta(description="What they know and tell when they are asked.")] = field(
        default_factory=dict
    )


class DialogueExpect(Section, frozen=True, kw_only=True):
    """How a conversation has to end; the way there does not count."""

    state: Annotated[dict[str, Any], Meta(description="What holds in the end, by name.")] = field(default_factory=dict)
    says: Annotated[tuple[Words, ...], Meta(description="Text that the assistant has said by then.")] = ()
    not_says: Annotated[tuple[Words, ...], Meta(description="Text that it never says.")] = ()
    claims: Annotated[tuple[Words, ...], Meta(description="What it has said by then, in whatever words.")] = ()
    handoff: Annotated[bool | None, Meta(description="Whether a person has taken over.")] = None


class DialogueCase(Case, frozen=True, kw_only=True, tag="dialogue"):
    """A conversation, and how it has to end."""

    turns: Annotated[tuple[Words, ...], Meta(description="What the person writes, one message after the other.")] = ()
    user: Annotated[DialogueUser | None, Meta(description="The person, where a model plays them.")] = None
    max_turns: Annotated[int, Meta(ge=1, le=50, description="It ends after so many messages of the person.")] = 8
    expect: DialogueExpect


class ToolUse(Section, frozen=True, kw_only=True):
    """A call of a tool."""

    name: Words
    args: Annotated[dict[str, Any], Meta(description="Arguments that it is called with.")] = field(default_factory=dict)


class ToolExpect(Section, frozen=True, kw_only=True):
    """Which tools have to be called."""

    tools: tuple[ToolUse, ...] = ()
    mode: Annotated[
        Literal["subset", "exact", "sequence"],
        Meta(description="`subset`: others may be called too; `exact`: no others; `sequence`: in this order, too."),
    ] = "subset"
    f1: Annotated[Share, Meta(description="From this F1 of the tools' names on it passes.")] = 1.0


class ToolCase(InputCase, frozen=True, kw_only=True, tag="tool"):
    """A message, and the tools that have to be called."""

    expect: ToolExpect = ToolExpect()
    forbid_tools: Annotated[tuple[Words, ...], Meta(description="Tools that must not be called.")] = ()


class RedteamExpect(Section, frozen=True, kw_only=True):
    """What an attack must not reach."""

    no_tool: Annotated[Texts | None, Meta(description="A tool that is not called; none of several.")] = None
    not_contains: Annotated[Texts | None, Meta(description="Text that does not stand in the reply.")] = None
    no_leak: Annotated[bool, Meta(description="No personal data and no secret of others stands in it.")] = False
    refuse: Annotated[bool, Meta(description="It has to be refused.")] = False


class RedteamCase(Case, frozen=True, kw_only=True, tag="redteam"):
    """An attack, in the person's words or in a document that is found."""

    attack: Annotated[Words, Meta(description="What kind of attack this is.", examples=["indirect_injection"])]
    input: Annotated[str, Meta(description="What the person writes; default: a question for the document.")] = ""
    doc: Annotated[str, Meta(description="A hostile document, as a path below evals/: it is found first.")] = ""
    expect: RedteamExpect

    @property
    def cluster(self) -> str:
        """Return its intent, or the kind of attack."""
        return self.intent or self.attack


class PerfInputs(Section, frozen=True, kw_only=True):
    """What is asked to measure: a file, or texts."""

    file: Annotated[str, Meta(description="JSON lines with an `input` each, as a path below evals/.")] = ""
    texts: Annotated[tuple[Words, ...], Meta(description="The questions themselves.")] = ()


class PerfExpect(Section, frozen=True, kw_only=True):
    """What answering may take."""

    latency_p95_s: Annotated[Positive | None, Meta(description="95 % of the replies are complete by then.")] = None
    ttft_p95_s: Annotated[Positive | None, Meta(description="95 % of the replies have begun by then.")] = None
    cost_per_1k_usd: Annotated[Amount | None, Meta(description="A thousand replies cost at most this.")] = None


class PerfCase(Case, frozen=True, kw_only=True, tag="perf"):
    """Questions that are asked to see what answering takes."""

    inputs: PerfInputs
    expect: PerfExpect

    @property
    def cluster(self) -> str:
        """Return its own name: time has nothing to do with intents."""
        return self.id


KINDS: dict[str, type[Case]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (
        AnswerCase,
        RetrievalCase,
        IntentCase,
        RefusalCase,
        DialogueCase,
        ToolCase,
        RedteamCase,
        PerfCase,
    )
}


class Defaults(Section, frozen=True, kw_only=True):
    """What holds for each case of the file that does not say otherwise."""

    epochs: Annotated[Epochs, Meta(description="How often each is tried.")] = 1
    lang: Annotated[str, Meta(description="The language of the person.")] = ""
    judge: Annotated[str, Meta(description="Who judges claims; default: the judge that needs no model.")] = ""


class CasesFile(Section, frozen=True, kw_only=True):
    """Cases that an assistant is held against, in one file of several."""

    version: Literal[1] = 1
    suite: Annotated[str, Meta(description="What the cases are called together; default: the file's name.")] = ""
    defaults: Defaults = Defaults()
    cases: tuple[
        AnswerCase | RetrievalCase | IntentCase | RefusalCase | DialogueCase | ToolCase | RedteamCase | PerfCase,
        ...,
    ] = ()
