"""Suites of other tools: what is listed comes back the same, and what is not is named and comes back, too."""

import json
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
import yaml
from hypothesis import given, settings

from shipmate.errors import ProjectError, UsageError
from shipmate.evals import suite
from shipmate.evals.cases import KINDS, AnswerCase, AnswerExpect, Case, Check, DialogueCase
from shipmate.evals.exchange import datasets, inspect_ai, promptfoo, promptfoo_table
from shipmate.evals.exchange.asserts import TYPES, assertion_of, check_of
from shipmate.evals.exchange.formats import as_lines, detected
from shipmate.evals.exchange.records import Imported, as_case, case_fields
from shipmate.evals.judge import GroundingJudge
from shipmate.evals.outcome import Outcome
from shipmate.evals.scoring import SCORERS, score_case

WORDS = st.text(alphabet="abc ,:é({'\"-9", min_size=1, max_size=12).filter(
    lambda text: text.strip() == text and "{{" not in text
)
LISTS = st.lists(
    st.text(alphabet="abé9 ", min_size=1, max_size=6).filter(lambda text: text.strip() == text), min_size=1, max_size=3
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(
        (
            "equals",
            "contains",
            "icontains",
            "llm-rubric",
            "factuality",
            "similar",
            "context-recall",
            "trajectory:goal-success",
            "trajectory:tool-used",
        ),
        WORDS,
    ),
    **dict.fromkeys(
        ("contains-all", "contains-any", "icontains-all", "icontains-any", "tool-call-f1", "trajectory:tool-sequence"),
        LISTS,
    ),
    "regex": st.sampled_from(["a+", "^x$", "[0-9]{2}"]),
    "is-json": st.sampled_from([None, {"type": "object"}]),
    "trajectory:tool-args-match": st.builds(
        lambda name, args: {"name": name, "args": args}, WORDS, st.dictionaries(WORDS, WORDS, min_size=1, max_size=2)
    ),
}
SETTINGS = st.fixed_dictionaries(
    {}, optional={"weight": st.sampled_from([0, 2, 0.5]), "metric": st.sampled_from(["tone", "fact"])}
)


@st.composite
def assertions(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(TYPES)))
    made: dict[str, Any] = {"type": draw(st.sampled_from(["", "not-"])) + name, **draw(SETTINGS)}
    if name in {"latency", "cost"}:
        return {**made, "threshold": draw(st.integers(1, 9999))}
    value = draw(VALUES.get(name, st.none()))
    if draw(st.booleans()):
        made["threshold"] = draw(st.sampled_from([0.25, 0.5, 1]))
    return made if value is None else {**made, "value": value}


