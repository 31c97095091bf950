"""Time and identity of this machine."""

import secrets
import time

__all__ = ["SystemClock"]

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PAIRS = [high + low for high in CROCKFORD for low in CROCKFORD]
RANDOM_BYTES = 10
# Randomness for so many ids is fetched at once: each fetch is a system call that costs more than a turn's search.
IDS_AHEAD = 256


class SystemClock:
    """The machine's clocks, and ULIDs made of its time and randomness."""

    def __init__(self) -> None:
        self._random = b""

    def now(self) -> float:
        """Return seconds since the epoch, UTC."""
        return time.time()  # noqa: TID251 - the one place that asks the machine

    def elapsed(self) -> float:
        """Return seconds of a monotonic clock."""
        return time.perf_counter()

    def new_id(self) -> str:
        """Return a new ULID: 48 bits of milliseconds, 80 random bits."""
        if not self._random:
            self._random = secrets.token_bytes(RANDOM_BYTES * IDS_AHEAD)
        random, self._random = self._random[:RANDOM_BYTES], self._random[RANDOM_BYTES:]
        number = int(self.now() * 1000) << 80 | int.from_bytes(random)
        return "".join([PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])
