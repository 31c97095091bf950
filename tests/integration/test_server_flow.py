"""How a turn's events reach a client, whatever their pace."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipmate.errors import StorageError
from shipmate.messages import StreamEvent, Token
from shipmate.server.flow import Presence, batches

SRC = Path(__file__).parents[2] / "src"


class Turn:
    """Tokens with pauses between them; it remembers how it ended."""

    def __init__(self, pauses_s: Sequence[float], fault: Exception | None = None) -> None:
        self.pauses_s = pauses_s
        self.fault = fault
        self.ended = False

    async def events(self) -> AsyncGenerator[StreamEvent, None]:
        try:
            for number, pause_s in enumerate(self.pauses_s):
                if pause_s:
                    await asyncio.sleep(pause_s)
                yield Token(text=str(number))
            if self.fault:
                raise self.fault
        finally:
            self.ended = True


def numbers(batch: Sequence[StreamEvent]) -> list[int]:
    return [int(event.text) for event in batch if isinstance(event, Token)]


@settings(max_examples=30, deadline=None)
@given(
    pauses_s=st.lists(st.sampled_from([0.0, 0.0, 0.001, 0.003]), max_size=12), reading_s=st.sampled_from([0.0, 0.002])
)
def test_every_event_arrives_once_and_in_order(pauses_s: list[float], reading_s: float) -> None:
    async def read() -> list[int]:
        found = []
        async for batch in batches(Turn(pauses_s).events(), keepalive_s=5):
            assert batch
            found += numbers(batch)
            await asyncio.sleep(reading_s)
        return found

    assert asyncio.run(read()) == list(range(len(pauses_s)))


async def test_what_is_there_at_once_comes_in_one_batch() -> None:
    found = [numbers(batch) async for batch in batches(Turn([0.0] * 50).events(), keepalive_s=5)]
    assert found == [list(range(50))]


async def test_silence_gives_empty_batches() -> None:
    found = [len(batch) async for batch in batches(Turn([0.0, 0.1]).events(), keepalive_s=0.03)]
    assert found[0] == found[-1] == 1
    assert set(found[1:-1]) == {0}


async def test_a_fault_comes_after_the_events_before_it() -> None:
    stream = batches(Turn([0.0, 0.01], StorageError("The disk is gone.")).events(), keepalive_s=5)
    assert numbers(await anext(stream)) == [0]
    assert numbers(await anext(stream)) == [1]
    with pytest.raises(StorageError, match="gone"):
        await anext(stream)


async def test_closing_early_ends_the_turn_and_leaves_no_task() -> None:
    turn = Turn([0.0, 60.0])
    async with aclosing(batches(turn.events(), keepalive_s=5)) as stream:
        assert numbers(await anext(stream)) == [0]
    assert turn.ended
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_work_ends_when_its_client_leaves_and_only_then() -> None:
    left = asyncio.Event()

    async def receive() -> dict[str, str]:
        await left.wait()
        return {"type": "http.disconnect"}

    with Presence(receive) as presence:
        await asyncio.sleep(0.25)
    assert not presence.gone
    asyncio.get_running_loop().call_later(0.01, left.set)
    with Presence(receive) as presence:
        await asyncio.sleep(60)
    assert presence.gone
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_another_cancellation_is_not_swallowed() -> None:
    async def receive() -> dict[str, str]:
        await asyncio.sleep(60)
        return {}

    async def work() -> None:
        with Presence(receive):
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_the_hot_doors_open_without_the_web_framework() -> None:
    """A cold start must not pay for pages that nobody has asked for."""
    program = "import sys, shipmate.server.run; sys.exit(bool({'fastapi', 'pydantic', 'jinja2'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(SRC)}, check=False)
    assert run.returncode == 0


def test_a_probe_does_not_wait_for_the_web_framework() -> None:
    """A cold import takes longer than a usual probe waits; nor does it need what only sockets need."""
    program = """
import sys
from tests.integration.house import open_house
with open_house() as house:
    statuses = [house.get(path).status for path in ("/healthz", "/readyz", "/metrics")]
    sys.exit(statuses != [200, 200, 200] or not {"fastapi", "websockets"}.isdisjoint(sys.modules))
"""
    path = f"{SRC}:{SRC.parent}"
    run = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": path}, check=False)
    assert run.returncode == 0
