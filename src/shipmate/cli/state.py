"""Commands about what an assistant remembers: backup, restore, upgrade, forget, doctor."""

import asyncio
from pathlib import Path

import click

from shipmate import bootstrap
from shipmate.cli.options import command, folder
from shipmate.cli.screen import say
from shipmate.doctor import examine

__all__ = ["backup", "doctor", "forget", "restore", "upgrade"]


@command("shipmate backup monday.tar.gz my-assistant")
@click.argument("archive", type=click.Path(path_type=Path), help="The file to write, such as monday.tar.gz.")
@folder
def backup(archive: Path, folder: Path) -> None:
    """Save conversations, journal and index to one file.

    Also while the assistant is serving. Documents and settings are not in it: they belong under version control.
    """
    bootstrap.backup(folder, archive)
    say(f"Saved to {archive} ({archive.stat().st_size:,} bytes).")


@command("shipmate restore monday.tar.gz my-assistant")
@click.argument("archive", type=click.Path(path_type=Path), help="A file that `shipmate backup` wrote.")
@folder
def restore(archive: Path, folder: Path) -> None:
    """Put a backup in the place of the present state.

    The backup is proven first, and the state from before is kept beside it. Not while the assistant is
    open in `serve`, `chat` or `ask`.
    """
    kept = bootstrap.restore(folder, archive)
    say(f"Restored from {archive}.")
    if kept:
        say(f"The state from before is kept in {kept}.")


@command("shipmate upgrade my-assistant --dry-run")
@folder
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
def upgrade(folder: Path, *, dry_run: bool) -> None:
    """Bring the state of an earlier version to this one.

    It is saved before anything is changed. Not while the assistant is open in `serve`, `chat` or `ask`.
    """
    upgraded = bootstrap.upgrade(folder, dry_run=dry_run)
    for step in upgraded.steps:
        say(f"{'Would do' if dry_run else 'Done'}: {step}")
    if upgraded.backup:
        say(f"The state from before is saved in {upgraded.backup}.")
    if bootstrap.has_outdated_index(folder):
        say(f"The index was made by an earlier version: run `shipmate ingest {folder}`, which makes a new one.")
    elif not upgraded.steps:
        say("Nothing to do: the state is of this version.")


@command("shipmate forget 01JF3Z6Q8R2M4T6V8X0Z2B4D6F my-assistant")
@click.argument("whom", help="A caller, such as the name of an API key, or the id of a conversation.")
@folder
def forget(whom: str, folder: Path) -> None:
    """Erase a caller's conversations, or a single one.

    What was said, why it was answered so, and what is recalled of it are deleted, and the database is written anew
    without them. Also while the assistant is serving: within a second or two, nothing of it is recalled any more. The
    journal stays: it holds numbers and ids, and nobody's words.
    """
    project = bootstrap.load(folder)
    conversations = asyncio.run(bootstrap.forget(project, whom))
    say(f"Erased {conversations} conversation{'s' if conversations != 1 else ''} of {whom}.")
    say("Backups that were made before still hold them: delete those, or restore none of them.")


@command("shipmate doctor my-assistant")
@folder
def doctor(folder: Path) -> None:
    """Look at everything that an assistant needs.

    Says what mends what is amiss: settings, disk, index, database, model. Ends with the exit code of the first of them.
    """
    exit_code = 0
    for finding in examine(folder):
        say(("amiss ", "red") if finding.exit_code else ("ok    ", "green"), finding.what)
        if finding.do:
            say(f"  -> {finding.do}")
        exit_code = exit_code or finding.exit_code
    raise click.exceptions.Exit(exit_code)
