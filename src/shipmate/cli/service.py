"""The command that serves."""

from pathlib import Path

import click

from shipmate import bootstrap
from shipmate.cli.options import command, folder, index_first
from shipmate.cli.screen import say

__all__ = ["serve"]


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

    project = index_first(folder)
    with bootstrap.serving(project):
        serve_project(project, host=host, port=-1 if port is None else port, listening=_announce)


def _announce(name: str, address: str) -> None:
    say((name, "bold"), " is ready at ", (address, "cyan"), "  (Ctrl-C stops it)")
