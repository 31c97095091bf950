"""What every `FlagSource` promises, as checks over an open one: `for check in CHECKS: await check(source)`.

A source that asks a service is opened on one that gives about half of the users the arm `v2`, and the others `control`.
"""

from collections.abc import Awaitable, Callable, Sequence

from shipmate.live import Trial
from shipmate.ports import FlagSource

__all__ = ["CHECKS"]

CANARY = Trial(run="run-1", mode="canary", candidate="v2", release="a" * 12, share=0.5, salt="run-1")
PILOT = Trial(run="run-2", mode="pilot", candidate="v2", release="a" * 12, callers=("anna", "device-7"))
SHADOW = Trial(run="run-3", mode="shadow", candidate="v2", release="a" * 12, share=0.5, salt="run-3")
ARMS = {"control", "v2"}
CALLERS = [f"device-{number}" for number in range(64)]
STRANGE = ("", "a\0b", "😀", "x" * 10_000, "device-1 ", "Device-1")


async def knows_whom_it_has_settled(source: FlagSource) -> None:
    """Once settled, a caller's arm is told at once, and is the same each time."""
    settled = await _arms(source, CANARY, CALLERS)
    assert set(settled) <= ARMS
    for _ in range(3):
        assert [source.arm(CANARY, caller) for caller in CALLERS] == settled
    assert await _arms(source, CANARY, CALLERS) == settled


async def puts_people_into_both_arms(source: FlagSource) -> None:
    """With half of the users in the candidate, there are some in each arm."""
    assert set(await _arms(source, CANARY, CALLERS)) == ARMS


async def tells_new_people_from_known_ones(source: FlagSource) -> None:
    """Of somebody new it says nothing, or the arm that settling confirms; never one that changes."""
    for caller in CALLERS:
        at_once = source.arm(CANARY, caller)
        settled = await source.settled(CANARY, caller)
        assert at_once in (None, settled)


async def lets_exactly_the_named_into_a_pilot(source: FlagSource) -> None:
    """A pilot's users are those whom it names, whatever a service says."""
    callers = ["anna", "device-7", *CALLERS[:5], "Anna", ""]
    in_candidate = {caller for caller in callers if source.arm(PILOT, caller) == "v2"}
    assert in_candidate == {"anna", "device-7"}
    assert all(source.arm(PILOT, caller) in ARMS for caller in callers)


async def shows_a_shadow_to_nobody(source: FlagSource) -> None:
    """In a shadow run everybody is answered by the control."""
    assert {source.arm(SHADOW, caller) for caller in CALLERS} == {"control"}


async def keeps_runs_apart(source: FlagSource) -> None:
    """An arm of one run says nothing of the next: whoever is known there is new here, or its own rule decides."""
    await _arms(source, CANARY, CALLERS)
    source.arm(PILOT, "anna")
    following = Trial(run="run-4", mode="canary", candidate="v3", release="b" * 12, share=0.0, salt="run-4")
    assert all(source.arm(following, caller) in (None, "", "control") for caller in CALLERS)


async def takes_whatever_name_there_is(source: FlagSource) -> None:
    """Every caller has an arm, and stays in it."""
    settled = await _arms(source, CANARY, STRANGE)
    assert set(settled) <= ARMS
    assert [source.arm(CANARY, caller) for caller in STRANGE] == settled


async def keeps_what_was_seen_before_a_restart(source: FlagSource) -> None:
    """Whom it is told of is known, and in no other arm than the one that settling gives."""
    settled = await _arms(source, CANARY, CALLERS)
    source.recall(CANARY.run, {})
    assert [source.arm(CANARY, caller) for caller in CALLERS] == settled


async def closes_twice(source: FlagSource) -> None:
    """Closing again does nothing."""
    await source.settled(CANARY, CALLERS[0])
    await source.close()
    await source.close()


async def _arms(source: FlagSource, trial: Trial, callers: Sequence[str]) -> list[str]:
    return [await source.settled(trial, caller) for caller in callers]


CHECKS: tuple[Callable[[FlagSource], Awaitable[None]], ...] = (
    knows_whom_it_has_settled,
    puts_people_into_both_arms,
    tells_new_people_from_known_ones,
    lets_exactly_the_named_into_a_pilot,
    shows_a_shadow_to_nobody,
    keeps_runs_apart,
    takes_whatever_name_there_is,
    keeps_what_was_seen_before_a_restart,
    closes_twice,
)
