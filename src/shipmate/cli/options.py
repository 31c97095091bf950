"""What several commands share: their common arguments, and an index before the first question."""

from pathlib import Path
from typing import Annotated

import typer

from shipmate import bootstrap
from shipmate.cli.screen import complain, error_console, progress_bar
from shipmate.config import Project
from shipmate.errors import ProjectError
from shipmate.knowledge.ingest import IngestReport

__all__ = ["Folder", "Json", "index_first", "ingest_shown"]

Folder = Annotated[Path, typer.Argument(help="The assistant's folder.", show_default="this folder")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def ingest_shown(project: Project) -> IngestReport:
    """Bring the index up to date, with a progress bar for people; skipped files are named on standard error."""
    with progress_bar("Reading documents") as show:
        report = bootstrap.ingest(project, progress=show)
    if report.skipped:
        complain(ProjectError(report.skipped))
    return report


def index_first(folder: Path) -> Project:
    """Load the folder; when nothing was ingested yet, do that first and say so."""
    project = bootstrap.load(folder)
    if not bootstrap.has_index(project):
        error_console.print("[dim]No index yet: reading the documents first.[/]")
        ingest_shown(project)
    return project
