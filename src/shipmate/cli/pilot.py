"""Commands about the pilot: start, status, report, stop."""

import asyncio
import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shipmate import bootstrap
from shipmate.cli.options import command, folder, json_option
from shipmate.cli.screen import complain, say, say_json
from shipmate.errors import ProjectError

if TYPE_CHECKING:
    from shipmate.release.pilot import ExitReport
    from shipmate.release.standing import Finding

__all__ = ["markdown", "pilot"]

STYLES = {"shown": "green", "not shown": "yellow", "contradicted": "red"}
# Of metrics that are shares, what is said in percent.
DOLLARS = "cost_per_1k_usd"
# No target of its own.
EARLY_SIGN = "ftr_fast"
by = click.option("--by", metavar="NAME", help="Who does it, for the journal; by default who is logged in.")


@command("shipmate pilot start my-assistant --release 3f47a4969920")
@folder
@click.option("--release", default="", metavar="ID", help="The built release to try; by default the one in pilot.yml.")
@by
@json_option
def start(folder: Path, *, release: str, by: str | None, as_json: bool) -> None:
    """Let the users whom pilot.yml names try a release, also while serving; all others are answered as before.

    One trial runs at a time.
    """
    from shipmate.shipping.switch import try_out
    from shipmate.trials.pilot import begun_pilot

    project = bootstrap.load(folder)
    warnings = [problem for problem in bootstrap.check(folder) if problem.file == "pilot.yml"]
    trial, event = begun_pilot(project, release=release, by=by or _user())
    switched = try_out(project, trial, event)
    complain(ProjectError(warnings))
    if as_json:
        say_json(switched.live)
    else:
        begun = switched.live.trial or trial
        say((begun.release, "bold"), f" answers the {len(begun.callers)} users of pilot.yml now (run {begun.run}).")
        say((f"  shipmate pilot report {folder}", "dim"))


@command("shipmate pilot status my-assistant")
@folder
@json_option
def status(folder: Path, *, as_json: bool) -> None:
    """Show how many of the pilot's users have asked, and how often."""
    from shipmate.trials.pilot import pilot_status

    found = asyncio.run(pilot_status(bootstrap.load(folder)))
    if as_json:
        say_json(found)
        return
    say(
        ("Run      ", "dim"),
        f"{found.run}, since {_day(found.started_at)}",
        f", until {found.until}" * bool(found.until),
    )
    say(("Release  ", "dim"), found.release)
    say(("Users    ", "dim"), f"{found.seen} of {found.named} have asked")
    say(("Asked    ", "dim"), f"{found.episodes} episodes, {found.turns} turns")
    if found.is_overdue:
        say(("The pilot was to be over: look at the report, and stop it or set another day.", "yellow"))


@command("shipmate pilot report my-assistant --markdown")
@folder
@click.option("--run", default="", metavar="RUN", help="Another pilot than the one that began last.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown instead of text.")
@json_option
def report(folder: Path, *, run: str, as_markdown: bool, as_json: bool) -> None:
    """Say of each target of the charter whether the pilot has shown it, not shown it, or contradicted it.

    Beside each stands how much was counted, what it is worth when one user asks often, and what would have to be seen.
    """
    from shipmate.trials.pilot import pilot_report

    found = asyncio.run(pilot_report(bootstrap.load(folder), run))
    if as_json:
        say_json(found)
    elif as_markdown:
        say(markdown(found))
    else:
        _show(found)


@command("shipmate pilot stop my-assistant")
@folder
@by
@click.option("--reason", default="", metavar="TEXT", help="Why, for the journal: a few words.")
@json_option
def stop(folder: Path, *, by: str | None, reason: str, as_json: bool) -> None:
    """Answer the pilot's users as all others again, also while serving."""
    from shipmate.shipping.switch import end_trial
    from shipmate.trials.pilot import ended_pilot

    project = bootstrap.load(folder, despite_problems=True)
    switched = end_trial(project, "pilot", ended_pilot(by=by or _user(), reason=reason))
    if as_json:
        say_json(switched.live)
    elif switched.before.trial:
        live = switched.live.release or "The folder as it is"
        say((live, "bold"), f" answers everybody: the pilot {switched.before.trial.run} has ended.")


