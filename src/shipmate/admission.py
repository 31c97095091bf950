"""Who may start a turn now: a token bucket for each caller, and one turn at a time in each conversation."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shipmate.errors import ConversationBusy
from shipmate.ports import Clock

__all__ = ["ConversationQueue", "TokenBucket"]


class TokenBucket:
    """Let each caller start `burst` turns at once and `turns_per_minute` in the long run."""

    def __init__(self, clock: Clock, *, turns_per_minute: float, burst: int, callers: int = 10_000) -> None:
        self._clock = clock
        self._per_s = turns_per_minute / 60
        self._burst = burst
        self._callers = callers
        # caller -> (tokens, at), the longest unused first: forgetting that one gives it a full bucket again.
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> float:
        """Take one token; return 0, or the seconds until there is one."""
        now = self._clock.elapsed()
        tokens, at = self._levels.get(caller, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - at) * self._per_s)
        admitted = tokens >= 1
        self._levels[caller] = (tokens - admitted, now)
        self._levels.move_to_end(caller)
        if len(self._levels) > self._callers:
            self._levels.popitem(last=False)
        return 0.0 if admitted else (1 - tokens) / self._per_s


class ConversationQueue:
    """Run the turns of a conversation one after the other; at most one waits."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def place(self, conversation_id: str) -> AsyncIterator[None]:
        """Wait for this conversation's running turn; raise `ConversationBusy` when another one waits already."""
        lock, places = self._locks.get(conversation_id) or (asyncio.Lock(), 0)
        if places == 2:
            raise ConversationBusy(
                "This conversation already has a running and a waiting message.",
                do="Wait for the answer, or open another conversation.",
            )
        self._locks[conversation_id] = (lock, places + 1)
        try:
            async with lock:
                yield
        finally:
            self._leave(conversation_id)

    def _leave(self, conversation_id: str) -> None:
        lock, places = self._locks[conversation_id]
        if places == 1:
            del self._locks[conversation_id]
        else:
            self._locks[conversation_id] = (lock, places - 1)
