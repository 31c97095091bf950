"""Who may start a turn now: a token bucket for each caller, and one turn at a time in each conversation."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from shipmate.errors import ConversationBusy
from shipmate.ports import Clock

__all__ = ["ConversationQueue", "TokenBucket", "Wait"]


class Wait(NamedTuple):
    """There is no token."""

    retry_after_s: float
    # The caller was told so before, and has not been admitted since.
    again: bool


class Level(NamedTuple):
    """How full one caller's bucket is."""

    tokens: float
    # When it held so many, by the elapsed clock.
    at: float
    # Whether the last message found it empty.
    refused: bool


class TokenBucket:
    """Let each caller start `burst` turns at once and `turns_per_minute` in the long run."""

    def __init__(self, clock: Clock, *, turns_per_minute: float, burst: int, callers: int = 10_000) -> None:
        self._clock = clock
        self._per_s = turns_per_minute / 60
        self._burst = burst
        self._callers = callers
        # The longest unused first: forgetting that one gives it a full bucket again.
        self._levels: OrderedDict[str, Level] = OrderedDict()

    def take(self, caller: str) -> Wait | None:
        """Take one token; return None, or how long there is none."""
        now = self._clock.elapsed()
        level = self._levels.get(caller) or Level(tokens=float(self._burst), at=now, refused=False)
        tokens = min(self._burst, level.tokens + (now - level.at) * self._per_s)
        admitted = tokens >= 1
        self._levels[caller] = Level(tokens=tokens - admitted, at=now, refused=not admitted)
        self._levels.move_to_end(caller)
        if len(self._levels) > self._callers:
            self._levels.popitem(last=False)
        return None if admitted else Wait(retry_after_s=(1 - tokens) / self._per_s, again=level.refused)


class ConversationQueue:
    """Run the turns of a conversation one after the other; at most one waits."""

    def __init__(self) -> None:
        # By caller and conversation: nobody waits for, or learns of, somebody else's.
        self._locks: dict[tuple[str, str], tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def place(self, conversation: tuple[str, str]) -> AsyncIterator[None]:
        """Wait for this conversation's running turn; raise `ConversationBusy` when another one waits already."""
        lock, places = self._locks.get(conversation) or (asyncio.Lock(), 0)
        if places == 2:
            raise ConversationBusy(
                "This conversation already has a running and a waiting message.",
                do="Wait for the answer, or open another conversation.",
            )
        self._locks[conversation] = (lock, places + 1)
        try:
            async with lock:
                yield
        finally:
            self._leave(conversation)

    def _leave(self, conversation: tuple[str, str]) -> None:
        lock, places = self._locks[conversation]
        if places == 1:
            del self._locks[conversation]
        else:
            self._locks[conversation] = (lock, places - 1)
