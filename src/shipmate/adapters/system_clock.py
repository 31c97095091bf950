"""Time and identity of this machine."""

import secrets
import time

__all__ = ["SystemClock"]

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class SystemClock:
    """The machine's clocks, and ULIDs made of its time and randomness."""

    def now(self) -> float:
        """Return seconds since the epoch, UTC."""
        return time.time()  # noqa: TID251 - the one place that asks the machine

    def elapsed(self) -> float:
        """Return seconds of a monotonic clock."""
        return time.perf_counter()

    def new_id(self) -> str:
        """Return a new ULID: 48 bits of milliseconds, 80 random bits."""
        number = int(self.now() * 1000) << 80 | secrets.randbits(80)
        return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
