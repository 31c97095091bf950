"""A clock that stands still until it is moved."""

__all__ = ["TickingClock"]


class TickingClock:
    """Time as the test sets it; ids count up."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.at = now
        self.ids = 0

    def now(self) -> float:
        """Return the time as the test set it."""
        return self.at

    def elapsed(self) -> float:
        """Return the same time."""
        return self.at

    def new_id(self) -> str:
        """Return the next number, 26 digits wide."""
        self.ids += 1
        return f"{self.ids:026d}"