@click.group(
    commands={command.name or "": command for command in (start, status, report, stop)},
    epilog="\b\nExample:\n  shipmate pilot report my-assistant",
)
def pilot() -> None:
    """Let named users try a release first.

    The exit report says of each target whether that has shown it.
    """


def _show(report: "ExitReport") -> None:
    say((f"Pilot {report.run}", "bold"), f"  release {report.release}")
    say(_summary(report))
    for finding in report.findings:
        say("")
        say(
            (f"{finding.standing.value.upper()}  ", STYLES[finding.standing.value]),
            (finding.metric, "bold"),
            _promise(finding),
        )
        say((f"   {finding.means}", "dim"))
        for line in _lines(finding):
            say(f"   {line}")


def markdown(report: "ExitReport") -> str:
    """Return the report as Markdown."""
    rows = [
        f"| `{finding.metric}`: {finding.means} | {_promise(finding).strip()} | **{finding.standing.value}** "
        f"| {_measured(finding)} | {finding.n:,} | {finding.users:,} {_clusters(finding)} | {_effect(finding)} | {_needed(finding)} |"
        for finding in report.findings
    ]
    reasons = [f"- `{finding.metric}`: {finding.why}" for finding in report.findings if finding.why]
    return "\n".join(
        [
            f"# Exit report of the pilot `{report.run}`",
            "",
            f"Release `{report.release}`. {_summary(report)}",
            "",
            "| target | promised | standing | measured | n | of | design effect | would have to be seen |",
            "|---|---|---|---|---|---|---|---|",
            *rows,
            "",
            *reasons,
        ]
    ).rstrip()


def _summary(report: "ExitReport") -> str:
    standings = [finding.standing.value for finding in report.findings if finding.metric != EARLY_SIGN]
    counted = ", ".join(f"{standings.count(standing)} {standing}" for standing in STYLES)
    return (
        f"{_day(report.started_at)} to {_day(report.until)}: {report.seen} of {report.named} users asked, "
        f"{report.episodes:,} episodes, {report.turns:,} turns. Of {len(standings)} targets: {counted}."
    )


def _lines(finding: "Finding") -> list[str]:
    lines = []
    if finding.measured:
        lines.append(
            f"{_measured(finding)}, n = {finding.n:,} of {finding.users:,} {_clusters(finding)}, design effect {_effect(finding)}"
        )
    if finding.needed is not None and finding.standing.value != "shown":
        lines.append(f"With as many, it would have to be {_needed(finding)}.")
    if finding.why:
        lines.append(finding.why)
    return lines


def _promise(finding: "Finding") -> str:
    return f"  {'at least' if finding.at_least else 'at most'} {_figure(finding, finding.target)}"


def _measured(finding: "Finding") -> str:
    if finding.measured is None:
        return "unknown"
    value, low, high = (_figure(finding, number) for number in finding.measured)
    return f"{value} [{low}, {high}]"


def _needed(finding: "Finding") -> str:
    if finding.needed is None:
        return "unknown" if finding.measured is None else "no figure would do"
    return f"{'≥' if finding.at_least else '≤'} {_figure(finding, finding.needed)}"


def _effect(finding: "Finding") -> str:
    return "unknown" if finding.design_effect is None else f"{finding.design_effect:.2f}"


def _clusters(finding: "Finding") -> str:
    return "hours" if finding.metric == "uptime" else "users"


def _figure(finding: "Finding", value: float) -> str:
    return f"${value:.4f}" if finding.metric == DOLLARS else f"{100 * value:.4g} %"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
