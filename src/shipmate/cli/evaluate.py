"""Commands that hold an assistant against cases: eval run, gate, baseline, propose, judge."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shipmate.cli.exchange import export_cases, import_cases
from shipmate.cli.options import command, folder, index_first, json_option
from shipmate.cli.screen import counting_bar, say

if TYPE_CHECKING:
    from shipmate.evals.reports import Report
    from shipmate.rehearsing.sessions import Options

__all__ = ["BLOCKED", "HELD", "UNSOUND", "evaluate"]

T = TypeVar("T")
Function = Callable[..., object]

# What the gate and a run end with when they do not pass.
BLOCKED, HELD, UNSOUND = 8, 9, 10
MOST_SHOWN = 20

release_option = click.option(
    "--release", default="", metavar="ID", help="A built release; by default the folder as it is."
)
epochs_option = click.option(
    "--epochs",
    type=click.IntRange(1, 50),
    default=1,
    show_default=True,
    help="How often each case is tried; only where a model answers.",
)
parallel_option = click.option(
    "--parallel", type=click.IntRange(1, 64), default=8, show_default=True, help="How many cases at a time, at most."
)
timeout_option = click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.1, 3600),
    default=60.0,
    show_default=True,
    help="Seconds after which a case is given up.",
)
cache_option = click.option("--no-cache", is_flag=True, help="Ask everything anew, though it was asked before.")
reports_option = click.option(
    "--report",
    "reports",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write report.md, junit.xml and report.json there.",
)


def running(function: Function) -> Function:
    """Add the options of everything that runs cases."""
    for option in (reports_option, cache_option, timeout_option, parallel_option, release_option):
        function = option(function)
    return function


@command("shipmate eval run my-assistant")
@folder
@running
@epochs_option
@click.option("--tag", "tags", multiple=True, help="Only cases with this tag.")
@click.option("--kind", "kinds", multiple=True, help="Only cases of this kind.")
@click.option("--case", "ids", multiple=True, metavar="ID", help="Only this case.")
@json_option
def run(folder: Path, *, reports: Path | None, as_json: bool, **chosen: Any) -> None:
    """Run the cases of evals/ and say which pass.

    What was asked before is taken from a cache, so that Ctrl-C loses nothing. Neither the journal nor anybody's
    conversation is touched. A server that is down is an error, not a failure.
    """
    from shipmate.rehearsing import sessions

    project = index_first(folder)
    report = _run(lambda progress: sessions.rehearse(project, _options(**chosen), progress))
    _tell(report, reports, as_json=as_json)
    if not report.run.is_sound:
        raise click.exceptions.Exit(UNSOUND)
    if report.run.counts["fail"]:
        raise click.exceptions.Exit(BLOCKED)


@command("shipmate eval gate my-assistant --report out")
@folder
@running
@json_option
def gate(folder: Path, *, reports: Path | None, as_json: bool, **chosen: Any) -> None:
    """Decide whether a change may ship, against evals/baseline.jsonl.

    Critical cases have to pass in every epoch, and the share of passes must not have dropped. Where that is not clear,
    the cases are run again, up to 7 times; where it is not clear then, a person decides: that is no pass. Documents that
    have changed since they were read have to be read first.
    """
    from shipmate.evals.gate import Verdict
    from shipmate.rehearsing import sessions

    project = index_first(folder)
    report = _run(lambda progress: sessions.gate(project, _options(**chosen), progress))
    _tell(report, reports, as_json=as_json)
    verdict = report.decision.verdict if report.decision else Verdict.HOLD
    if verdict is not Verdict.PASS:
        raise click.exceptions.Exit(BLOCKED if verdict is Verdict.BLOCK else HELD)


@command("shipmate eval baseline my-assistant")
@folder
@running
@json_option
def baseline(folder: Path, *, reports: Path | None, as_json: bool, **chosen: Any) -> None:
    """Score the assistant as it is, and keep that as what is good.

    Writes evals/baseline.jsonl: commit it. The gate compares changes with it.
    """
    from shipmate.rehearsing import sessions

    project = index_first(folder)
    report, file = _run(lambda progress: sessions.score_baseline(project, _options(**chosen), progress))
    _tell(report, reports, as_json=as_json)
    say(f"Wrote {file}.", err=True)


@command("shipmate eval judge my-assistant --model")
@folder
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="People's labels; by default evals/judge-labels.jsonl.",
)
@click.option(
    "--model", "by_model", is_flag=True, help="The model of stack.yml judges; by default the judge without one."
)
@json_option
def judge(folder: Path, *, labels: Path | None, by_model: bool, as_json: bool) -> None:
    """Hold a judge against people's labels, before it may decide.

    Writes evals/judge.json: how often it finds what is bad, and how often it flags what is good. A model may decide at
    the gate from 150 labels on, when at least 97 % of what is good is surely not flagged.
    """
    from shipmate import bootstrap
    from shipmate.cli.screen import say_json
    from shipmate.evals.calibration import may_gate
    from shipmate.evals.judge import EXEMPT, OFFLINE
    from shipmate.rehearsing import sessions

    found, file = asyncio.run(sessions.judge(bootstrap.load(folder), labels, by_model=by_model))
    if as_json:
        say_json(found)
        return
    say((found.judge, "bold"), f", {found.labels} labels")
    for name in ("sensitivity", "specificity", "precision"):
        share = getattr(found, name)
        say(f"  {name:12} {share.estimate:.3f}  [{share.low:.3f}, {share.high:.3f}]")
    say(f"  {'kappa':12} {found.kappa:.3f}")
    reason = may_gate([found.judge], found)
    say(reason or f"It may decide at the gate{f': {EXEMPT}' if found.judge == OFFLINE else ''}.")
    say(f"Wrote {file}.", err=True)


@command("shipmate eval propose my-assistant")
@folder
@click.option("--accept", "accepted", multiple=True, metavar="ID", help="Take this draft up into the suite.")
@json_option
def propose(folder: Path, *, accepted: tuple[str, ...], as_json: bool) -> None:
    """Draft cases from conversations that went badly.

    Thumbs down, questions that were put again, fallbacks, refusals within the charter's intents, and what went badly in
    a trial that was taken back. Only words of people who have consented are used, with what is private masked; the
    others are counted. Drafts do not count until you accept them: say first what the answer has to be.
    """
    from shipmate import bootstrap
    from shipmate.cli.screen import say_json
    from shipmate.evals.propose import accept
    from shipmate.rehearsing.proposals import propose_cases

    project = bootstrap.load(folder)
    if accepted:
        say(f"Took {len(accepted)} up into {accept(project.folder, accepted)}. The baseline has to be scored anew.")
        return
    proposed, file = asyncio.run(propose_cases(project))
    if as_json:
        say_json(proposed)
        return
    for case in proposed.cases:
        say((case.id, "cyan"), f"  {getattr(case, 'input', '')}  ", (", ".join(case.tags), "dim"))
    say(
        f"{proposed.bad} turns went badly: {len(proposed.cases)} drafts, {proposed.known} asked by a case already, "
        f"{proposed.follow_ups} that only follow up, {proposed.without_consent} without consent."
    )
    if file:
        say(f"Wrote {file}.", err=True)


def _options(
    *,
    release: str = "",
    epochs: int = 1,
    parallel: int = 8,
    timeout_s: float = 60.0,
    no_cache: bool = False,
    **chosen: tuple[str, ...],
) -> "Options":
    from shipmate.evals.runner import Settings
    from shipmate.rehearsing.sessions import Options

    settings = Settings(epochs=epochs, parallel=parallel, timeout_s=timeout_s)
    return Options(release=release, settings=settings, is_cached=not no_cache, **chosen)


def _run(doing: Callable[[Callable[[int, int], None]], Awaitable[T]]) -> T:
    """Run with a bar that shows how far it is."""
    with counting_bar("Running cases") as progress:

        async def done() -> T:
            return await doing(progress)

        return asyncio.run(done())


def _tell(report: "Report", reports: Path | None, *, as_json: bool) -> None:
    """Print the result, and write the reports where they are wanted."""
    from shipmate.cli.screen import say_json
    from shipmate.evals.reports import write

    if reports:
        write(report, reports)
    if as_json:
        say_json(report)
        return
    if report.decision:
        say((report.decision.verdict.upper(), "bold"), f"  {' '.join(report.decision.reasons)}")
    counts = ", ".join(f"{count} {status}" for status, count in report.run.counts.items() if count)
    say(f"{report.run.suite}: {len(report.run.results)} cases: {counts}; {report.run.seconds:.1f} s.")
    bad = [result for result in report.run.results if result.status != "pass"]
    for result in bad[:MOST_SHOWN]:
        say((f"  {result.status:11}", "red"), f" {result.case_id}  ", (result.reason, "dim"))
    if len(bad) > MOST_SHOWN:
        say(f"  … and {len(bad) - MOST_SHOWN} more: `--report DIR` writes them all.")
    for note in report.notes:
        say((note, "dim"), err=True)


@click.group(
    name="eval",
    commands={
        command.name or "": command for command in (run, gate, baseline, propose, judge, import_cases, export_cases)
    },
    epilog="\b\nExample:\n  shipmate eval run my-assistant",
)
def evaluate() -> None:
    """Hold the assistant against the cases in evals/.

    A change is compared with a committed baseline before it ships. Works without a model, a key or a network.
    """
