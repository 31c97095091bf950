"""Commands about the assistant's folder: init, check, ingest."""

import shlex
import time
from contextlib import suppress
from pathlib import Path

import click

from shipmate import bootstrap
from shipmate.cli.options import command, folder, ingest_shown
from shipmate.cli.screen import complain, counting_bar, say
from shipmate.config import Project
from shipmate.errors import Busy, ProjectError, ShipmateError, UsageError

__all__ = ["check", "ingest", "init"]

# How long to wait for somebody else's ingest.
BUSY_S = 2.0


@command("shipmate init my-assistant")
@click.argument(
    "folder",
    type=click.Path(path_type=Path),
    required=False,
    help="The folder to make; with tickets, by default this one.",
)
@click.option(
    "--from-tickets",
    "tickets",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draft charter, FAQ and documents from past tickets: an export as CSV or JSON Lines.",
)
@click.option(
    "--columns",
    multiple=True,
    metavar="ROLE=NAME",
    help="Which column of the export is the question, body, answer or created, where its name does not tell.",
)
def init(folder: Path | None, tickets: Path | None, columns: tuple[str, ...]) -> None:
    """Make a new assistant that answers at once.

    Writes a charter to fill in, a stack, an FAQ and a first document; it never writes over a file.
    From past tickets, it proposes 8 to 12 intents with examples, and drafts the 20 answers that were given most often.
    E-mail addresses, phone numbers, cards, accounts, order numbers and the names in a ticket's row are masked.
    """
    if tickets:
        _init_from_tickets(folder or Path(), tickets, columns)
        return
    if folder is None:
        raise click.MissingParameter(param_hint="FOLDER", param_type="argument")
    if columns:
        raise UsageError("`--columns` says how to read an export, and there is none.", do="Add `--from-tickets FILE`.")
    bootstrap.init(folder)
    say(f"Made {folder}. Put your documents into {folder / 'knowledge'}, or try it as it is:")
    say(f"  shipmate ask 'How do I add documents?' {shlex.quote(str(folder))}")


def _init_from_tickets(folder: Path, tickets: Path, columns: tuple[str, ...]) -> None:
    from shipmate.cli.drafted import tell_drafted

    with counting_bar("Reading tickets") as reading, counting_bar("Sorting tickets") as sorting:
        begun = bootstrap.init_from_tickets(folder, tickets, columns, reading=reading, sorting=sorting)
    tell_drafted(folder, begun)
    complain(ProjectError(bootstrap.check(folder)))


@command("shipmate check my-assistant")
@folder
@click.option("--lock", is_flag=True, help="Write stack.lock, which freezes the stack as it is.")
def check(folder: Path, *, lock: bool) -> None:
    """Find what is wrong with the folder's files.

    Prints all problems at once, each with its line and what to do: unknown keys, wrong values, the charter's rules,
    a frozen stack that was changed. Warnings alone do not count as a failure.
    """
    if lock:
        bootstrap.lock_stack(folder)
        say("Wrote stack.lock.")
    problems = bootstrap.check(folder)
    complain(ProjectError(problems))
    if any(not problem.warning for problem in problems):
        raise click.exceptions.Exit(ProjectError.exit_code)
    say("No errors." if problems else "No problems.")


@command("shipmate ingest my-assistant")
@folder
@click.option("--watch", is_flag=True, help="Go on and follow every change, until Ctrl-C.")
def ingest(folder: Path, *, watch: bool) -> None:
    """Bring the index in step with the documents.

    Reads only what has changed, and forgets what was removed. A running server answers from the new index at once.
    Files that cannot be read are named and passed over.
    """
    if not watch:
        _ingest(bootstrap.load(folder))
        return
    with suppress(KeyboardInterrupt):
        for visits in bootstrap.changes(folder):
            _ingest_when_free(folder, visits=visits)


def _ingest(project: Project, *, visits: bool = True) -> None:
    report = ingest_shown(project, visits=visits)
    for place, state in report.states.items():
        say(f"{place} is as of {state}.")
    reasons = ", ".join(f"{count} {reason}" for reason, count in report.reasons.items())
    say(
        f"{report.added} added, {report.changed} changed, {report.removed} removed, "
        f"{report.unchanged} unchanged, {len(report.skipped)} skipped{f' ({reasons})' if reasons else ''}; "
        f"{report.passages} new passages."
    )
    complain(ProjectError(bootstrap.adrift(project)))


def _ingest_when_free(folder: Path, *, visits: bool) -> None:
    """Ingest, as soon as nobody else does; what stands in the way otherwise is said, and the next change tries again.

    The folder's files are read each time: they may just have said that fewer people may see a document.
    """
    while True:
        try:
            _ingest(bootstrap.load(folder), visits=visits)
        except Busy as error:
            complain(error)
            time.sleep(BUSY_S)
        except ShipmateError as error:
            complain(error)
            return
        else:
            return
