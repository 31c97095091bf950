"""The rules that need more than the charter's own words: overlap of intents, eval cases, tools and documents."""

from collections.abc import Callable, Sequence
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from shipmate.charter import Charter, Escalation, Facts, Intent, Likeness, OutOfScope, Subject, Tally, lint
from shipmate.charter.means import matches
from shipmate.charter.overlap import BY_LETTERS
from shipmate.errors import Problem
from shipmate.evals.cases import (
    AnswerCase,
    DialogueCase,
    DialogueExpect,
    IntentCase,
    IntentExpect,
    PerfCase,
    PerfExpect,
    PerfInputs,
    RefusalCase,
)
from shipmate.evals.tally import tally, tally_of
from tests.unit.test_charter_lint import GOOD, NO_FILE, TODAY

RESET = (
    "I forgot my password",
    "reset my password please",
    "can't log in, reset please",
    "the reset link is dead",
    "new password",
)
UNLOCK = (
    "my account is locked",
    "unlock my account",
    "can't log in, locked out",
    "too many tries, account locked",
    "lift the lock",
)
REFUND = ("I want my money back", "send back a purchase", "refund this order", "return shoes", "chargeback")
COVERED = Tally(
    intents={intent.id: 10 for intent in GOOD.intents}, refused={"law"}, handed_off={"blood"}, languages={"en": 80}
)


def found(charter: Charter, facts: Facts, code: str) -> list[Problem]:
    return [
        problem
        for problem in lint(Subject(charter=charter, today=TODAY, facts=facts), NO_FILE)
        if problem.code.startswith(code)
    ]


def intents(**examples: Sequence[str]) -> Charter:
    return Charter(intents=tuple(Intent(id=name, examples=tuple(texts)) for name, texts in examples.items()))


def likeness(crossed: int) -> Callable[[Sequence[str]], list[list[float]]]:
    """Return a measure by which so many of the first ten texts are most like one in the other half."""

    def table(texts: Sequence[str]) -> list[list[float]]:
        half = len(texts) // 2

        def cell(row: int, column: int) -> float:
            same = (row < half) == (column < half)
            return 0.9 if same != (row < crossed) else 0.3

        return [[cell(row, column) for column in range(len(texts))] for row in range(len(texts))]

    return table


@pytest.mark.parametrize(("crossed", "code"), [(0, []), (1, ["C031"]), (2, ["C031"]), (3, ["C030"]), (4, ["C030"])])
def test_c030_and_c031_measure_the_share_of_examples_that_are_most_like_the_other_intents(
    crossed: int, code: list[str]
) -> None:
    charter = intents(one=("a", "b", "c", "d", "e"), two=("f", "g", "h", "i", "j"))
    problems = found(charter, Facts(likeness=Likeness(likeness(crossed), 0.25)), "C03")
    assert [problem.code for problem in problems] == code
    assert [problem.warning for problem in problems] == [name == "C031" for name in code]
    assert all(f"{crossed * 10}%" in problem.what for problem in problems)


def test_overlap_names_the_pair_of_examples_that_is_most_alike() -> None:
    charter = intents(reset_password=RESET, unlock_account=UNLOCK, refund=REFUND)
    [problem] = found(charter, Facts(likeness=BY_LETTERS), "C03")
    assert "`reset_password` and `unlock_account` overlap" in problem.what
    assert "can't log in, reset please" in problem.what
    assert "can't log in, locked out" in problem.what


def test_by_letters_alone_an_overlap_stops_no_release() -> None:
    [problem] = found(intents(one=RESET, two=RESET), Facts(likeness=BY_LETTERS), "C03")
    assert (problem.code, problem.warning) == ("C030", True)


def test_what_is_less_alike_than_a_quarter_tells_nothing() -> None:
    def far(texts: Sequence[str]) -> list[list[float]]:
        return [[0.25 if (row < 5) != (column < 5) else 0.1 for column in range(10)] for row in range(len(texts))]

    assert found(intents(one=RESET, two=UNLOCK), Facts(likeness=Likeness(far, 0.25)), "C03") == []


def test_without_a_measure_nothing_is_compared() -> None:
    assert found(intents(one=RESET, two=RESET), Facts(), "C03") == []


def test_a_charter_with_hundreds_of_intents_is_not_compared() -> None:
    many = {f"i{number}": RESET for number in range(200)}
    assert found(intents(**many), Facts(likeness=BY_LETTERS), "C03") == []


@given(st.lists(st.text(alphabet="abc déX", max_size=20).filter(str.strip), max_size=8))
def test_likeness_by_letters_is_symmetric_and_one_for_the_same_text(texts: list[str]) -> None:
    table = BY_LETTERS.table(texts)
    for row in range(len(texts)):
        assert table[row][row] == pytest.approx(1, abs=1e-9)
        for column in range(len(texts)):
            assert table[row][column] == pytest.approx(table[column][row])
            assert 0 <= table[row][column] <= 1 + 1e-9


