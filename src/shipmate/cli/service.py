"""The command that serves."""

from pathlib import Path
from typing import Annotated

import typer

from shipmate.cli.options import Folder, index_first
from shipmate.cli.screen import console

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add this room's command."""
    app.command(epilog="Example: `shipmate serve my-assistant --port 8080`")(serve)


def serve(
    folder: Folder = Path(),
    *,
    host: Annotated[str, typer.Option(help="Address to listen on; stack.yml's by default.")] = "",
    port: Annotated[int, typer.Option(min=-1, max=65535, help="0 takes a free one; stack.yml's by default.")] = -1,
) -> None:
    """Serve the chat page, REST, WebSocket and the OpenAI-compatible door until Ctrl-C or SIGTERM."""
    from shipmate.server.run import serve_project

    project = index_first(folder)
    serve_project(project, host=host, port=port, listening=_announce)


def _announce(name: str, address: str) -> None:
    console.print(f"[bold]{name}[/] is ready at [cyan]{address}[/]  (Ctrl-C stops it)", soft_wrap=True)
