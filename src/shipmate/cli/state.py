"""Commands about what an assistant remembers: backup, restore, upgrade, doctor."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from shipmate import bootstrap
from shipmate.cli.options import Folder
from shipmate.cli.screen import console
from shipmate.doctor import examine

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command(epilog="Example: `shipmate backup monday.tar.gz my-assistant`")(backup)
    app.command(epilog="Example: `shipmate restore monday.tar.gz my-assistant`")(restore)
    app.command(epilog="Example: `shipmate upgrade my-assistant --dry-run`")(upgrade)
    app.command(epilog="Example: `shipmate doctor my-assistant`")(doctor)


def backup(
    archive: Annotated[Path, typer.Argument(help="The file to write, such as monday.tar.gz.")],
    folder: Folder = Path(),
) -> None:
    """Save conversations, journal and index to one file; also while the assistant is serving."""
    bootstrap.backup(folder, archive)
    console.print(f"Saved to {escape(str(archive))} ({archive.stat().st_size:,} bytes).", soft_wrap=True)


def restore(
    archive: Annotated[Path, typer.Argument(help="A file that `shipmate backup` wrote.")],
    folder: Folder = Path(),
) -> None:
    """Put a backup in the place of the present state, which is kept beside it."""
    kept = bootstrap.restore(folder, archive)
    console.print(f"Restored from {escape(str(archive))}.", soft_wrap=True)
    if kept:
        console.print(f"The state that stood there before is in {escape(str(kept))}.", soft_wrap=True)


def upgrade(
    folder: Folder = Path(),
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
) -> None:
    """Bring the state of an earlier version to this one, after an automatic backup."""
    for line in bootstrap.upgrade(folder, dry_run=dry_run):
        console.print(escape(line), soft_wrap=True)


def doctor(folder: Folder = Path()) -> None:
    """Look at everything that an assistant needs, and say what mends what is amiss."""
    healthy = True
    for finding in examine(folder):
        mark = "[green]ok[/]  " if finding.well else "[red]amiss[/]"
        console.print(f"{mark} {escape(finding.what)}", soft_wrap=True)
        if finding.do:
            console.print(f"      -> {escape(finding.do)}", soft_wrap=True)
        healthy = healthy and finding.well
    if not healthy:
        raise typer.Exit(1)
