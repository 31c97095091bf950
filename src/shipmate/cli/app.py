"""The command line: which commands there are, how errors end, and what an exit code means."""

import io
import os
import sys

import click

from shipmate import __version__
from shipmate.cli.answers import ask, explain, search
from shipmate.cli.audit import audit
from shipmate.cli.canary import canary, faq_only
from shipmate.cli.chat import chat
from shipmate.cli.ci import ci
from shipmate.cli.compare import compare
from shipmate.cli.curate import block, unblock
from shipmate.cli.evaluate import BLOCKED, HELD, UNSOUND, evaluate
from shipmate.cli.folder import check, ingest, init
from shipmate.cli.graph import graph
from shipmate.cli.impact import impact
from shipmate.cli.outcomes import outcomes
from shipmate.cli.pilot import pilot
from shipmate.cli.release import build, diff, inspect, key, promote, releases, rollback, verify
from shipmate.cli.report import report
from shipmate.cli.screen import complain
from shipmate.cli.service import serve
from shipmate.cli.state import backup, doctor, forget, restore, upgrade
from shipmate.errors import ShipmateError, StorageError

__all__ = ["COMMANDS", "EXIT_CODES", "SECTIONS", "app", "main"]

# In the order in which a newcomer meets them.
SECTIONS = {
    "Answer": (init, ask, chat, serve, ingest, search, graph, explain),
    "Look after": (check, block, unblock, doctor, backup, restore, upgrade, forget),
    "Measure": (report, audit, outcomes),
    "Prove a change": (evaluate, compare, impact, ci),
    "Release": (build, diff, inspect, verify, releases, promote, rollback, faq_only, key),
    "Try on people": (pilot, canary),
}
COMMANDS = tuple(command for section in SECTIONS.values() for command in section)

# What each exit code means; the reference page is made of this.
EXIT_CODES = {
    0: "done; for `ask` also when the documents do not answer",
    1: "an error in Shipmate itself",
    2: "the command or a setting cannot be carried out as given",
    3: "the assistant's folder has problems; all of them are listed",
    4: "busy: another process holds the folder, the conversation or the port",
    5: "what was named does not exist",
    6: "the disk or the database refuses",
    7: "the language model failed; only `doctor` ends so, since questions are answered with quotes then",
    BLOCKED: "a case of `eval run` failed, `eval gate` blocks the change, or a canary's verdict is against it",
    HELD: "`eval gate` or a canary holds the change: a person decides, and it does not count as passing",
    UNSOUND: "too many cases of `eval run` ended in an error for the rest to say anything",
    130: "interrupted by Ctrl-C",
}


class Commands(click.Group):
    """The commands in their order, not in the alphabet's; they end in peace when nobody reads on."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        """Return the commands' names."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """Write the commands in their sections."""
        width = max(len(command.name or "") for command in COMMANDS)
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [((command.name or "").ljust(width), command.get_short_help_str(60)) for command in section]
                )

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # What is still buffered has nowhere to go.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0


@click.group(
    cls=Commands,
    commands={command.name or "": command for command in COMMANDS},
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nStart here:\n  shipmate init my-assistant\n"
    "  shipmate ask 'How do I add documents?' my-assistant\n\n"
    "`shipmate COMMAND --help` explains a command with an example.",
)
@click.version_option(__version__, message="shipmate %(version)s", help="Print the version.")
def app() -> None:
    """Turn a folder of plain files into an assistant that answers with citations."""


def main() -> None:
    """Run one command; every expected error is printed with what to do next."""
    # What the terminal's encoding lacks is shown as `?`.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = app.main(prog_name="shipmate", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except ShipmateError as error:
        complain(error)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort as error:
        raise KeyboardInterrupt from error
    except OSError as error:
        what = f"{error.filename or 'The output or a file'} cannot be read or written: {error.strerror}."
        complain(StorageError(what, do="Look at the disk and at the permissions."))
        sys.exit(StorageError.exit_code)
