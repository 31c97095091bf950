"""The charter: the one-page promise that an assistant is built, routed and measured by, and the lint of it."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import date
from math import inf
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from shipmate.errors import Problem
from shipmate.messages import Record
from shipmate.shape import Section, did_you_mean
from shipmate.yaml_source import KeyPath, Source

__all__ = [
    "FEWEST_EXAMPLES",
    "FEWEST_INTENTS",
    "METRICS",
    "MOST_INTENTS",
    "RULES",
    "WARNINGS",
    "Charter",
    "Escalation",
    "Finding",
    "Goal",
    "Intent",
    "Metric",
    "OutOfScope",
    "Pilot",
    "Slo",
    "StackChoice",
    "Subject",
    "lint",
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

Words = Annotated[str, Meta(min_length=1)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9]+(?:[_-][a-z0-9]+)*$", examples=["reset_password"])]
Language = Annotated[str, Meta(pattern=r"^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$", examples=["en", "pt-BR"])]
Share = Annotated[float, Meta(ge=0, le=1)]


class Goal(Section, frozen=True, kw_only=True):
    """The outcome for people, as a SMART goal."""

    statement: Annotated[str, Meta(description="The goal in one sentence, with its number.")] = ""
    metric: Annotated[
        str, Meta(description="; ".join(f"{name}: {metric.means}" for name, metric in METRICS.items()))
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


class Subject(Record, frozen=True, kw_only=True):
    """What the rules look at: a charter in its surroundings."""

    charter: Charter
    today: date
    # Skills of the reviewers; None: no roster is known.
    skills: Collection[str] | None = None
    # Regions in which the assistant runs; empty: it is not deployed.
    deployed: Collection[str] = ()


class Finding(NamedTuple):
    """Where a rule is broken, how, and what to do."""

    path: KeyPath
    what: str
    do: str


def goal_is_smart(subject: Subject) -> Iterator[Finding]:
    """Find what the goal leaves open: what, how much, by when, for whom or why."""
    for name in Goal.__struct_fields__:
        if getattr(subject.charter.goal, name) in ("", None):
            yield Finding(("goal",), f"The goal has no `{name}`.", f"Add `{name}:` below `goal:`.")


def metric_is_computed(subject: Subject) -> Iterator[Finding]:
    """Find a metric that Shipmate does not compute."""
    metric = subject.charter.goal.metric
    if metric and metric not in METRICS:
        yield Finding(("goal", "metric"), f"`{metric}` is not measured by Shipmate.", did_you_mean(metric, METRICS))


def date_is_ahead(subject: Subject) -> Iterator[Finding]:
    """Find a goal whose day has come."""
    by = subject.charter.goal.by
    if by and by <= subject.today:
        yield Finding(("goal", "by"), f"The goal's day, {by}, is past.", "Report on the goal, and set a new one.")


def target_is_reachable(subject: Subject) -> Iterator[Finding]:
    """Find a target that is no better than the baseline, or more than anybody reaches."""
    goal = subject.charter.goal
    metric = METRICS.get(goal.metric)
    if metric is None or goal.target is None or goal.baseline is None:
        return
    promised = f"The target {goal.target:g} for {goal.metric}"
    if not 0 < goal.target <= metric.most:
        limits = "more than 0" if metric.most == inf else f"more than 0 and at most {metric.most:g}"
        yield Finding(("goal", "target"), f"{promised} cannot be kept.", f"Promise {limits}; shares as 0.70, not 70.")
    elif goal.target == goal.baseline or (goal.target > goal.baseline) != metric.rising:
        do = f"Promise {'more' if metric.rising else 'less'} than today."
        yield Finding(("goal", "target"), f"{promised} is not better than the baseline {goal.baseline:g}.", do)


def statement_has_a_number(subject: Subject) -> Iterator[Finding]:
    """Find a goal's sentence without a number."""
    statement = subject.charter.goal.statement
    if statement and not re.search(r"\d", statement):
        yield Finding(("goal", "statement"), "The goal's sentence holds no number.", "Say how much, such as 70 %.")


def intents_are_few(subject: Subject) -> Iterator[Finding]:
    """Find fewer than 8 intents or more than 12."""
    count = len(subject.charter.intents)
    if not FEWEST_INTENTS <= count <= MOST_INTENTS:
        do = (
            f"Add {FEWEST_INTENTS - count} or more that people ask for on the first day."
            if count < FEWEST_INTENTS
            else f"Merge or drop {count - MOST_INTENTS} or more: keep what people ask for most."
        )
        what = f"The charter has {count} intents; {FEWEST_INTENTS} to {MOST_INTENTS} are needed."
        yield Finding(("intents",), what, do)


def ids_are_unique(subject: Subject) -> Iterator[Finding]:
    """Find intents with the same id."""
    counts = Counter(intent.id for intent in subject.charter.intents)
    for path, intent in _intents(subject):
        if counts[intent.id] > 1:
            what = f"The id `{intent.id}` is used {counts[intent.id]} times."
            yield Finding((*path, "id"), what, "Give each intent its own id, or merge them.")


