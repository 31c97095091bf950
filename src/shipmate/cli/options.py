"""What several commands share: their common arguments, and an index before the first question."""

from pathlib import Path
from typing import Annotated

import typer

from shipmate import bootstrap
from shipmate.cli.screen import error_console, progress_bar
from shipmate.config import Project

__all__ = ["Folder", "Json", "index_first", "ingest_shown"]

Folder = Annotated[Path, typer.Argument(help="The assistant's folder.", show_default="this folder")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
