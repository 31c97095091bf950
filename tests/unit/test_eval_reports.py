"""Baseline, quarantine and reports of runs that are written out here."""

from datetime import date
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.errors import Damaged, Missing, ProjectError, UsageError
from shipmate.evals.baseline import compare, kept, pairs_of, read_baseline, write_baseline
from shipmate.evals.cases import AnswerCase
from shipmate.evals.gate import decide
from shipmate.evals.inert import inert, printable
from shipmate.evals.quarantine import flaky, read_quarantine
from shipmate.evals.reports import LONGEST, Report, as_json, as_junit, as_markdown, regressions, write
from shipmate.evals.results import CaseResult, Run, Status, Try
from shipmate.evals.scoring import SCORER_VERSION
from shipmate.evals.suite import Suite, suite_of

SUITE: Suite = suite_of("acme", [AnswerCase(id="a", input="?"), AnswerCase(id="b", input="?", critical=True)])


def result(case_id: str, passes: list[float], *, reply: str = "Well.", critical: bool = False) -> CaseResult:
    tries = tuple(
        Try(epoch=n, status=Status.PASS if passed else Status.FAIL, value=passed, reply=reply)
        for n, passed in enumerate(passes)
    )
    return CaseResult(case_id=case_id, kind="answer", cluster=case_id, input="How?", critical=critical, tries=tries)


def run(*results: CaseResult, **changed: object) -> Run:
    made = Run(
        suite="acme",
        suite_sha="suite",
        subject_sha="subject",
        release="dev-1",
        model="",
        index_sha="index",
        judge="judge/groundedness@1",
        scorer_version=SCORER_VERSION,
        results=results,
    )
    return msgspec.structs.replace(made, **changed)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "evals").mkdir()
    return tmp_path


def test_a_baseline_reads_back_and_makes_pairs_of_what_both_can_be_told_of(folder: Path) -> None:
    untold = CaseResult(case_id="c", kind="tool", cluster="c", tries=(Try(epoch=0, status=Status.UNSUPPORTED),))
    write_baseline(folder, kept(run(result("a", [1, 0]), result("b", [1]), untold)))
    baseline = read_baseline(folder)
    assert baseline.head.epochs == 2
    after = run(result("a", [1, 1]), result("b", [0]), untold)
    pairs = list(pairs_of(baseline, after))
    assert [(pair.case_id, pair.before, pair.after) for pair in pairs] == [("a", (1, 0), (1, 1)), ("b", (1,), (0,))]
    assert [pair.case_id for pair in pairs_of(baseline, after, without={"a"})] == ["b"]


@pytest.mark.parametrize(("suite", "judge"), [("another", "judge/groundedness@1"), ("suite", "another"), ("suite", "")])
def test_scores_of_another_suite_or_judge_are_not_compared(suite: str, judge: str) -> None:
    with pytest.raises(UsageError, match="shipmate eval baseline"):
        compare(kept(run(result("a", [1]))), suite, judge)


def test_scores_of_other_scorers_are_not_compared() -> None:
    with pytest.raises(UsageError, match="other scorers"):
        compare(kept(run(scorer_version=SCORER_VERSION - 1)), "suite", "judge/groundedness@1")


def test_no_baseline_and_a_damaged_one_say_how_to_make_one(folder: Path) -> None:
    with pytest.raises(Missing, match="shipmate eval baseline"):
        read_baseline(folder)
    (folder / "evals" / "baseline.jsonl").write_text("{}\n")
    with pytest.raises(Damaged, match="shipmate eval baseline"):
        read_baseline(folder)


def quarantined(folder: Path, case_id: str, until: str) -> None:
    text = f"version: 1\ncases:\n  - {{id: {case_id}, until: {until}, reason: flaky, owner: ann}}\n"
    (folder / "evals" / "quarantine.yml").write_text(text)


def test_a_quarantine_ends_on_its_day(folder: Path) -> None:
    quarantined(folder, "a", "2027-03-02")
    assert read_quarantine(folder, SUITE, date(2027, 3, 1)).running == {"a": "2027-03-02"}
    assert read_quarantine(folder, SUITE, date(2027, 3, 2)).expired == {"a": "2027-03-02"}


@pytest.mark.parametrize(("case_id", "said"), [("b", "critical"), ("q", "There is no case")])
def test_a_critical_or_unknown_case_cannot_be_left_out(folder: Path, case_id: str, said: str) -> None:
    quarantined(folder, case_id, "2027-03-02")
    with pytest.raises(ProjectError, match=said):
        read_quarantine(folder, SUITE, date(2027, 3, 1))


