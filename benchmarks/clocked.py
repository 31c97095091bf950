"""Runs `shipmate` by a clock that can be set ahead: `CALENDAR=FILE python -m benchmarks.clocked COMMAND ...`.

The file says by how many seconds. What waits in the program waits by this clock too, so that days pass in minutes.
"""

import asyncio
import os
from pathlib import Path

from shipmate.__main__ import main
from shipmate.adapters.system_clock import SystemClock

__all__ = ["CALENDAR", "set_ahead"]

CALENDAR = "CALENDAR"
# How often somebody who waits looks at the clock.
GLANCE_S = 0.01

_now, _elapsed, _sleep = SystemClock.now, SystemClock.elapsed, asyncio.sleep


def _ahead_s() -> float:
    """Return by how much the clock is ahead."""
    return float(Path(os.environ[CALENDAR]).read_text(encoding="ascii"))


def set_ahead() -> None:
    """Let the clock and what waits by it be ahead: the one patch, at the border of the process."""
    clock = SystemClock()

    async def sleep(delay_s: float, result: object = None) -> object:
        until_s = clock.elapsed() + delay_s
        await _sleep(min(delay_s, GLANCE_S))
        while clock.elapsed() < until_s:
            await _sleep(GLANCE_S)
        return result

    SystemClock.now = lambda self: _now(self) + _ahead_s()  # type: ignore[method-assign]
    SystemClock.elapsed = lambda self: _elapsed(self) + _ahead_s()  # type: ignore[method-assign]
    asyncio.sleep = sleep  # type: ignore[assignment]


if __name__ == "__main__":
    set_ahead()
    main()
