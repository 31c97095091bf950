"""What several commands share: how one is declared, their common arguments, an index before the first question."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shipmate import bootstrap
from shipmate.cli.screen import complain, progress_bar, say
from shipmate.config import Project
from shipmate.errors import NoIndex, ProjectError, UsageError

if TYPE_CHECKING:
    from shipmate.knowledge.ingest import IngestReport

__all__ = ["command", "folder", "index_first", "ingest_shown", "json_option", "question_first", "release_option"]

Function = Callable[..., Any]

folder = click.argument(
    "folder", type=click.Path(path_type=Path), default=Path(), help="The assistant's folder; by default this one."
)
release_option = click.option(
    "--release", default="", metavar="ID", help="Answer from this built release, not from the folder as it is."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def command(example: str) -> Callable[[Function], click.Command]:
    """Declare a command; its docstring is its help, which ends with the example."""
    return click.command(epilog=f"\b\nExample:\n  {example}")


def ingest_shown(project: Project, *, visits: bool = True) -> "IngestReport":
    """Bring the index up to date, with a progress bar for people; skipped files are named on standard error."""
    with progress_bar() as show:
        report = bootstrap.ingest(project, visits=visits, progress=show)
    complain(ProjectError(report.skipped))
    return report


def index_first(folder: Path) -> Project:
    """Load the folder; when nothing was ingested yet, do that first and say so."""
    project = bootstrap.load(folder)
    if not bootstrap.has_index(project):
        say(("No index yet: reading the documents first.", "dim"), err=True)
        if not ingest_shown(project).documents:
            raise NoIndex(f"There is nothing to answer from in {project.folder}.", do="Do what is said above.")
    return project


def question_first(words: str, folder: Path) -> None:
    """Refuse a folder in the question's place."""
    if os.path.isdir(words) and not folder.is_dir():  # noqa: PTH112 - Path.is_dir raises on words that are too long
        raise UsageError(f"{words} is a folder, and {folder} is none.", do="The question comes first, then the folder.")
