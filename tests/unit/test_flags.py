"""Arms are uniform, stay where they are, and hold while a flag service fails."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipmate.flags.exposures import EXPOSURE, arms_of, counts, exposures
from shipmate.flags.hashed import HashFlags
from shipmate.flags.remembered import Budget, FlagFault, RememberedFlags
from shipmate.live import BUCKETS, Trial, bucket
from shipmate.messages import Entry, Event

RUN = "run-1"
# The 0.1 % and 99.9 % points of chi-square with 9,999 degrees of freedom.
CHI_SQUARE = (9567.0, 10443.0)


def canary(share: float = 0.5, run: str = RUN) -> Trial:
    return Trial(run=run, mode="canary", candidate="v2", release="a" * 12, share=share, salt=run)


def test_a_million_users_fall_evenly_into_the_buckets() -> None:
    filled = Counter(bucket("a-salt", f"device-{number}") for number in range(1_000_000))
    expected = 1_000_000 / BUCKETS
    chi_square = sum((filled[number] - expected) ** 2 for number in range(BUCKETS)) / expected
    assert CHI_SQUARE[0] < chi_square < CHI_SQUARE[1]


@given(st.text(max_size=40), st.text(max_size=40), st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_a_restart_and_every_step_of_a_ramp_keep_a_user_where_they_are(
    salt: str, caller: str, shares: list[float]
) -> None:
    """Each step is asked of a new source, as after a restart; who is in the candidate once stays in it."""
    arms = [
        HashFlags().arm(Trial(run=salt, mode="canary", candidate="v2", release="r", share=share, salt=salt), caller)
        for share in sorted(shares)
    ]
    assert arms == sorted(arms)  # "control" sorts before "v2"
    assert HashFlags().arm(canary(shares[0]), caller) == HashFlags().arm(canary(shares[0]), caller)


def test_two_salts_split_the_users_independently() -> None:
    """Whoever was in one candidate is no more likely to be in the next."""
    both = Counter(
        (bucket("one", str(n)) < BUCKETS // 2, bucket("other", str(n)) < BUCKETS // 2) for n in range(40_000)
    )
    assert all(abs(count - 10_000) < 400 for count in both.values())


class Service:
    """Says what it is told to say, late or never."""

    name = "a service"

    def __init__(self) -> None:
        self.values: dict[str, str | bool | None] = {}
        self.fault: FlagFault | None = None
        self.silence_s = 0.0
        self.asked: list[str] = []

    async def value(self, user: str) -> str | bool | None:
        self.asked.append(user)
        await asyncio.sleep(self.silence_s)
        if self.fault:
            raise self.fault
        return self.values.get(user, "control")

    async def close(self) -> None:
        pass


class House:
    """A source over that service, with a clock that stands still and what was told of faults."""

    def __init__(self, budget: Budget | None = None) -> None:
        self.service = Service()
        self.now_s = 0.0
        self.told: list[str] = []
        self.flags = RememberedFlags(
            self.service, name_of=str.upper, elapsed=lambda: self.now_s, budget=budget, told=self.told.append
        )

    async def rest(self) -> None:
        """Let what runs in the background come to its end."""
        for _ in range(5):
            await asyncio.sleep(0)


async def test_the_last_known_arm_holds_while_the_service_fails() -> None:
    house = House()
    house.service.values["ANNA"] = "v2"
    assert await house.flags.settled(canary(), "anna") == "v2"
    house.service.fault = FlagFault("timeout")
    for _ in range(20):
        house.now_s += 1000
        assert house.flags.arm(canary(), "anna") == "v2"
        await house.rest()


async def test_whoever_is_new_while_the_service_fails_is_outside_of_the_trial() -> None:
    house = House()
    house.service.fault = FlagFault("timeout")
    assert house.flags.arm(canary(), "anna") is None
    assert await house.flags.settled(canary(), "anna") == ""
    house.now_s += 1
    assert house.flags.arm(canary(), "ben") == ""
    assert house.service.asked == ["ANNA"], "nobody asks again at once"


async def test_a_failing_service_is_told_once_and_so_is_its_return() -> None:
    house = House()
    house.service.fault = FlagFault("HTTP 503")
    for _ in range(4):
        assert await house.flags.settled(canary(), "anna") == ""
        house.now_s += 100
    house.service.fault = None
    assert await house.flags.settled(canary(), "anna") == "control"
    assert house.told == ["HTTP 503", ""]


async def test_a_silent_service_costs_a_turn_no_more_than_its_budget() -> None:
    house = House(Budget(wait_s=0.02))
    house.service.silence_s = 0.2
    house.service.values["ANNA"] = "v2"
    started = asyncio.get_running_loop().time()
    assert await house.flags.settled(canary(), "anna") == ""
    assert asyncio.get_running_loop().time() - started < 0.15
    await asyncio.sleep(0.25)
    assert house.flags.arm(canary(), "anna") == "v2", "the answer that came later holds from the next turn on"


async def test_what_the_service_asks_for_is_waited_but_not_for_ever() -> None:
    house = House(Budget(pause_s=1.0, longest_pause_s=60.0))
    house.service.fault = FlagFault("HTTP 429", retry_after_s=30)
    await house.flags.settled(canary(), "anna")
    house.now_s = 29
    assert house.flags.arm(canary(), "anna") == ""
    house.now_s = 31
    house.service.fault = FlagFault("HTTP 429", retry_after_s=1e9)
    await house.flags.settled(canary(), "anna")
    house.now_s = 92
    assert house.flags.arm(canary(), "anna") is None


async def test_known_users_are_asked_about_again_in_the_background() -> None:
    house = House(Budget(fresh_s=60))
    assert await house.flags.settled(canary(), "anna") == "control"
    house.service.values["ANNA"] = "v2"
    house.now_s = 59
    assert house.flags.arm(canary(), "anna") == "control"
    assert len(house.service.asked) == 1
    house.now_s = 61
    assert house.flags.arm(canary(), "anna") == "control", "what is known is told at once"
    await house.rest()
    assert house.flags.arm(canary(), "anna") == "v2", "a ramp at the service reaches the next turn"


async def test_askers_of_one_user_share_one_question() -> None:
    house = House()
    house.service.silence_s = 0.01
    await asyncio.gather(*(house.flags.settled(canary(), "anna") for _ in range(50)))
    assert house.service.asked == ["ANNA"]


async def test_only_the_journals_name_of_a_user_leaves_the_house() -> None:
    house = House()
    await house.flags.settled(canary(), "anna")
    assert house.service.asked == ["ANNA"]


@pytest.mark.parametrize("value", ["v3", "holdout-727", "", None])
async def test_a_value_that_is_no_arm_keeps_a_user_outside(value: str | None) -> None:
    """A third variant, a holdout and a flag that is switched off are in neither arm."""
    house = House()
    house.service.values["ANNA"] = value
    assert await house.flags.settled(canary(), "anna") == ""
    assert house.flags.arm(canary(), "anna") == ""


async def test_a_flag_that_is_switched_off_at_the_service_takes_everybody_out() -> None:
    house = House(Budget(fresh_s=10))
    house.service.values["ANNA"] = "v2"
    assert await house.flags.settled(canary(), "anna") == "v2"
    house.service.values["ANNA"] = None
    house.now_s = 11
    house.flags.arm(canary(), "anna")
    await house.rest()
    assert house.flags.arm(canary(), "anna") == ""


async def test_what_was_seen_before_a_restart_holds_although_the_service_is_down() -> None:
    seen = exposures([exposed("e1", "ANNA", "v2"), exposed("e2", "BEN", "control")])
    house = House()
    house.service.fault = FlagFault("timeout")
    house.flags.recall(RUN, arms_of(seen.values(), RUN))
    assert house.flags.arm(canary(), "anna") == "v2"
    assert house.flags.arm(canary(), "ben") == "control"
    await house.rest()
    assert house.flags.arm(canary(), "anna") == "v2"


async def test_no_more_users_are_remembered_than_there_is_room_for() -> None:
    house = House(Budget(users=3))
    for name in ("a", "b", "c", "d"):
        await house.flags.settled(canary(), name)
    assert [house.flags.arm(canary(), name) for name in ("a", "b", "c", "d")] == [None, "control", "control", "control"]


async def test_a_crowd_of_new_users_asks_no_more_at_once_than_the_budget_allows() -> None:
    house = House(Budget(asks_at_once=5))
    house.service.silence_s = 0.01
    arms = await asyncio.gather(*(house.flags.settled(canary(), str(n)) for n in range(20)))
    assert Counter(arms) == {"control": 5, "": 15}


def exposed(event_id: str, user: str, variant: str, ts: float = 0.0, run: str = RUN) -> Entry:
    event = Event(name=EXPOSURE, ts=ts, event_id=event_id, user_hash=user, variant=variant, flag_key=run)
    return Entry(seq=1, event=event)


entries = st.lists(
    st.builds(
        exposed,
        st.text("abc", min_size=1, max_size=4),
        st.sampled_from(["u1", "u2", "u3"]),
        st.sampled_from(["control", "v2"]),
        st.floats(0, 10),
        st.sampled_from([RUN, "run-2"]),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(entries, st.randoms(use_true_random=False))
def test_exposures_that_come_twice_late_or_in_another_order_change_nothing(found: list[Entry], random: object) -> None:
    again = [*found, *found[:5]]
    random.shuffle(again)  # type: ignore[attr-defined]
    assert exposures(again) == exposures(found)


def test_a_user_counts_once_and_where_they_were_first() -> None:
    seen = exposures(
        [exposed("e2", "u1", "v2", ts=2), exposed("e1", "u1", "control", ts=1), exposed("e3", "u2", "v2", ts=3)]
    )
    assert seen[RUN, "u1"].variant == "control"
    assert seen[RUN, "u1"].crossed
    assert not seen[RUN, "u2"].crossed
    assert counts(seen.values(), RUN) == {"control": 1, "v2": 1}


def test_what_is_no_exposure_is_passed_over() -> None:
    turn = Event(name="assistant.turn.completed", ts=0, event_id="e", user_hash="u", variant="v2", flag_key=RUN)
    nobody = Event(name=EXPOSURE, ts=0, event_id="e", variant="v2", flag_key=RUN)
    assert exposures([Entry(seq=1, event=turn), Entry(seq=2, event=nobody)]) == {}
