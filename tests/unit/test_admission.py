"""Who may start a turn: the token bucket and the conversation's queue."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.admission import ConversationQueue, TokenBucket, Wait
from shipmate.errors import ConversationBusy
from shipmate.testing.clock import TickingClock


def test_a_caller_may_start_a_burst_and_then_has_to_wait() -> None:
    bucket = TokenBucket(TickingClock(), turns_per_minute=60, burst=3)
    assert [bucket.take("ada") for _ in range(3)] == [None, None, None]
    assert bucket.take("ada") == Wait(retry_after_s=1.0, again=False)
    assert bucket.take("ada") == Wait(retry_after_s=1.0, again=True)


def test_after_the_wait_that_was_named_a_turn_is_admitted() -> None:
    clock = TickingClock()
    bucket = TokenBucket(clock, turns_per_minute=6, burst=1)
    bucket.take("ada")
    wait = bucket.take("ada")
    assert wait
    clock.at += wait.retry_after_s + 1e-6
    assert bucket.take("ada") is None


def test_one_caller_does_not_use_up_another_ones_bucket() -> None:
    bucket = TokenBucket(TickingClock(), turns_per_minute=1, burst=1)
    bucket.take("ada")
    assert bucket.take("bob") is None


def test_the_bucket_remembers_a_bounded_number_of_callers() -> None:
    bucket = TokenBucket(TickingClock(), turns_per_minute=1, burst=1, callers=10)
    for number in range(1000):
        bucket.take(f"caller {number}")
    assert len(bucket._levels) == 10


@given(st.lists(st.floats(min_value=0, max_value=30), max_size=200), st.integers(1, 5))
def test_never_more_turns_than_burst_and_rate_allow(gaps: list[float], burst: int) -> None:
    clock = TickingClock(0.0)
    bucket = TokenBucket(clock, turns_per_minute=60, burst=burst)
    admitted = 0
    for gap in gaps:
        clock.at += gap
        admitted += bucket.take("ada") is None
        assert admitted <= burst + clock.at + 1e-6


def test_one_turn_runs_one_waits_and_a_third_is_refused() -> None:
    async def scene() -> list[str]:
        queue = ConversationQueue()
        order: list[str] = []
        running = asyncio.Event()

        async def turn(name: str) -> None:
            async with queue.place(("ada", "c")):
                order.append(name)
                await running.wait()

        first = asyncio.create_task(turn("first"))
        second = asyncio.create_task(turn("second"))
        await asyncio.sleep(0)
        with pytest.raises(ConversationBusy):
            async with queue.place(("ada", "c")):
                pass
        async with queue.place(("bob", "c")):
            order.append("another")
        running.set()
        await asyncio.gather(first, second)
        assert queue._locks == {}
        return order

    assert asyncio.run(scene()) == ["first", "another", "second"]


def test_a_turn_that_is_cancelled_while_waiting_gives_its_place_back() -> None:
    async def scene() -> None:
        queue = ConversationQueue()
        async with queue.place(("ada", "c")):
            waiting = asyncio.create_task(queue.place(("ada", "c")).__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        assert queue._locks == {}

    asyncio.run(scene())
