"""The command with which a team brings its own outcomes along: outcomes import."""

import asyncio
from pathlib import Path

import click

from shipmate import bootstrap
from shipmate.cli.options import command, folder
from shipmate.cli.screen import say

__all__ = ["outcomes"]


@click.group(epilog="\b\nExample:\n  shipmate outcomes import tickets.csv my-assistant")
def outcomes() -> None:
    """Bring along what the assistant is for.

    Orders saved, tickets avoided: whatever the goal of the charter counts.
    """


@command("shipmate outcomes import tickets.csv my-assistant")
@click.argument(
    "file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A .csv or .jsonl file of outcomes."
)
@folder
def import_(file: Path, folder: Path) -> None:
    """Import outcomes from a file: `name,value,at`, and where known `id`, `conversation_id` and `turn_id`.

    All of them, or none where a row is bad: each bad one is named by its line. What was imported before is known by its
    id, or by all its fields, and counts once. In the charter, `metric: outcome:NAME` makes one the goal.
    """
    from shipmate import reporting

    new, known = asyncio.run(reporting.import_outcomes(bootstrap.load(folder), file))
    say(f"Imported {new:,} outcome{'s' if new != 1 else ''}" + (f"; {known:,} were there before." if known else "."))


import_.name = "import"
outcomes.add_command(import_)
