"""Commands about the assistant's folder: init, check, ingest."""

from pathlib import Path
from typing import Annotated

import typer

from shipmate import bootstrap
from shipmate.cli.options import Folder, ingest_shown
from shipmate.cli.screen import complain, console
from shipmate.errors import ProjectError

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command(epilog="Example: `shipmate init my-assistant`")(init)
    app.command(epilog="Example: `shipmate check my-assistant`")(check)
    app.command(epilog="Example: `shipmate ingest my-assistant`")(ingest)


def init(folder: Annotated[Path, typer.Argument(help="The folder to make.")]) -> None:
    """Make a new assistant: a charter to fill in, a stack, an FAQ and a first document."""
    bootstrap.init(folder)
    console.print(f"Made {folder}. Put documents into {folder / 'knowledge'}, then:", soft_wrap=True)
    console.print(f'  shipmate ask "What can you tell me?" {folder}', soft_wrap=True)


def check(folder: Folder = Path()) -> None:
    """Check every file of the folder; print all problems at once, each with its line."""
    problems = bootstrap.check(folder)
    if problems:
        complain(ProjectError(problems))
    if any(not problem.warning for problem in problems):
        raise typer.Exit(ProjectError.exit_code)
    console.print(f"{len(problems)} warnings, no errors." if problems else "No problems.")


def ingest(folder: Folder = Path()) -> None:
    """Bring the index in step with the documents: only what has changed is read again."""
    report = ingest_shown(bootstrap.load(folder))
    console.print(
        f"{report.added} added, {report.changed} changed, {report.removed} removed, "
        f"{report.unchanged} unchanged, {len(report.skipped)} skipped; {report.passages} passages."
    )
