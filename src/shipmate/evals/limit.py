"""How many cases run at a time, as many as the models bear."""

import asyncio

__all__ = ["Limit"]


class Limit:
    """How many run at a time: half as many after a failure of a model, and slowly more while all goes well."""

    def __init__(self, most: int) -> None:
        self._most = self._now = most
        self._running = 0
        self._well = 0
        self._freed = asyncio.Condition()

    async def __aenter__(self) -> None:
        async with self._freed:
            await self._freed.wait_for(lambda: self._running < self._now)
            self._running += 1

    async def __aexit__(self, *_: object) -> None:
        async with self._freed:
            self._running -= 1
            self._well += 1
            if self._well >= 4 * self._now and self._now < self._most:
                self._now, self._well = self._now + 1, 0
            self._freed.notify_all()

    def fewer(self) -> None:
        """Run half as many from now on."""
        self._now, self._well = max(1, self._now // 2), 0
