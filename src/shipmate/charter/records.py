"""The charter as records: the one-page promise that an assistant is built, routed and measured by."""

import re
from datetime import date
from math import inf
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from shipmate.shape import Section

__all__ = [
    "FEWEST_EXAMPLES",
    "FEWEST_INTENTS",
    "METRICS",
    "MOST_INTENTS",
    "OUTCOME",
    "OUTCOME_PREFIX",
    "Charter",
    "Escalation",
    "Goal",
    "Intent",
    "Metric",
    "OutOfScope",
    "Pilot",
    "Slo",
    "StackChoice",
]

FEWEST_INTENTS = 8
MOST_INTENTS = 12
FEWEST_EXAMPLES = 5


class Metric(NamedTuple):
    """A figure that Shipmate computes from its journal."""

    means: str
    # Whether more is better.
    rising: bool
    # The most that a goal may promise: nobody reaches everything.
    most: float = inf


METRICS = {
    "ftr": Metric("share of problems solved by the first answer", rising=True, most=0.95),
    "resolution_rate": Metric("share of problems solved without a person", rising=True, most=0.95),
    "hallucination_rate": Metric("share of answers with an unsupported claim", rising=False),
    "latency_p95_s": Metric("seconds within which 95 % of the answers are complete", rising=False),
    "cost_per_1k_usd": Metric("US dollars for a thousand questions", rising=False),
    "uptime": Metric("share of time in which it answers", rising=True, most=0.9999),
}
# A goal may also be the mean of values that the team imports itself under a name.
OUTCOME_PREFIX = "outcome:"
OUTCOME = re.compile(OUTCOME_PREFIX + r"[a-z0-9]+(?:[_-][a-z0-9]+)*")

Words = Annotated[str, Meta(min_length=1)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9]+(?:[_-][a-z0-9]+)*$", examples=["reset_password"])]
Language = Annotated[str, Meta(pattern=r"^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$", examples=["en", "pt-BR"])]
Share = Annotated[float, Meta(ge=0, le=1)]


class Goal(Section, frozen=True, kw_only=True):
    """The outcome for people, as a SMART goal."""

    statement: Annotated[str, Meta(description="The goal in one sentence, with its number.")] = ""
    metric: Annotated[
        str,
        Meta(
            description="; ".join(f"{name}: {metric.means}" for name, metric in METRICS.items())
            + "; outcome:NAME: the mean of the values that the team imports under that name"
        ),
    ] = ""
    baseline: Annotated[float | None, Meta(description="The metric today, before the assistant.")] = None
    target: Annotated[float | None, Meta(description="The metric that is promised; shares as 0.70, not 70.")] = None
    by: Annotated[date | None, Meta(description="The day by which the target holds.")] = None
    population: Annotated[str, Meta(description="Whose questions are counted.")] = ""
    why: Annotated[str, Meta(description="What becomes better for whom.")] = ""


class Intent(Section, frozen=True, kw_only=True):
    """One thing that the assistant must handle from the first day."""

    id: Annotated[Name, Meta(description="Its name in the journal and the reports.")]
    examples: Annotated[tuple[Words, ...], Meta(description="How people ask for it, in their own words.")] = ()
    success: Annotated[str, Meta(description="How one can tell that the person got what they came for.")] = ""
    tools: Annotated[tuple[Words, ...], Meta(description="Tools that it may use, and no others.")] = ()
    knowledge: Annotated[tuple[Words, ...], Meta(description="Documents that answer it: paths or patterns.")] = ()
    skill: Annotated[str, Meta(description="What a person must know to take over; default: the escalation's.")] = ""
    risk: Annotated[Literal["low", "medium", "high"], Meta(description="What a wrong answer can do.")] = "low"
    confirm: Annotated[str, Meta(description="What is asked before anything risky is done.")] = ""


class OutOfScope(Section, frozen=True, kw_only=True):
    """A topic that the assistant refuses."""

    topic: Annotated[Words, Meta(description="What it is about.")]
    examples: Annotated[tuple[Words, ...], Meta(description="How people ask for it.")] = ()
    reply: Annotated[str, Meta(description="What is said instead, word for word.")] = ""


class Escalation(Section, frozen=True, kw_only=True):
    """When a person takes over, and who."""

    default: Annotated[str, Meta(description="The skill of the people who take over what nobody else does.")] = ""
    always: Annotated[tuple[Words, ...], Meta(description="Cases that always go to a person.")] = ()


class Slo(Section, frozen=True, kw_only=True):
    """What is promised in running it; see the metrics for the definitions."""

    ftr: Annotated[Share, Meta(description="At least this share.")] = 0.70
    hallucination_rate: Annotated[Share, Meta(description="At most this share.")] = 0.012
    latency_p95_s: Annotated[float, Meta(gt=0, description="At most this many seconds.")] = 2.5
    cost_per_1k_usd: Annotated[float, Meta(ge=0, description="At most this many US dollars.")] = 0.25
    uptime: Annotated[Share, Meta(description="At least this share.")] = 0.9995


class Pilot(Section, frozen=True, kw_only=True):
    """Who tries it first."""

    users: Annotated[int, Meta(ge=1, le=100_000, description="How many people.")] = 50
    flag: Annotated[str, Meta(description="The feature flag that lets them in.")] = "pilot"


class StackChoice(Section, frozen=True, kw_only=True):
    """The stack that was chosen, and how long it stays."""

    option: Annotated[str, Meta(description="The choice in the team's words.")] = ""
    frozen_until: Annotated[date | None, Meta(description="Until then no layer is swapped.")] = None


class Charter(Section, frozen=True, kw_only=True):
    """What the assistant promises, to whom, and what it leaves to people."""

    version: Literal[1] = 1
    name: Annotated[str, Meta(description="What it is called; default: the folder's name.")] = ""
    goal: Goal = Goal()
    intents: tuple[Intent, ...] = ()
    out_of_scope: tuple[OutOfScope, ...] = ()
    escalation: Escalation = Escalation()
    slo: Slo = Slo()
    languages: Annotated[tuple[Language, ...], Meta(description="In which it answers.")] = ()
    regions: Annotated[tuple[Words, ...], Meta(description="Where people's data may be processed.")] = ()
    pilot: Pilot = Pilot()
    stack: StackChoice = StackChoice()
