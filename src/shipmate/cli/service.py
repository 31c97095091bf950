"""The command that serves."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shipmate import bootstrap
from shipmate.cli.options import command, folder, index_first
from shipmate.cli.screen import say

if TYPE_CHECKING:
    from shipmate.shipping.sides import Drift

__all__ = ["serve"]

# So many files and documents are named that differ.
NAMED = 3


@command("shipmate serve my-assistant --port 8090")
@folder
@click.option("--host", default="", metavar="ADDRESS", help="Where to listen; by default what stack.yml says.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="NUMBER",
    help="0 takes a free one; by default what stack.yml says.",
)
def serve(folder: Path, *, host: str, port: int | None) -> None:
    """Serve the chat page and the doors for programs.

    REST, WebSocket and the OpenAI protocol; runs until Ctrl-C or SIGTERM. Another address than this machine's own
    needs API keys and allowed origins.
    """
    from shipmate.server.run import serve_project

    project = bootstrap.load(folder)
    drift = bootstrap.begin_serving(project)
    if drift is None:
        project = index_first(folder)
    with bootstrap.serving(project):
        if drift:
            _tell_drift(drift, folder)
        serve_project(project, host=host, port=-1 if port is None else port, listening=_announce)


def _tell_drift(drift: "Drift", folder: Path) -> None:
    """Say which release answers, and that the folder is another one by now."""
    say("The release ", (drift.release, "bold"), " answers.")
    if drift.files or drift.documents:
        changed = ", ".join([*drift.files[:NAMED], *drift.documents[:NAMED]])
        count = len(drift.files) + len(drift.documents)
        say(
            f"The folder differs from it in {count} of its files and documents: {changed}{', ...' if count > NAMED else ''}."
        )
        say((f"  shipmate diff {drift.release} dev {folder}", "dim"))


def _announce(name: str, address: str) -> None:
    say((name, "bold"), " is ready at ", (address, "cyan"), "  (Ctrl-C stops it)")
