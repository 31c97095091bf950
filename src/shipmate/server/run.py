"""A project, served: the command line's way in."""

import asyncio
import gc
import os
from collections.abc import Callable

import uvloop

from shipmate import bootstrap
from shipmate.config import Project
from shipmate.server.app import create_app
from shipmate.server.listen import serve
from shipmate.server.probe import probing
from shipmate.server.settings import settings_from

__all__ = ["serve_project"]

# Containers made, less those given back: a turn keeps few, so this bounds garbage at some megabytes.
COLLECT_AFTER = 20_000


def serve_project(project: Project, *, host: str, port: int, listening: Callable[[str, str], None]) -> None:
    """Open a project's assistant and serve it until SIGTERM or Ctrl-C; `listening` is told its name and address.

    Raises `UnsafeBind`, `PortTaken` and what opening the project raises.
    """
    settings = settings_from(project.stack.server, os.environ, host=host, port=port)

    async def main() -> None:
        from shipmate.comparing.versions import compared  # noqa: PLC0415 - numpy comes with it

        async with bootstrap.open_house(project) as house:
            app = create_app(
                house.assistant,
                settings,
                clock=bootstrap.clock(),
                curator=house.curator,
                trials=house.trials,
                compared=compared(project, house.store),
                insight=house.insight,
            )
            _spare_the_collector()
            async with probing(app.lobby) as begin:

                def told(address: str) -> None:
                    begin(address)
                    listening(house.assistant.name, address)

                await serve(app, settings, listening=told)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def _spare_the_collector() -> None:
    """Keep the garbage collector away from what lives as long as the server, and let it come less often.

    It is not sent round first: a start leaves a handful of objects behind, and looking for them takes ten milliseconds.
    """
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