SETS = st.builds(
    lambda inner, more: {"type": "assert-set", "assert": inner, **more},
    st.lists(assertions(), min_size=1, max_size=3),
    SETTINGS,
)
FOREIGN = st.sampled_from(
    [
        {"type": "javascript", "value": "output.length < 5"},
        {"type": "webhook", "value": "https://example.com"},
        {"type": "contains", "value": "x", "transform": "output.a"},
        {"type": "contains", "value": 5},
    ]
)
TESTS = st.lists(
    st.fixed_dictionaries(
        {"vars": st.fixed_dictionaries({"question": WORDS}, optional={"name": WORDS})},
        optional={
            "assert": st.lists(st.one_of(assertions(), SETS, FOREIGN), min_size=1, max_size=5),
            "description": WORDS,
            "threshold": st.sampled_from([0.5, 1.0]),
            "metadata": st.dictionaries(st.sampled_from(["team", "area"]), WORDS, min_size=1),
            "options": st.just({"prefix": "x"}),
        },
    ),
    min_size=1,
    max_size=4,
)
CASES = st.lists(
    st.builds(
        AnswerCase,
        id=st.uuids().map(str),
        input=WORDS,
        description=st.one_of(st.just(""), WORDS),
        intent=st.sampled_from(["", "refund"]),
        tags=st.sampled_from([(), ("smoke",)]),
        critical=st.booleans(),
        epochs=st.sampled_from([None, 3]),
        threshold=st.sampled_from([None, 0.5]),
        expect=st.sampled_from(
            [AnswerExpect(), AnswerExpect(contains="a", cites=("x.md",)), AnswerExpect(reference="so", latency_s=2.5)]
        ),
        checks=st.lists(
            st.sampled_from(
                [
                    Check(scorer="contains", value="a"),
                    Check(scorer="recall", value={"docs": ["a"], "k": 3}),
                    Check(scorer="icontains_any", value="b"),
                ]
            ),
            max_size=3,
        ).map(tuple),
        metadata=st.sampled_from([{}, {"team": "a"}]),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda case: case.id,
)
EVERY_KIND: list[dict[str, Any]] = [
    {"kind": "answer", "input": "?", "history": [{"role": "user", "text": "Hi"}], "expect": {"claims": ["so"]}},
    {"kind": "retrieval", "input": "?", "expect": {"docs": ["a.md"], "metric": {"mrr": 0.5}}},
    {"kind": "intent", "input": "?", "expect": {"intent": "refund", "not": ["order"]}},
    {"kind": "refusal", "input": "?", "topic": "law"},
    {"kind": "dialogue", "turns": ["a", "b"], "expect": {"says": ["c"], "handoff": False}},
    {"kind": "tool", "input": "?", "expect": {"tools": [{"name": "t", "args": {"a": 1}}]}, "forbid_tools": ["u"]},
    {"kind": "redteam", "attack": "inject", "input": "?", "expect": {"no_tool": "mail"}, "critical": True},
    {"kind": "perf", "inputs": {"texts": ["?"]}, "expect": {"latency_p95_s": 2.5}},
]


def read_tests(tests: Any, folder: Path) -> Imported:
    path = folder / "suite.yaml"
    path.write_text(json.dumps({"tests": tests}, ensure_ascii=False))
    return promptfoo.read(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("suites")


@given(assertions())
def test_each_listed_assertion_is_a_check_and_the_same_assertion_again(assertion: dict[str, Any]) -> None:
    check = check_of(assertion)
    assert check is not None
    assert check.scorer in SCORERS
    again = assertion_of(check)
    assert again is not None
    assert check_of(again) == check


@settings(max_examples=40)
@given(tests=TESTS)
def test_promptfoos_tests_come_back_as_they_were(tests: list[dict[str, Any]], folder: Path) -> None:
    cases = read_tests(tests, folder).cases
    assert promptfoo.tests_of(cases, []) == tests


@settings(max_examples=40)
@given(tests=TESTS)
def test_what_is_imported_is_a_suite_that_the_harness_reads(tests: list[dict[str, Any]], folder: Path) -> None:
    cases = read_tests(tests, folder).cases
    (folder / "evals").mkdir(exist_ok=True)
    (folder / "evals" / "it.jsonl").write_text(as_lines(cases))
    found = suite.read(folder).cases
    assert {case.id for case in found} == {case.id for case in cases}
    assert {case.id: case.checks for case in found} == {case.id: case.checks for case in cases}


@settings(max_examples=40)
@given(cases=CASES)
def test_cases_come_back_from_promptfoo_as_they_were(cases: list[AnswerCase], folder: Path) -> None:
    (folder / promptfoo.FILE).write_text(promptfoo.write(cases).files[promptfoo.FILE])
    assert promptfoo.read(folder / promptfoo.FILE).cases == tuple(cases)


@settings(max_examples=40)
@given(cases=CASES)
def test_cases_come_back_from_inspect_as_they_were(cases: list[AnswerCase], folder: Path) -> None:
    (folder / inspect_ai.SAMPLES).write_text(inspect_ai.write(cases).files[inspect_ai.SAMPLES])
    assert inspect_ai.read(folder / inspect_ai.SAMPLES).cases == tuple(cases)


@pytest.mark.parametrize("form", [promptfoo, inspect_ai])
def test_cases_of_every_kind_come_back(form: Any, tmp_path: Path) -> None:
    cases = tuple(as_case({"id": f"c{number}", **fields}) for number, fields in enumerate(EVERY_KIND))
    assert {case.kind for case in cases} == set(KINDS)
    exported = form.write(cases)
    name = next(iter(exported.files))
    (tmp_path / name).write_text(exported.files[name])
    assert form.read(tmp_path / name).cases == cases


SAMPLES = st.lists(
    st.fixed_dictionaries(
        {
            "input": st.one_of(
                WORDS, st.just([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}])
            )
        },
        optional={
            "target": st.one_of(WORDS, LISTS),
            "id": st.integers(1, 10**6).map(lambda number: number),
            "metadata": st.fixed_dictionaries({}, optional={"intent": st.just("refund"), "team": WORDS}).filter(bool),
            "choices": st.just(["a", "b"]),
            "files": st.just({"a.txt": "hello"}),
            "setup": st.just("true"),
        },
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40)
@given(samples=SAMPLES)
def test_samples_come_back_as_they_were(samples: list[dict[str, Any]], folder: Path) -> None:
    path = folder / "s.json"
    path.write_text(json.dumps(samples))
    imported = inspect_ai.read(path)
    assert inspect_ai.samples_of(imported.cases, []) == samples
    named = " ".join(problem.what for problem in imported.notes)
    for sample in samples:
        assert all(f"`{key}`" in named for key in ("choices", "files", "setup") if key in sample)


def test_unsupported_assertions_are_named_by_line_and_exported_again(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(
        "prompts: ['{{question}}']\n"
        "tests:\n"
        "  - vars: {question: 'How late?'}\n"
        "    assert:\n"
        "      - {type: contains, value: six}\n"
        "      - type: javascript\n"
        "        value: output.length < 100\n"
        "      - {type: not-webhook, value: 'https://example.com'}\n"
        "    options: {transform: output.trim()}\n"
    )
    imported = promptfoo.read(path)
    assert [(note.line, note.what) for note in imported.notes] == [
        (9, "`options` is not heeded here (test `how-late`)."),
        (6, "The assertion `javascript` is not scored here. (test `how-late`)."),
        (8, "The assertion `not-webhook` is not scored here. (test `how-late`)."),
    ]
    [case] = imported.cases
    assert [check.scorer for check in case.checks] == ["contains", "aside", "aside"]
    [test] = promptfoo.tests_of(imported.cases, [])
    assert test == yaml.safe_load(path.read_text())["tests"][0]


@pytest.mark.parametrize(
    ("weight", "said", "passed"), [(1, "At six.", None), (1, "At ten.", False), (0, "At six.", True)]
)
async def test_an_assertion_that_is_not_scored_never_lets_a_test_pass_by_the_others(
    tmp_path: Path,
    weight: int,
    said: str,
    passed: bool | None,  # noqa: FBT001 - a column
) -> None:
    script = {"type": "javascript", "value": "output.length < 100", "weight": weight}
    tests = [{"vars": {"question": "How late?"}, "assert": [{"type": "contains", "value": "six"}, script]}]
    [case] = read_tests(tests, tmp_path).cases
    scored = await score_case(case, Outcome(said=(said,), kind="answer"), GroundingJudge())
    assert scored.passed is passed


async def test_a_test_of_which_nothing_is_scored_does_not_pass_because_it_is_answered(tmp_path: Path) -> None:
    tests = [{"vars": {"question": "How late?"}, "assert": [{"type": "javascript", "value": "output.length < 100"}]}]
    [case] = read_tests(tests, tmp_path).cases
    scored = await score_case(case, Outcome(said=("At six.",), kind="answer"), GroundingJudge())
    assert scored.passed is None
    assert "`javascript` of another tool is not scored here" in scored.scores[0].reason


def test_variables_in_assertions_are_filled_in_and_exported_as_they_were(tmp_path: Path) -> None:
    tests = [{"vars": {"question": "When?", "answer": "six"}, "assert": [{"type": "equals", "value": "{{ answer }}"}]}]
    [case] = read_tests(tests, tmp_path).cases
    assert case.checks == (Check(scorer="equals", value="six"),)
    assert promptfoo.tests_of([case], []) == tests


def test_who_changes_an_exported_assertion_changes_the_case(tmp_path: Path) -> None:
    case = AnswerCase(id="a", input="?", expect=AnswerExpect(contains="six"))
    [test] = promptfoo.tests_of([case], [])
    test["assert"] = [{"type": "contains-all", "value": ["seven"]}]
    [again] = read_tests([test], tmp_path).cases
    assert isinstance(again, AnswerCase)
    assert (again.expect, again.checks) == (AnswerExpect(), (Check(scorer="contains", value=["seven"]),))


def test_a_shared_test_is_added_to_each(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(
        "defaultTest: {assert: [{type: is-json}]}\ntests: [{vars: {query: a}, assert: [{type: regex, value: b}]}]\n"
    )
    [case] = promptfoo.read(path).cases
    assert [check.scorer for check in case.checks] == ["json_schema", "regex"]


def test_a_table_is_read_as_promptfoo_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "suite.csv"
    path.write_text(
        "question,__expected1,__expected2,__description,__threshold,__metadata:team\n"
        '"When, please?",six,"contains-any:six, seven",hours,0.5,desk\n'
        "How?,similar(0.8):by bus,fn:output.length > 3,,,\n"
    )
    imported = promptfoo.read(path)
    first, second = imported.cases
    assert first.checks == (Check(scorer="equals", value="six"), Check(scorer="contains_any", value=["six", "seven"]))
    assert (first.threshold, first.description, first.metadata["team"]) == (0.5, "hours", "desk")
    assert second.checks[0] == Check(scorer="similar", value="by bus", threshold=0.8)
    assert [check.scorer for check in second.checks[1:]] == ["aside"]
    assert [(note.line, "javascript" in note.what) for note in imported.notes] == [(3, True)]


def test_a_table_comes_back(tmp_path: Path) -> None:
    tests: list[dict[str, Any]] = [
        {
            "vars": {"question": "When, now?", "x": "1"},
            "assert": [{"type": "contains", "value": "six"}, {"type": "not-icontains-any", "value": ["a", "b"]}],
        },
        {
            "vars": {"question": "How?", "x": "2"},
            "assert": [{"type": "latency", "threshold": 500.0}, {"type": "is-json"}],
            "description": "d",
            "threshold": 0.5,
            "metadata": {"team": "desk"},
        },
    ]
    path = tmp_path / "t.csv"
    path.write_text(promptfoo_table.table(tests))
    assert promptfoo.tests_of(promptfoo.read(path).cases, []) == tests
    with pytest.raises(ValueError, match="no cell holds"):
        promptfoo_table.table([{"vars": {}, "assert": [{"type": "javascript", "value": {"a": 1}}]}])


def test_a_table_of_samples_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text('input,target,id,metadata\nWhen?,"[""six"", ""6""]",a,"{""intent"": ""hours""}"\n')
    [case] = inspect_ai.read(path).cases
    assert (case.id, case.intent, case.checks) == ("a", "hours", (Check(scorer="icontains_any", value=["six", "6"]),))


def only(imported: Imported) -> Case:
    [case] = imported.cases
    return case


def test_openai_evals_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "When?"}]
    path.write_text(json.dumps({"input": said, "ideal": ["six", "6"]}) + "\n")
    case = only(datasets.openai_evals(path))
    assert isinstance(case, AnswerCase)
    assert (case.input, case.checks) == ("When?", (Check(scorer="contains_any", value=["six", "6"]),))
    assert case.metadata == {"system": ["Be brief."]}
    assert detected(path) == "openai"


def test_ragas_rows_are_read_and_what_decides_nothing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    row = {"user_input": "When?", "reference": "At six.", "retrieved_contexts": ["It opens at six."]}
    path.write_text(json.dumps([row], indent=1))
    imported = datasets.ragas(path)
    case = only(imported)
    assert isinstance(case, AnswerCase)
    assert (case.input, case.expect.reference) == ("When?", "At six.")
    assert case.metadata == {"retrieved_contexts": ["It opens at six."]}
    assert [(note.line, "`retrieved_contexts`" in note.what) for note in imported.notes] == [(2, True)]
    assert detected(path) == "ragas"


def test_goldens_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        json.dumps([{"input": "When?", "expected_output": "At six.", "expected_tools": [{"name": "clock"}]}])
    )
    case = only(datasets.deepeval(path))
    assert isinstance(case, AnswerCase)
    assert (case.expect.reference, case.checks) == ("At six.", (Check(scorer="tool_f1", value=["clock"]),))
    assert detected(path) == "deepeval"


def test_tasks_become_dialogues_whose_end_counts(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    task = {
        "id": "7",
        "description": {"purpose": "a late order"},
        "user_scenario": {
            "persona": "hurried",
            "instructions": {
                "reason_for_call": "My order is late.",
                "task_instructions": "Insist.",
                "known_info": "Order 12",
            },
        },
        "evaluation_criteria": {
            "communicate_info": ["Friday"],
            "nl_assertions": ["It is not cancelled."],
            "actions": [{"name": "look_up"}],
        },
    }
    path.write_text(json.dumps([task]))
    case = only(datasets.tau2(path))
    assert isinstance(case, DialogueCase)
    assert case.user is not None
    assert (case.user.goal, case.user.knows) == ("My order is late. Insist.", {"known_info": "Order 12"})
    assert (case.expect.says, case.expect.claims) == (("Friday",), ("It is not cancelled.",))
    assert case.metadata["reference"]["actions"] == [{"name": "look_up"}]
    assert detected(path) == "tau2"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.json", "[{},\n {", 2),
        ("a.jsonl", '{"input": "a", "ideal": "b"}\n{', 2),
        ("a.yaml", "tests: [\n", 1),
        ("a.yaml", "tests: 5\n", 0),
        ("a.csv", 'question,__expected\n"a', 2),
        ("a.csv", "question,__expected\na,b,c\n", 2),
        ("a.yaml", "tests:\n  - vars: {a: x, b: y}\n", 2),
        ("a.yaml", "tests:\n  - 5\n", 2),
    ],
)
def test_what_does_not_read_is_said_with_its_line(name: str, text: str, line: int, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ProjectError) as caught:
        promptfoo.read(tmp_path / name)
    assert [problem.line for problem in caught.value.problems] == [line]


def test_a_file_that_shows_no_format_asks_for_one(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"a": 1}]')
    with pytest.raises(UsageError, match="does not show"):
        detected(tmp_path / "a.json")


@pytest.mark.parametrize(
    "read", [promptfoo.read, inspect_ai.read, datasets.ragas, datasets.openai_evals, datasets.deepeval, datasets.tau2]
)
@given(
    data=st.recursive(
        st.none() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "input",
                        "vars",
                        "assert",
                        "target",
                        "question",
                        "metadata",
                        "shipmate",
                        "user_input",
                        "user_scenario",
                        "ideal",
                        "type",
                        "id",
                        "expect",
                        "kind",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_a_file_holds_it_is_read_or_refused(read: Any, data: Any, folder: Path) -> None:
    path = folder / "any.json"
    path.write_text(json.dumps([data]))
    try:
        cases = read(path).cases
    except ProjectError as refused:
        cases = ()
        told = refused.problems
    else:
        told = ()
    assert all(msgspec.json.encode(case_fields(case)) for case in cases)
    assert cases or told
