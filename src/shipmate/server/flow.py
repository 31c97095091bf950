"""How a turn's events reach a client: in batches, and only as long as it is there."""

import asyncio
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Any, Self, cast

from starlette.types import Receive

from shipmate.messages import StreamEvent

__all__ = ["Presence", "batches"]

# Most turns are over by then, and need nobody who watches.
UNWATCHED_S = 0.2


async def batches(
    events: AsyncGenerator[StreamEvent, None], *, keepalive_s: float
) -> AsyncGenerator[list[StreamEvent], None]:
    """Yield what is there at once as one list, and an empty list when nothing came for `keepalive_s`.

    Closing it closes the turn. Raises what the turn raises, after the events before it.
    """
    waiting: list[StreamEvent] = []
    wake = asyncio.Event()

    async def collect() -> None:
        async for event in events:
            waiting.append(event)
            wake.set()

    loop = asyncio.get_running_loop()
    collecting = loop.create_task(collect())
    collecting.add_done_callback(lambda _: wake.set())
    try:
        while waiting or not collecting.done():
            if not waiting:
                alarm = loop.call_later(keepalive_s, wake.set)
                await wake.wait()
                alarm.cancel()
                if collecting.done() and not waiting:
                    break
            batch = waiting.copy()
            waiting.clear()
            wake.clear()
            yield batch
        await collecting
    finally:
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        await events.aclose()


class Presence:
    """Cancel the task inside when its client goes away; `gone` tells that it did.

    Nothing else may call `receive` meanwhile.
    """

    def __init__(self, receive: Receive) -> None:
        self.gone = False
        self._receive = receive
        self._watcher: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._start = asyncio.get_running_loop().call_later(UNWATCHED_S, self._watch)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._start.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        if kind is asyncio.CancelledError and self.gone:
            self._task.uncancel()
            return True
        return False

    def _watch(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        self._task.cancel()
