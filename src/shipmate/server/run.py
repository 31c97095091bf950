"""A project, served: the command line's way in."""

import asyncio
import os
from collections.abc import Callable

import uvloop

from shipmate import bootstrap
from shipmate.config import Project
from shipmate.server.app import create_app
from shipmate.server.listen import serve
from shipmate.server.settings import settings_from

__all__ = ["serve_project"]


def serve_project(project: Project, *, host: str, port: int, listening: Callable[[str, str], None]) -> None:
    """Open a project's assistant and serve it until SIGTERM or Ctrl-C; `listening` is told its name and address.

    Raises `UnsafeBind`, `PortTaken` and what opening the project raises.
    """
    settings = settings_from(project.stack.server, os.environ, host=host, port=port)

    async def main() -> None:
        async with bootstrap.open_assistant(project) as assistant:
            app = create_app(assistant, settings, clock=bootstrap.clock())
            await serve(app, settings, listening=lambda address: listening(assistant.name, address))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
