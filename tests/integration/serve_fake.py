"""Serve the fake assistant in a process of its own: `python -m tests.integration.serve_fake GRACE_S`."""

import asyncio
import sys

import uvloop

from shipmate.server.app import create_app
from shipmate.server.listen import serve
from shipmate.server.settings import ServerSettings
from tests.integration.fake_assistant import FakeAssistant


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main(grace_s: float) -> None:
    assistant = FakeAssistant(step_s=0.02)
    settings = ServerSettings(port=0, shutdown_grace_s=grace_s)
    app = create_app(assistant, settings, clock=assistant.clock)
    await serve(app, settings, listening=tell)
    tell(f"closed early: {len(assistant.closed)}")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(float(sys.argv[1])))
