"""The command that reports on the work: report."""

import asyncio
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shipmate import bootstrap
from shipmate.cli.options import command, folder, json_option
from shipmate.cli.screen import say, say_json
from shipmate.errors import UsageError

if TYPE_CHECKING:
    from shipmate.insight.report import Group, Measure, Report

__all__ = ["report"]

STYLES = {"met": "green", "not met": "red", "unknown": "yellow"}
SPAN = re.compile(r"(\d+(?:\.\d+)?)([hd])")
HOURS = {"h": 1 / 24, "d": 1.0}
WIDTH = 100


@command("shipmate report my-assistant --since 7d")
@folder
@click.option("--since", default="", metavar="SPAN", help="Only the last days or hours, such as 7d or 24h.")
@click.option("--release", default="", metavar="ID", help="Only what this release answered.")
@json_option
def report(folder: Path, *, since: str, release: str, as_json: bool) -> None:
    """Show how the assistant does, from its journal.

    Five figures with their targets from charter.yml, for all releases together and for each: each with its 95 %
    interval, how many it was taken from, and whether the target is met. While the interval holds the target, or too
    little is known, that is unknown. Also while the assistant is serving.
    """
    from shipmate import reporting

    found = asyncio.run(reporting.report(bootstrap.load(folder), days=_days(since), release=release))
    if as_json:
        say_json(found)
    else:
        _show(found)


def _days(since: str) -> float | None:
    if not since:
        return None
    span = SPAN.fullmatch(since)
    if not span:
        raise UsageError(f"{since!r} is no span of time.", do="Write it as 7d or 24h.")
    return float(span[1]) * HOURS[span[2]]


def _show(found: "Report") -> None:
    if not found.overall.turns:
        say("Nothing was asked in this time: ask something, or serve the assistant.")
    _group(found.overall, "All releases")
    for group in found.releases:
        _group(group, f"Release {group.release}")
    _details(found.overall)
    _parts(found.overall)
    for outcome in found.outcomes:
        bounds = "" if outcome.low is None else f" [{outcome.low:.4g}, {outcome.high:.4g}]"
        say(f"Outcome {outcome.name}: mean {outcome.mean:.4g}{bounds}, total {outcome.total:.6g}, n {outcome.n:,}")
    _goal(found)
    say("")
    for figure in found.overall.rows:
        say((textwrap.fill(f"{figure.title}: {figure.definition}", WIDTH, subsequent_indent="  "), "dim"))


def _group(group: "Group", title: str) -> None:
    say((title, "bold"), f"  {group.turns:,} questions")
    rows = [(*_row(figure), figure) for figure in group.rows]
    widths = [max(len(str(row[place])) for row in rows) for place in range(4)]
    for *cells, figure in rows:
        padded = "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        note = f"  {figure.note}" if figure.note else ""
        say(f"  {padded}  ", (figure.status, STYLES[figure.status]), (note, "dim"))
    say("")


def _row(figure: "Measure") -> tuple[str, str, str, str]:
    from shipmate.insight.report import written

    sign = {"at least": "≥ ", "at most": "≤ "}.get(figure.side, "")
    target = f"{sign}{written(figure.target, figure.unit)}" if figure.target is not None else ""
    return figure.title, target, _with_bounds(figure), f"n {figure.n:,} {figure.of}"


def _with_bounds(figure: "Measure") -> str:
    from shipmate.insight.report import written

    value = written(figure.value, figure.unit)
    if figure.low is None or figure.high is None or figure.low == figure.high:
        return value
    return f"{value} [{written(figure.low, figure.unit)}, {written(figure.high, figure.unit)}]"


def _details(group: "Group") -> None:
    say(("Behind them", "bold"))
    for figure in group.details:
        note = f"  {figure.note}" if figure.note else ""
        say(f"  {figure.title}: {_with_bounds(figure)}, n {figure.n:,} {figure.of}", (note, "dim"))
    for purpose, paid in group.purposes.items():
        say(f"  Paid for {purpose}: ${paid:.4g}")
    say("")


def _parts(group: "Group") -> None:
    if not group.parts:
        return
    say(("Solved by the first answer, by part", "bold"))
    for line, style in _part_lines(group):
        say((line, style))
    say("")


def _part_lines(group: "Group") -> Iterator[tuple[str, str]]:
    for part in group.parts:
        few = "  too few to be read" if part.is_grey else ""
        line = f"  {part.by} {part.value}: {100 * part.share:.1f} % [{100 * part.low:.1f}, {100 * part.high:.1f}], n {part.n:,}"
        yield f"{line}{few}", "dim" if part.is_grey else ""


def _goal(found: "Report") -> None:
    goal = found.goal
    if goal is None:
        return
    reached = "unknown" if goal.progress is None else f"{100 * goal.progress:.0f} % of the way"
    figures: Sequence[str] = (
        f"from {goal.baseline:g}" if goal.baseline is not None else "",
        f"to {goal.target:g}" if goal.target is not None else "",
        f"by {goal.by}" if goal.by else "",
    )
    say(("Goal", "bold"), f"  {goal.statement}")
    way = " ".join(filter(None, figures))
    say(f"  {goal.metric} {way}: now {_with_bounds(goal.now)}, n {goal.now.n:,}; {reached}; ", goal.now.status)
