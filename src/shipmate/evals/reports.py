"""Reports of a run: for people as Markdown, for build servers as JUnit XML, for programs as JSON."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import msgspec

from shipmate.disk import disk_faults
from shipmate.evals.baseline import Baseline
from shipmate.evals.gate import Decision, Verdict
from shipmate.evals.inert import inert, printable
from shipmate.evals.quarantine import Flaky
from shipmate.evals.results import CaseResult, Run, Status, pass_hat
from shipmate.messages import Record
from shipmate.statistics.intervals import Interval, wilson

__all__ = ["LONGEST", "Report", "as_json", "as_junit", "as_markdown", "regressions", "write"]

# What a summary may hold at most on GitHub, in characters.
LONGEST = 65_535
MOST_REGRESSIONS = 20
EXCERPT_CHARS = 400
LONGEST_REASON = 2000
VERDICTS = {
    Verdict.PASS: "PASS: the change may go on.",
    Verdict.BLOCK: "BLOCK: the change makes the assistant worse.",
    Verdict.HOLD: "HOLD: nothing is shown either way. A person decides; this does not count as passing.",
    Verdict.MORE: "MORE: more epochs are needed.",
}


class Report(Record, frozen=True, kw_only=True):
    """A run, and what was decided of it."""

    run: Run
    decision: Decision | None = None
    baseline: Baseline | None = None
    flaky: tuple[Flaky, ...] = ()
    # What readers have to know beside the figures.
    notes: tuple[str, ...] = ()


class Regression(Record, frozen=True, kw_only=True):
    """A case that passes less often than it did."""

    result: CaseResult
    before: float
    after: float
    reply_before: str


def regressions(report: Report) -> list[Regression]:
    """Return the cases that have become worse, the most severe first: critical ones, then by how much."""
    before = {case.id: case for case in report.baseline.cases} if report.baseline else {}
    found = []
    for result in report.run.results:
        known = before.get(result.case_id)
        if not known or not known.passes or not result.passes:
            continue
        was, now = sum(known.passes) / len(known.passes), sum(result.passes) / len(result.passes)
        if now < was:
            found.append(Regression(result=result, before=was, after=now, reply_before=known.reply))
    return sorted(found, key=lambda one: (not one.result.critical, one.after - one.before, one.result.case_id))


def write(report: Report, folder: Path) -> None:
    """Write all reports into a folder, which is made."""
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.md").write_text(as_markdown(report), encoding="utf-8")
        (folder / "junit.xml").write_text(as_junit(report), encoding="utf-8")
        (folder / "report.json").write_bytes(as_json(report))


def as_json(report: Report) -> bytes:
    """Return everything, for programs."""
    return msgspec.json.encode(report)


def as_markdown(report: Report) -> str:
    """Return the report for people; what does not fit is counted at the end."""
    head = "\n".join([*_verdict(report), "", *_figures(report.run), "", *(f"- {inert(note)}" for note in report.notes)])
    rest = [*_regressed(report), *_failed(report), *_flaky(report.flaky)]
    text, left = head.rstrip() + "\n", 0
    for block in rest:
        if left or len(text) + len(block) + 200 > LONGEST:
            left += 1
        else:
            text += f"\n{block}\n"
    return text + (f"\n{left} more entries do not fit here: they stand in the JSON report.\n" if left else "")


def as_junit(report: Report) -> str:
    """Return the results as JUnit XML: one suite for each kind, with score, epochs and cost as properties."""
    run = report.run
    kinds = sorted({result.kind for result in run.results})
    suites = "".join(_suite(kind, [one for one in run.results if one.kind == kind]) for kind in kinds)
    counts = run.counts
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<testsuites name={_quoted(run.suite)} tests={_quoted(len(run.results))} failures={_quoted(counts['fail'])} "
        f"errors={_quoted(counts['error'])} time={_quoted(run.seconds)}>\n"
        f"{suites}</testsuites>\n"
    )


def _verdict(report: Report) -> Iterator[str]:
    yield f"# Evaluation of {inert(report.run.suite)}"
    yield ""
    if report.decision is None:
        counts = report.run.counts
        yield f"**{counts['pass']} of {len(report.run.results)} cases pass.**"
        return
    yield f"**{VERDICTS[report.decision.verdict]}**"
    yield ""
    yield from (f"- {inert(reason[:LONGEST_REASON])}" for reason in report.decision.reasons)


def _figures(run: Run) -> Iterator[str]:
    yield f"Release `{run.release}`, model `{run.model or 'none: quotes'}`, index `{run.index_sha}`, judge `{run.judge}`."
    yield ""
    yield "| kind | cases | pass | fail | error | cannot be told | share that passes, 95 % Wilson interval |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    kinds = sorted({result.kind for result in run.results})
    for kind in [*kinds, ""]:
        results = [one for one in run.results if not kind or one.kind == kind]
        count = {status: sum(one.status is status for one in results) for status in Status}
        told = count[Status.PASS] + count[Status.FAIL]
        share = _percent(wilson(count[Status.PASS], told)) if told else "-"
        row = [count[status] for status in (Status.PASS, Status.FAIL, Status.ERROR, Status.UNSUPPORTED)]
        yield f"| {kind or 'all'} | {len(results)} | {' | '.join(map(str, row))} | {share} |"
    yield ""
    cached = sum(one.is_cached for result in run.results for one in result.tries)
    tries = sum(len(result.tries) for result in run.results)
    hats = (f"pass^{k} {100 * value:.1f} %" for k in (1, 3, 5) if (value := pass_hat(run.results, k)) is not None)
    yield f"{tries} tries, {cached} of them from the cache, in {run.seconds:.1f} s; ${run.cost_usd:.4f}; {', '.join(hats)}."


def _regressed(report: Report) -> Iterator[str]:
    found = regressions(report)
    if found:
        yield f"## Passes less often than the baseline: {len(found)}"
    for one in found[:MOST_REGRESSIONS]:
        critical = ", critical" if one.result.critical else ""
        yield (
            f"### `{_inline(one.result.case_id)}` ({one.result.kind}{critical}): {one.before:.0%} → {one.after:.0%}\n\n"
            f"{_quote(one.result.input)}\n\n| before | after |\n| --- | --- |\n"
            f"| {_cell(one.reply_before)} | {_cell(one.result.told[0].reply)} |\n\n{_cell(one.result.reason)}"
        )


def _failed(report: Report) -> Iterator[str]:
    failed = [one for one in report.run.results if one.status is not Status.PASS]
    if failed:
        yield f"## Does not pass: {len(failed)}"
    for one in sorted(failed, key=lambda one: (not one.critical, one.status is not Status.FAIL, one.case_id)):
        yield f"- `{_inline(one.case_id)}` ({one.kind}, {one.status}): {_cell(one.reason) or 'no reason'}"


def _flaky(found: Sequence[Flaky]) -> Iterator[str]:
    if found:
        yield f"## Comes out differently by chance: {len(found)}"
    for one in found:
        yield f"- `{_inline(one.case_id)}`: variance {one.index:.3f} over {one.runs} runs"


def _suite(kind: str, results: Sequence[CaseResult]) -> str:
    count = {status: sum(one.status is status for one in results) for status in Status}
    cases = "".join(map(_case, results))
    return (
        f"<testsuite name={_quoted(kind)} tests={_quoted(len(results))} failures={_quoted(count[Status.FAIL])} "
        f"errors={_quoted(count[Status.ERROR])} skipped={_quoted(count[Status.UNSUPPORTED])}>\n{cases}</testsuite>\n"
    )


def _case(result: CaseResult) -> str:
    seconds = sum(one.latency_ms for one in result.tries) / 1000
    cost = sum(one.cost_usd for one in result.tries)
    told = {
        "score": "" if result.score is None else f"{result.score:.4f}",
        "epochs": len(result.tries),
        "passed": int(sum(result.passes)),
        "cost_usd": f"{cost:.6f}",
        "critical": str(result.critical).lower(),
    }
    properties = "".join(f"<property name={_quoted(name)} value={_quoted(value)}/>" for name, value in told.items())
    reason = escape(printable(result.reason))
    ended = {
        Status.PASS: "",
        Status.FAIL: f"<failure message={_quoted(result.reason[:EXCERPT_CHARS])}>{reason}</failure>",
        Status.ERROR: f"<error message={_quoted(result.reason[:EXCERPT_CHARS])}>{reason}</error>",
        Status.UNSUPPORTED: f"<skipped message={_quoted(result.reason[:EXCERPT_CHARS])}/>",
    }[result.status]
    name = f"name={_quoted(result.case_id)} classname={_quoted(result.intent or result.kind)}"
    return (
        f"<testcase {name} time={_quoted(f'{seconds:.3f}')}><properties>{properties}</properties>{ended}</testcase>\n"
    )


def _quoted(value: object) -> str:
    return quoteattr(printable(str(value)))


def _percent(share: Interval) -> str:
    return f"{100 * share.estimate:.1f} % [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def _inline(text: str) -> str:
    return printable(text).replace("`", "'")


def _quote(text: str) -> str:
    return "".join(f"> {inert(line)}\n" for line in _excerpt(text).splitlines()).rstrip()


def _cell(text: str) -> str:
    return inert(_excerpt(text))


def _excerpt(text: str) -> str:
    return text if len(text) <= EXCERPT_CHARS else f"{text[:EXCERPT_CHARS]} …"
