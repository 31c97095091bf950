"""The rules that a charter is held against by its own words: goal, intents, refusals, places."""

import re
from collections import Counter
from collections.abc import Iterator
from math import inf

from shipmate.charter.records import FEWEST_EXAMPLES, FEWEST_INTENTS, METRICS, MOST_INTENTS, OUTCOME, Goal
from shipmate.charter.subject import Finding, Subject, intents
from shipmate.shape import did_you_mean
from shipmate.yaml_source import KeyPath

__all__ = [
    "date_is_ahead",
    "escalation_has_a_default",
    "examples_suffice",
    "goal_is_smart",
    "high_risk_is_confirmed",
    "ids_are_unique",
    "intents_are_few",
    "means_are_listed",
    "metric_is_computed",
    "places_are_named",
    "refusals_are_written",
    "skills_are_staffed",
    "statement_has_a_number",
    "success_is_said",
    "target_is_reachable",
]


def goal_is_smart(subject: Subject) -> Iterator[Finding]:
    """Find what the goal leaves open: what, how much, by when, for whom or why."""
    for name in Goal.__struct_fields__:
        if getattr(subject.charter.goal, name) in ("", None):
            yield Finding(("goal",), f"The goal has no `{name}`.", f"Add `{name}:` below `goal:`.")


def metric_is_computed(subject: Subject) -> Iterator[Finding]:
    """Find a metric that Shipmate does not compute."""
    metric = subject.charter.goal.metric
    if metric and metric not in METRICS and not OUTCOME.fullmatch(metric):
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
    if OUTCOME.fullmatch(goal.metric) and goal.target is not None and goal.target == goal.baseline:
        what = f"The target {goal.target:g} for {goal.metric} is the baseline."
        yield Finding(("goal", "target"), what, "Promise more or less than today.")
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
    for path, intent in intents(subject):
        if counts[intent.id] > 1:
            what = f"The id `{intent.id}` is used {counts[intent.id]} times."
            yield Finding((*path, "id"), what, "Give each intent its own id, or merge them.")


def examples_suffice(subject: Subject) -> Iterator[Finding]:
    """Find intents with fewer than 5 different examples."""
    for path, intent in intents(subject):
        count = len({example.casefold() for example in intent.examples})
        if count < FEWEST_EXAMPLES:
            what = f"The intent `{intent.id}` has {count} different examples; {FEWEST_EXAMPLES} are needed."
            do = f"Add {FEWEST_EXAMPLES - count} or more, as people really write."
            yield Finding((*path, "examples"), what, do)


def success_is_said(subject: Subject) -> Iterator[Finding]:
    """Find intents that do not say what success is."""
    for path, intent in intents(subject):
        if not intent.success.strip():
            what = f"The intent `{intent.id}` does not say what success is."
            yield Finding(path, what, "Add `success:` with what the person has in the end.")


def means_are_listed(subject: Subject) -> Iterator[Finding]:
    """Find intents that list neither knowledge nor tools."""
    for path, intent in intents(subject):
        if not intent.tools and not intent.knowledge:
            what = f"The intent `{intent.id}` lists neither knowledge nor tools."
            yield Finding(path, what, "Add `knowledge:` with the documents that answer it, or `tools:`.")


def high_risk_is_confirmed(subject: Subject) -> Iterator[Finding]:
    """Find intents of high risk that are carried out without asking."""
    for path, intent in intents(subject):
        if intent.risk == "high" and not intent.confirm.strip():
            what = f"The intent `{intent.id}` is of high risk, and nothing is asked before it is done."
            yield Finding(path, what, "Add `confirm:` with the question that the person must say yes to.")


def skills_are_staffed(subject: Subject) -> Iterator[Finding]:
    """Find skills that no reviewer has."""
    if subject.skills is None:
        return
    named: list[tuple[KeyPath, str]] = [((*path, "skill"), intent.skill) for path, intent in intents(subject)]
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
