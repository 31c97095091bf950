"""Each rule of the charter: what it finds, and that it leaves a good charter alone."""

from collections.abc import Collection
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from shipmate.charter import WARNINGS, Charter, Escalation, Goal, Intent, OutOfScope, Subject, lint
from shipmate.errors import Problem
from shipmate.shape import fit
from shipmate.yaml_source import Source, parse

TODAY = date(2026, 12, 1)
NO_FILE = Source(file="charter.yml", data=None, lines={})
GOOD = Charter(
    goal=Goal(
        statement="70 % of the questions are solved by the first answer.",
        metric="ftr",
        baseline=0.4,
        target=0.7,
        by=date(2027, 3, 31),
        population="customers",
        why="they need not wait",
    ),
    intents=tuple(
        Intent(
            id=f"intent_{n}",
            examples=("one", "two", "three", "four", "five"),
            success="it works",
            knowledge=("help.md",),
            skill="support",
        )
        for n in range(8)
    ),
    out_of_scope=(OutOfScope(topic="law", reply="Ask a lawyer."),),
    escalation=Escalation(default="support"),
    languages=("en",),
    regions=("eu",),
)


def found(
    charter: Charter, *, skills: Collection[str] | None = ("support",), deployed: Collection[str] = ("eu", "us")
) -> list[Problem]:
    """Return what the rules find in a charter that has reviewers for support and runs in two regions."""
    return lint(Subject(charter=charter, today=TODAY, skills=skills, deployed=deployed), NO_FILE)


def codes(charter: Charter, *, skills: Collection[str] | None = ("support",)) -> list[str]:
    return [problem.code for problem in found(charter, skills=skills)]


def with_goal(**changes: object) -> Charter:
    return replace(GOOD, goal=replace(GOOD.goal, **changes))


def with_intent(**changes: object) -> Charter:
    """Return the good charter with its first intent changed."""
    return replace(GOOD, intents=(replace(GOOD.intents[0], **changes), *GOOD.intents[1:]))


def test_a_good_charter_has_no_problems() -> None:
    assert found(GOOD) == []


@pytest.mark.parametrize("field", ["statement", "metric", "baseline", "target", "by", "population", "why"])
def test_c001_each_part_of_the_goal_has_to_be_there(field: str) -> None:
    nothing = None if field in {"baseline", "target", "by"} else ""
    [problem] = found(with_goal(**{field: nothing}))
    assert (problem.code, problem.what) == ("C001", f"The goal has no `{field}`.")


def test_c002_the_metric_has_to_be_one_that_is_computed() -> None:
    [problem] = found(with_goal(metric="resolution-rate"))
    assert (problem.code, problem.do) == ("C002", "Did you mean `resolution_rate`?")


@pytest.mark.parametrize(
    ("metric", "target", "kept"),
    [
        ("outcome:ticket_avoided", 0.5, []),
        ("outcome:ticket_avoided", 0.1, []),
        ("outcome:ticket_avoided", 0.4, ["C004"]),
        ("outcome:", 0.5, ["C002"]),
        ("outcome:Tickets avoided", 0.5, ["C002"]),
    ],
)
def test_c002_and_c004_let_a_team_measure_something_itself(metric: str, target: float, kept: list[str]) -> None:
    """More or less may be better: only the team knows. The same as before is no goal."""
    assert codes(with_goal(metric=metric, baseline=0.4, target=target)) == kept


@pytest.mark.parametrize(("by", "late"), [(date(2026, 12, 1), True), (date(2026, 12, 2), False)])
def test_c003_the_goals_day_has_to_lie_ahead(by: date, *, late: bool) -> None:
    assert codes(with_goal(by=by)) == (["C003"] if late else [])


@pytest.mark.parametrize(
    ("metric", "baseline", "target", "kept"),
    [
        ("ftr", 0.4, 0.95, True),
        ("ftr", 0.4, 0.96, False),
        ("ftr", 0.4, 70, False),
        ("ftr", 0.7, 0.7, False),
        ("ftr", 0.7, 0.6, False),
        ("uptime", 0.99, 0.9995, True),
        ("uptime", 0.99, 1.0, False),
        ("latency_p95_s", 4, 2.5, True),
        ("latency_p95_s", 2, 2.5, False),
        ("hallucination_rate", 0.03, 0.012, True),
        ("hallucination_rate", 0.03, 0, False),
        ("cost_per_1k_usd", 0.5, -1, False),
    ],
)
def test_c004_the_target_has_to_be_better_and_within_reach(
    metric: str, baseline: float, target: float, *, kept: bool
) -> None:
    assert codes(with_goal(metric=metric, baseline=baseline, target=target)) == ([] if kept else ["C004"])