def test_cases_that_come_out_differently_are_told_by_how_much() -> None:
    history = [{"a": float(n % 2), "b": 1.0, "c": float(n > 0)} for n in range(10)]
    assert [(one.case_id, one.index) for one in flaky(history)] == [("a", 0.25), ("c", pytest.approx(0.09))]
    assert flaky([{"a": 0.0}, *[{"a": 1.0}] * 10]) == []


def gated(before: Run, after: Run) -> Report:
    baseline = kept(before)
    return Report(run=after, decision=decide(pairs_of(baseline, after), is_last=True), baseline=baseline)


def test_the_report_begins_with_the_verdict_and_shows_what_got_worse_side_by_side() -> None:
    before = run(result("a", [1], reply="It was good."), result("b", [1], critical=True))
    after = run(result("a", [0], reply="It is bad."), result("b", [0], reply="Alas.", critical=True))
    text = as_markdown(gated(before, after))
    assert text.splitlines()[2].startswith("**BLOCK")
    assert "| It was good. | It is bad. |" in text
    assert text.index("`b` (answer, critical)") < text.index("`a` (answer)")
    assert [one.result.case_id for one in regressions(gated(before, after))] == ["b", "a"]


def test_a_hold_says_that_it_is_no_pass() -> None:
    before = run(*(result(f"{n:02}", [float(n % 2)]) for n in range(20)))
    after = run(*(result(f"{n:02}", [float(n % 4 > 1)]) for n in range(20)))
    assert "does not count as passing" in as_markdown(gated(before, after))


def test_a_report_fits_where_build_servers_show_it_and_counts_what_does_not() -> None:
    after = run(*(result(f"case {n}", [0], reply="x" * 5000) for n in range(2000)))
    text = as_markdown(Report(run=after))
    assert len(text) <= LONGEST
    assert "more entries do not fit here" in text


def test_what_a_reply_holds_is_no_markup_of_the_report() -> None:
    before = run(result("a", [1], reply="fine"))
    hostile = "<img src=x> \\| ![](http://evil.example) @team #12 `"
    after = run(result("a", [0], reply=hostile))
    text = as_markdown(msgspec.structs.replace(gated(before, after), notes=(hostile,)))
    for mark in ("<img", "![](", "http://", "@team", " #12", "\\|"):
        assert mark not in text
    (row,) = (line for line in text.splitlines() if line.startswith("| fine"))
    assert row.count("|") == 3


@given(st.text())
def test_text_of_others_is_shown_as_it_was_written_and_does_nothing(text: str) -> None:
    made = inert(text)
    assert not set(made) & set("<|[`*_~\n\\")
    shown = unescape(made).replace("\u200b", "")
    assert shown == " ".join(printable(text).split()).replace("\u200b", "")


@given(st.text(max_size=60), st.text(max_size=60))
def test_junit_is_xml_whatever_stands_in_a_case(case_id: str, reply: str) -> None:
    bad = result(case_id, [0], reply=reply)
    failed = msgspec.structs.replace(bad, tries=(msgspec.structs.replace(bad.tries[0], error=reply),))
    ET.fromstring(as_junit(Report(run=run(failed, result("fine", [1])))))


def test_junit_has_a_suite_for_each_kind_with_properties(folder: Path) -> None:
    retrieval = msgspec.structs.replace(result("r", [1, 0]), kind="retrieval")
    write(Report(run=run(result("a", [1]), retrieval)), folder / "out")
    root = ET.parse(folder / "out" / "junit.xml").getroot()
    assert [(suite.get("name"), suite.get("failures")) for suite in root] == [("answer", "0"), ("retrieval", "1")]
    # What Jenkins' schema lets a root and a suite say.
    assert set(root.attrib) <= {"name", "time", "tests", "failures", "errors", "disabled"}
    assert all(set(suite.attrib) <= {*root.attrib, "skipped"} for suite in root)
    told = {one.get("name"): one.get("value") for one in root[1][0].iter("property")}
    assert told["epochs"] == "2"
    assert told["score"] == "0.5000"
    assert told["cost_usd"] == "0.000000"


def test_the_json_report_reads_back() -> None:
    report = gated(run(result("a", [1])), run(result("a", [0])))
    assert msgspec.json.decode(as_json(report), type=Report) == report
