"""The command line: how commands are found, how errors end, and what an exit code means."""

import sys
from typing import Annotated

import typer

from shipmate import __version__
from shipmate.cli import answers, folder, service, state
from shipmate.cli.screen import complain
from shipmate.errors import ShipmateError

__all__ = ["EXIT_CODES", "app", "main"]

# What each exit code means; the reference page is made of this.
EXIT_CODES = {
    0: "done; for `ask` also when the documents do not answer",
    1: "an error in Shipmate itself",
    2: "the command or a setting cannot be carried out as given",
    3: "the assistant's folder has problems, all listed",
    4: "busy: another process holds the folder, the conversation or the port",
    5: "what was named does not exist",
    6: "the disk or the database refuses",
    7: "the language model failed",
    130: "interrupted",
}

app = typer.Typer(
    name="shipmate",
    help="Turn a folder of plain files into an assistant that answers with citations.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for room in (answers, folder, service, state):
    room.register(app)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer hands the flag over so
    if wanted:
        typer.echo(f"shipmate {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Turn a folder of plain files into an assistant that answers with citations."""


def main() -> None:
    """Run one command; every expected error is printed with what to do next."""
    try:
        app()
    except ShipmateError as error:
        complain(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