def examples_suffice(subject: Subject) -> Iterator[Finding]:
    """Find intents with fewer than 5 different examples."""
    for path, intent in _intents(subject):
        count = len({example.casefold() for example in intent.examples})
        if count < FEWEST_EXAMPLES:
            what = f"The intent `{intent.id}` has {count} different examples; {FEWEST_EXAMPLES} are needed."
            do = f"Add {FEWEST_EXAMPLES - count} or more, as people really write."
            yield Finding((*path, "examples"), what, do)


def success_is_said(subject: Subject) -> Iterator[Finding]:
    """Find intents that do not say what success is."""
    for path, intent in _intents(subject):
        if not intent.success.strip():
            what = f"The intent `{intent.id}` does not say what success is."
            yield Finding(path, what, "Add `success:` with what the person has in the end.")


def means_are_listed(subject: Subject) -> Iterator[Finding]:
    """Find intents that list neither knowledge nor tools."""
    for path, intent in _intents(subject):
        if not intent.tools and not intent.knowledge:
            what = f"The intent `{intent.id}` lists neither knowledge nor tools."
            yield Finding(path, what, "Add `knowledge:` with the documents that answer it, or `tools:`.")


def high_risk_is_confirmed(subject: Subject) -> Iterator[Finding]:
    """Find intents of high risk that are carried out without asking."""
    for path, intent in _intents(subject):
        if intent.risk == "high" and not intent.confirm.strip():
            what = f"The intent `{intent.id}` is of high risk, and nothing is asked before it is done."
            yield Finding(path, what, "Add `confirm:` with the question that the person must say yes to.")


def skills_are_staffed(subject: Subject) -> Iterator[Finding]:
    """Find skills that no reviewer has."""
    if subject.skills is None:
        return
    named: list[tuple[KeyPath, str]] = [((*path, "skill"), intent.skill) for path, intent in _intents(subject)]
    named.append((("escalation", "default"), subject.charter.escalation.default))
    for path, skill in named:
        if skill and skill not in subject.skills:
            yield Finding(path, f"No reviewer has the skill `{skill}`.", did_you_mean(skill, subject.skills))


def refusals_are_written(subject: Subject) -> Iterator[Finding]:
    """Find a charter that refuses nothing, and refusals without a reply."""
    if not subject.charter.out_of_scope:
        what = "The charter does not say what is out of scope."
        yield Finding(("out_of_scope",), what, "Add `out_of_scope:` with a `topic` and a `reply` for each.")
    for number, refused in enumerate(subject.charter.out_of_scope):
        if not refused.reply.strip():
            what = f"The topic `{refused.topic}` has no reply."
            yield Finding(("out_of_scope", number), what, "Add `reply:` with what is said instead of an answer.")


def escalation_has_a_default(subject: Subject) -> Iterator[Finding]:
    """Find a charter by which nobody takes over by default."""
    if not subject.charter.escalation.default.strip():
        what = "The charter does not say who takes over by default."
        yield Finding(("escalation",), what, "Add `default:` below `escalation:` with a skill, such as support.")


def places_are_named(subject: Subject) -> Iterator[Finding]:
    """Find missing languages and regions, and regions in which the stack does not run."""
    for name in ("languages", "regions"):
        if not getattr(subject.charter, name):
            yield Finding((name,), f"The charter names no {name}.", f"Add `{name}:` with at least one.")
    for number, region in enumerate(subject.charter.regions):
        if subject.deployed and region not in subject.deployed:
            what = f"The region `{region}` is promised, and the stack does not run there."
            yield Finding(("regions", number), what, did_you_mean(region, subject.deployed))


RULES: dict[str, Callable[[Subject], Iterator[Finding]]] = {
    "C001": goal_is_smart,
    "C002": metric_is_computed,
    "C003": date_is_ahead,
    "C004": target_is_reachable,
    "C005": statement_has_a_number,
    "C010": intents_are_few,
    "C011": ids_are_unique,
    "C012": examples_suffice,
    "C013": success_is_said,
    "C014": means_are_listed,
    "C015": high_risk_is_confirmed,
    "C016": skills_are_staffed,
    "C020": refusals_are_written,
    "C021": escalation_has_a_default,
    "C022": places_are_named,
}
# Time alone must not break a build, nor a question of style.
WARNINGS = frozenset({"C003", "C005"})


def lint(subject: Subject, source: Source) -> list[Problem]:
    """Hold a charter against the rules; `source` is the file that it was read from.

    Errors stop a release from being built; an assistant still answers with them.
    """
    return [
        source.problem(finding.path, finding.what, finding.do, code=code, warning=code in WARNINGS)
        for code, rule in RULES.items()
        for finding in rule(subject)
    ]


def _intents(subject: Subject) -> Iterator[tuple[KeyPath, Intent]]:
    for number, intent in enumerate(subject.charter.intents):
        yield ("intents", number), intent
