"""Arms that a service elsewhere gives: asked once for each user, remembered, and asked again in the background."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from shipmate.flags.hashed import HashFlags
from shipmate.ports import Split

__all__ = ["Budget", "FlagFault", "FlagService", "RememberedFlags"]

log = logging.getLogger(__name__)

OUTSIDE = ""
Value = str | bool | None


class FlagFault(Exception):
    """A flag service did not do its part; `retry_after_s` is what it asks for, or nothing."""

    def __init__(self, what: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(what)
        self.retry_after_s = retry_after_s


class FlagService(Protocol):
    """A flag, wherever it is evaluated; users have the names that the journal gives them."""

    @property
    def name(self) -> str:
        """Return what decides, for the log."""

    async def value(self, user: str) -> Value:
        """Return the flag's value for a user; nothing when the service has no such flag, or it is switched off.

        Raises `FlagFault` when the service fails.
        """

    async def close(self) -> None:
        """Give back connections; idempotent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much a service may take, and how it is spared while it fails."""

    # What a turn of somebody new waits at most.
    wait_s: float = 0.25
    # How old an answer may be before it is asked for again, in the background.
    fresh_s: float = 60.0
    # How long nobody asks after a failure; doubles with each further one.
    pause_s: float = 2.0
    longest_pause_s: float = 60.0
    users: int = 100_000
    asks_at_once: int = 64


@dataclass(frozen=True, slots=True)
class _Known:
    arm: str
    stale_at_s: float


class RememberedFlags:
    """A `FlagSource` over a service. What it said last holds while it fails, and keeps nobody waiting."""

    def __init__(
        self,
        service: FlagService,
        *,
        name_of: Callable[[str], str],
        elapsed: Callable[[], float],
        budget: Budget | None = None,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`name_of` makes the journal's name of a caller: no other leaves the house.

        `told` hears once what went wrong when the service begins to fail, and an empty text when it is back.
        """
        self._service = service
        self._name_of = name_of
        self._elapsed = elapsed
        self._budget = budget or Budget()
        self._told = told
        self._own = HashFlags()
        self._run = ""
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._failures = 0
        self._resumes_at_s = float("-inf")
        self._strange: set[str] = set()

    def recall(self, run: str, arms: Mapping[str, str]) -> None:
        """Take up the arms that users of a run were seen in before a restart, by their names in the journal."""
        self._begin(run)
        for user, arm in arms.items():
            self._keep(user, arm, fresh_s=0.0)

    def arm(self, split: Split, caller: str) -> str | None:
        """Return the arm that the service gave last; of a pilot, what the list of its users says."""
        if split.mode != "canary":
            return self._own.arm(split, caller)
        self._begin(split.run)
        user = self._name_of(caller)
        known = self._known.get(user)
        if known is None:
            return OUTSIDE if self._is_pausing else None
        self._known.move_to_end(user)
        if self._elapsed() >= known.stale_at_s and not self._is_pausing:
            self._ask(split, user)
        return known.arm

    async def settled(self, split: Split, caller: str) -> str:
        """Ask the service, and wait no longer than the budget: an answer that comes later holds from the next turn on."""
        user = self._name_of(caller)
        if self._is_pausing:
            return OUTSIDE
        self._begin(split.run)
        asking = self._ask(split, user)
        if asking is None:
            return OUTSIDE
        await asyncio.wait({asking}, timeout=self._budget.wait_s)
        known = self._known.get(user)
        return known.arm if known else OUTSIDE

    async def close(self) -> None:
        """Stop asking, and close the service."""
        asking = tuple(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await self._service.close()

    @property
    def _is_pausing(self) -> bool:
        return self._elapsed() < self._resumes_at_s

    def _begin(self, run: str) -> None:
        """Forget the arms of another run: its flag means something else."""
        if run != self._run:
            self._run = run
            self._known.clear()
            self._strange.clear()

    def _keep(self, user: str, arm: str, *, fresh_s: float) -> None:
        self._known[user] = _Known(arm, self._elapsed() + fresh_s)
        self._known.move_to_end(user)
        while len(self._known) > self._budget.users:
            self._known.popitem(last=False)

    def _ask(self, split: Split, user: str) -> asyncio.Task[None] | None:
        """Return the one question about a user that is on its way; none when too many are."""
        asking = self._asking.get(user)
        if asking is None and len(self._asking) < self._budget.asks_at_once:
            asking = asyncio.get_running_loop().create_task(self._answer(split, user))
            self._asking[user] = asking
            asking.add_done_callback(lambda _: self._asking.pop(user, None))
        return asking

    async def _answer(self, split: Split, user: str) -> None:
        try:
            value = await self._service.value(user)
        except FlagFault as fault:
            self._fail(str(fault), fault.retry_after_s)
            return
        if self._failures:
            self._failures = 0
            log.warning("Flags of %s are there again.", self._service.name)
            self._told("")
        if split.run == self._run:
            self._keep(user, self._arm_of(split, value), fresh_s=self._budget.fresh_s)

    def _arm_of(self, split: Split, value: Value) -> str:
        """Return the arm that a flag's value stands for; whoever gets another value is outside of the trial."""
        if isinstance(value, bool):
            return split.candidate if value else split.control
        if value in (split.control, split.candidate):
            return value
        said = "no such flag" if value is None else f"the variant {value!r}"
        if said not in self._strange and len(self._strange) < self._budget.asks_at_once:
            self._strange.add(said)
            arms = f"{split.control!r} and {split.candidate!r}"
            log.warning("%s has %s, and the trial %s: such users stay outside of it.", self._service.name, said, arms)
        return OUTSIDE

    def _fail(self, what: str, retry_after_s: float) -> None:
        """Note a failure; those that were on their way together count once."""
        if self._is_pausing:
            return
        pause_s = min(self._budget.pause_s * 2**self._failures, self._budget.longest_pause_s)
        self._resumes_at_s = self._elapsed() + min(max(pause_s, retry_after_s), self._budget.longest_pause_s)
        self._failures = min(self._failures + 1, 16)
        if self._failures == 1:
            log.warning(
                "Flags of %s: %s. What they said last holds; whoever is new gets the control.", self._service.name, what
            )
            self._told(what)
