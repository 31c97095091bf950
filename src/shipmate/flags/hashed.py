"""Arms by hash: the same caller falls into the same arm on every machine, and nobody has to be asked."""

from collections.abc import Mapping

from shipmate.ports import Split

__all__ = ["HashFlags"]


class HashFlags:
    """A `FlagSource` that knows everybody: a trial's own rule decides."""

    def arm(self, split: Split, caller: str) -> str:
        """Return the arm that the trial's rule gives a caller."""
        return split.candidate if split.has(caller) else split.control

    def recall(self, run: str, arms: Mapping[str, str]) -> None:
        """Do nothing: the rule gives the same arm as before."""

    async def settled(self, split: Split, caller: str) -> str:
        """Return the arm at once."""
        return self.arm(split, caller)

    async def close(self) -> None:
        """Do nothing: nothing is open."""