def test_c040_an_intent_without_cases_stops_a_release_and_one_with_few_does_not() -> None:
    counts = {intent.id: 10 for intent in GOOD.intents} | {"intent_0": 9, "intent_1": 0}
    few, none = found(GOOD, Facts(tally=Tally(intents=counts)), "C040")
    assert (few.what, few.warning) == ("The intent `intent_0` has 9 eval cases; 10 are needed.", True)
    assert few.do.startswith("Add 1 or more with `intent: intent_0`")
    assert (none.what, none.warning) == ("The intent `intent_1` has no eval cases; 10 are needed.", False)


def test_c040_without_any_cases_a_folder_is_warned_and_no_release_is_built() -> None:
    [check] = found(GOOD, Facts(tally=Tally()), "C04")
    [build] = found(GOOD, Facts(tally=Tally(), is_release=True), "C04")
    assert (check.code, check.warning, build.warning) == ("C040", True, False)


def test_c041_each_topic_has_a_refusal_and_each_rule_a_handoff() -> None:
    charter = Charter(
        out_of_scope=(OutOfScope(topic="law", reply="no"), OutOfScope(topic="tax", reply="no")),
        escalation=Escalation(default="support", always=("somebody bleeds", "a human is wanted")),
    )
    tally = Tally(refused={"law"}, handed_off={"a human is wanted"})
    refusal, handoff = found(charter, Facts(tally=tally), "C041")
    assert ("`tax`" in refusal.what, refusal.warning) == (True, True)
    assert ("somebody bleeds" in handoff.what, handoff.warning) == (True, True)


def test_c042_each_language_has_a_fifth_of_the_cases() -> None:
    charter = Charter(languages=("en", "de", "fr"))
    [problem] = found(charter, Facts(tally=Tally(languages={"en": 61, "de": 20, "fr": 19})), "C042")
    assert (problem.what, problem.warning) == ("19% of the eval cases are in `fr`; 20% are needed.", True)


def test_where_nobody_looked_nothing_is_found() -> None:
    assert found(GOOD, Facts(), "C04") == found(GOOD, Facts(), "C05") == []
    assert found(GOOD, Facts(tally=COVERED), "C04") == []


def test_c050_knowledge_is_there() -> None:
    charter = Charter(intents=(Intent(id="a", knowledge=("help.md", "docs/**/*.md", "hlep.txt")),))
    [problem] = found(charter, Facts(documents={"help.md", "docs/a.md", "help.txt"}), "C050")
    assert (problem.what, problem.do, problem.warning) == (
        "The intent `a` is answered from `hlep.txt`, and no document is called so.",
        "Did you mean `help.txt`?",
        False,
    )


def test_c050_tools_are_there_and_each_is_used() -> None:
    charter = Charter(intents=(Intent(id="a", tools=("refnd",)),))
    missing, unused = found(charter, Facts(tools={"refund"}), "C050")
    assert (missing.do, missing.warning) == ("Did you mean `refund`?", False)
    assert (unused.what, unused.warning) == ("No intent uses the tool `refund`.", True)


def test_c050_where_no_tool_can_be_called_a_listed_one_is_a_plan() -> None:
    [problem] = found(Charter(intents=(Intent(id="a", tools=("refund",)),)), Facts(tools=()), "C050")
    assert problem.warning


@pytest.mark.parametrize(
    ("pattern", "document", "fits"),
    [
        ("help.md", "help.md", True),
        ("*.md", "help.md", True),
        ("*.md", "docs/help.md", False),
        ("**/*.md", "help.md", True),
        ("**/*.md", "docs/a/help.md", True),
        ("docs/", "docs/a/help.md", True),
        ("docs/**", "docs/a/help.md", True),
        ("h?lp.md", "help.md", True),
        ("help.md", "helpXmd", False),
        ("https://example.com/*", "https://example.com/a", True),
    ],
)
def test_knowledge_is_named_by_path_folder_or_pattern(pattern: str, document: str, *, fits: bool) -> None:
    assert matches(pattern, [document]) is fits


@given(st.text(alphabet="ab/.*?", max_size=30))
def test_any_pattern_is_answered(pattern: str) -> None:
    assert matches(pattern, ["a/b.a", "a"]) in {True, False}


def test_cases_are_counted_by_intent_language_topic_and_rule() -> None:
    cases = (
        AnswerCase(id="a", input="?", intent="refund", lang="de"),
        IntentCase(id="b", input="?", expect=IntentExpect(intent="refund")),
        RefusalCase(id="c", input="?", topic="law"),
        RefusalCase(id="d", input="?", topic="tax", expect="answer"),
        DialogueCase(id="e", turns=("?",), description="somebody bleeds", expect=DialogueExpect(handoff=True)),
        PerfCase(id="f", inputs=PerfInputs(texts=("?",)), expect=PerfExpect()),
    )
    assert tally(cases) == Tally(
        intents={"refund": 2}, languages={"de": 1, "": 4}, refused={"law"}, handed_off={"somebody bleeds"}
    )


def test_a_folders_cases_are_read_for_the_lint_and_their_mistakes_are_told(tmp_path: Path) -> None:
    assert tally_of(tmp_path) == (Tally(), ())
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "core.yml").write_text("version: 1\ncases:\n  - {id: a, kind: answr, input: x}\n")
    counted, problems = tally_of(tmp_path)
    assert counted is None
    assert [(problem.file, problem.line) for problem in problems] == [("evals/core.yml", 3)]