def test_c005_the_goals_sentence_has_to_hold_its_number() -> None:
    assert codes(with_goal(statement="Most questions are solved.")) == ["C005"]


@pytest.mark.parametrize(("count", "do"), [(0, "Add 8 or more"), (7, "Add 1 or more"), (13, "Merge or drop 1 or more")])
def test_c010_there_have_to_be_8_to_12_intents(count: int, do: str) -> None:
    intents = tuple(replace(GOOD.intents[0], id=f"i{n}") for n in range(count))
    [problem] = found(replace(GOOD, intents=intents))
    assert problem.code == "C010"
    assert problem.what == f"The charter has {count} intents; 8 to 12 are needed."
    assert problem.do.startswith(do)


def test_c010_allows_12_intents() -> None:
    assert codes(replace(GOOD, intents=tuple(replace(GOOD.intents[0], id=f"i{n}") for n in range(12)))) == []


def test_c011_ids_have_to_be_unique() -> None:
    assert codes(with_intent(id="intent_1")) == ["C011", "C011"]


def test_c012_an_intent_needs_five_different_examples() -> None:
    assert codes(with_intent(examples=("one", "two", "three", "four"))) == ["C012"]
    assert codes(with_intent(examples=("one", "two", "three", "four", "FOUR"))) == ["C012"]


def test_c013_an_intent_says_what_success_is() -> None:
    assert codes(with_intent(success=" ")) == ["C013"]


def test_c014_an_intent_lists_knowledge_or_tools() -> None:
    assert codes(with_intent(knowledge=())) == ["C014"]
    assert codes(with_intent(knowledge=(), tools=("refund",))) == []


def test_c015_high_risk_asks_first() -> None:
    assert codes(with_intent(risk="high")) == ["C015"]
    assert codes(with_intent(risk="high", confirm="Shall I really do it?")) == []
    assert codes(with_intent(risk="medium")) == []


def test_c016_somebody_has_each_skill() -> None:
    assert codes(with_intent(skill="suport")) == ["C016"]
    assert codes(GOOD, skills=("billing",)) == ["C016"] * 9
    assert codes(with_intent(skill="suport"), skills=None) == []
    assert codes(with_intent(skill="")) == []


def test_c020_refusals_have_a_topic_and_a_reply() -> None:
    assert codes(replace(GOOD, out_of_scope=())) == ["C020"]
    assert codes(replace(GOOD, out_of_scope=(OutOfScope(topic="law"),))) == ["C020"]


def test_c021_somebody_takes_over_by_default() -> None:
    assert codes(replace(GOOD, escalation=Escalation())) == ["C021"]


def test_c022_languages_and_regions_are_named_and_served() -> None:
    assert codes(replace(GOOD, languages=(), regions=())) == ["C022", "C022"]
    [problem] = found(replace(GOOD, regions=("eu", "mars")))
    assert (problem.code, problem.what) == ("C022", "The region `mars` is promised, and the stack does not run there.")
    assert found(replace(GOOD, regions=("mars",)), deployed=()) == []


def test_only_time_and_style_are_warnings() -> None:
    bad = Charter(goal=Goal(statement="Better.", by=date(2020, 1, 1), metric="x"), regions=("mars",))
    problems = found(bad)
    assert {problem.code for problem in problems if problem.warning} == {"C003", "C005"} <= WARNINGS
    assert {problem.code for problem in problems if not problem.warning} >= {"C001", "C002", "C010", "C020", "C021"}


def test_each_finding_says_what_to_do() -> None:
    assert all(problem.do for problem in found(Charter(intents=(Intent(id="a"),))))


def test_a_finding_names_the_line_that_has_to_change() -> None:
    example = Path(__file__).parents[2] / "examples" / "shipmate-help" / "charter.yml"
    text = example.read_text().replace("metric: ftr", "metric: fttr").replace("id: install\n", "id: privacy\n")
    source = parse("charter.yml", text.encode())
    problems = lint(Subject(charter=fit(source, Charter, source.data), today=TODAY), source)
    rows = text.splitlines()
    assert [(p.code, rows[p.line - 1].strip()) for p in problems] == [
        ("C002", "metric: fttr"),
        ("C011", "- id: privacy"),
        ("C011", "- id: privacy"),
    ]
