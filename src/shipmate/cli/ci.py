"""Commands for the assistant's continuous integration: ci github, gitlab, annotate, fresh, narrow."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shipmate import __version__, bootstrap
from shipmate.cli.evaluate import BLOCKED
from shipmate.cli.options import folder
from shipmate.cli.screen import say
from shipmate.errors import Missing, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shipmate.evals.annotations import Remark
    from shipmate.evals.reports import Report

__all__ = ["ci"]

WORKFLOWS = Path(bootstrap.__file__).with_name("workflows")
GITHUB = {
    ".github/workflows/shipmate-eval.yml": "github-eval.yml",
    ".github/workflows/shipmate-promote.yml": "github-promote.yml",
}
GITLAB = {".gitlab/shipmate.yml": "gitlab.yml"}
# So many files are named that were not on trial.
MOST_NAMED = 5
out = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="DIR",
    help="The repository's root; by default this folder.",
)


@click.group(epilog="\b\nExample:\n  shipmate ci github my-assistant")
def ci() -> None:
    """Hold every change to the assistant against its cases.

    Writes workflows for GitHub or GitLab, which run the same commands as people do.
    """


@ci.command(epilog="\b\nExample:\n  shipmate ci github my-assistant")
@folder
@out
def github(folder: Path, out: Path) -> None:
    """Write the workflows for GitHub.

    One evaluates each change; the other merges a request after a signed PROMOTE.
    """
    _write(GITHUB, folder, out)


@ci.command(epilog="\b\nExample:\n  shipmate ci gitlab my-assistant")
@folder
@out
def gitlab(folder: Path, out: Path) -> None:
    """Write the jobs for GitLab: the same as for GitHub."""
    _write(GITLAB, folder, out)


@ci.command(epilog="\b\nExample:\n  shipmate ci annotate my-assistant --report shipmate-report")
@folder
@click.option(
    "--report", type=click.Path(path_type=Path), required=True, metavar="DIR", help="What `shipmate eval gate` wrote."
)
def annotate(folder: Path, report: Path) -> None:
    """Show a report's failures beside the lines of a change on GitHub.

    At most ten errors and ten warnings: GitHub shows no more of one step.
    """
    from shipmate.evals.annotations import annotations

    for line in annotations(_remarks(folder, _report(report / "report.json"))):
        click.echo(line)


@ci.command(epilog="\b\nExample:\n  shipmate ci fresh checks.json compare.json")
@click.argument("checks", type=click.Path(path_type=Path), help="GitHub's check runs of the commit.")
@click.argument("compared", type=click.Path(path_type=Path), help="GitHub's comparison of it with the main branch.")
def fresh(checks: Path, compared: Path) -> None:
    """Prove that what a merge makes was evaluated within a day.

    Ends with code 8 where it was not.
    """
    from shipmate.evals.annotations import stale

    if why := stale(_read(checks), _read(compared), bootstrap.clock().now()):
        say((why, "red"))
        raise click.exceptions.Exit(BLOCKED)
    say("The evaluation passed, is of what the merge makes, and is younger than a day.")


@ci.command(epilog="\b\nExample:\n  shipmate ci narrow names.txt my-assistant")
@click.argument("names", type=click.Path(path_type=Path), help="The files that a request changes, one a line.")
@click.argument("assistant", default=".", help="The assistant's folder, as the names are written.")
def narrow(names: Path, assistant: str) -> None:
    """Prove that a request changes no more than was tried.

    Its prompt, canary.yml and the verdict. Ends with code 8 where it changes anything else: a person merges that.
    """
    from shipmate.evals.annotations import beyond_promotion

    if beyond := beyond_promotion(set(_text(names).splitlines()), assistant):
        shown = ", ".join(beyond[:MOST_NAMED]) + (", ..." if len(beyond) > MOST_NAMED else "")
        say((f"The request changes what was not on trial: {shown}. Merge that by hand first.", "red"))
        raise click.exceptions.Exit(BLOCKED)
    say("The request changes no more than was on trial.")


def _write(files: dict[str, str], folder: Path, out: Path) -> None:
    if not (folder / "charter.yml").is_file():
        raise Missing(f"There is no assistant in {folder}.", do="Name the folder that holds charter.yml.")
    try:
        assistant = folder.resolve().relative_to(out.resolve()).as_posix()
    except ValueError as error:
        raise UsageError(f"{folder} does not lie in {out}.", do="Name the repository's root: `--out DIR`.") from error
    if not all(sign.isalnum() or sign in "-_./" for sign in assistant):
        raise UsageError(f"The path {assistant} has other signs than letters, digits, - _ . /.", do="Rename it.")
    for name in files:
        if (out / name).exists():
            raise UsageError(f"{out / name} exists already.", do="Move it, then write it anew.")
    for name, template in files.items():
        text = (WORKFLOWS / template).read_text(encoding="utf-8")
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        inside = text.replace("@ASSISTANT@/", "" if assistant == "." else f"{assistant}/")
        (out / name).write_text(
            inside.replace("@ASSISTANT@", assistant).replace("@VERSION@", __version__), encoding="utf-8"
        )
        say(f"Wrote {out / name}.")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(path))
    except ValueError as error:
        raise UsageError(f"{path} is not valid JSON: {error}.", do="Write it anew.") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path} is no answer of GitHub's.", do="Fetch it with `gh api`, as the workflow does.")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise Missing(f"There is no file {path}.", do="Fetch it as the workflow does.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no text: {error}.", do="Fetch it as the workflow does.") from error


def _report(path: Path) -> "Report":
    import msgspec

    from shipmate.evals.reports import Report

    if not path.is_file():
        raise Missing(f"There is no file {path}.", do="Run `shipmate eval gate --report DIR` first.")
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no report: {error}.", do="Let `shipmate eval gate` write it anew.") from error


def _remarks(folder: Path, report: "Report") -> "Iterator[Remark]":
    """Yield why the gate did not pass, then the cases that did not, critical ones first."""
    from shipmate.evals.annotations import Remark
    from shipmate.evals.gate import Verdict
    from shipmate.evals.suite import read

    places = read(folder).places
    if report.decision and report.decision.verdict is not Verdict.PASS:
        for reason in report.decision.reasons:
            yield Remark(case=report.decision.verdict.upper(), reason=reason, is_error=True)
    failed = [result for result in report.run.results if result.status not in {"pass", "unsupported"}]
    for result in sorted(failed, key=lambda result: not result.critical):
        place = places.get(result.case_id, "")
        yield Remark(
            case=result.case_id,
            reason=result.reason,
            is_error=result.critical,
            place=str(folder / place) if place else "",
        )
