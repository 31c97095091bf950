"""The journal becomes the counts of one run: in any order, however often, and whichever rooms have written it."""

from collections.abc import Callable
from itertools import islice
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipmate.messages import Event
from shipmate.release.canary.counts import Counts, HarmCount, Labels, Split
from shipmate.release.canary.fold import Fold
from shipmate.release.canary.run import STEP, Run
from shipmate.statistics.clusters import rate
from tests.unit.canary_journal import RUN, START, Writing, entries

HOUR = 3600.0


def counted(events: list[Event], run: Run = RUN, at: float = START + HOUR, **said: float) -> Counts:
    fold = Fold(run)
    fold.take(entries(events))
    return fold.counts(at, **said)


def numbers(counts: Counts) -> Any:
    """Return counts without what depends on when they were heard of."""
    return msgspec.to_builtins(msgspec.structs.replace(counts, judge_silent_s=0.0, taints=()))


def near(one: Any, other: Any) -> bool:
    """Return whether all numbers are equal but for the order of their summing."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(near(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(near, one, other))
    return bool(one == pytest.approx(other)) if isinstance(one, float) else bool(one == other)


def busy_hour() -> list[Event]:
    """Return what an hour in which everything happens has written."""
    writing = Writing(share=0.3)
    for number in range(60):
        user, turn, at = f"user-{number % 17}", f"turn-{number}", START + number * 50
        writing.turn(at, user, turn, kind="refuse" if number % 9 == 0 else "answer", faulty=number % 13 == 0)
        first = writing.label(at, user, turn, number % 3 == 0, "silence" if number % 2 else "thanks")
        if number % 10 == 0:
            writing.label(at, user, turn, 0, "handoff", revises=first.event_id)
        writing.judge(at, user, turn, is_bad=number % 5 == 0)
        if number % 15 == 0:
            writing.person(at, user, turn, is_bad=number % 2 == 0)
        writing.put("assistant.feedback", at + 9, user, turn, value=-1)
        if number % 4 == 0:
            writing.put("assistant.feedback", at + 11, user, turn, value=1)
        if number % 11 == 0:
            writing.put("sandbox.killed", at + 5, user, turn)
    return writing.events


BUSY = msgspec.structs.replace(RUN, judged_control=0.5)
HEARD = counted(busy_hour(), BUSY)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 100))
def test_events_that_come_twice_or_late_change_nothing(seed: int, again: int) -> None:
    chance = Random(seed)
    repeated = [*busy_hour(), *chance.choices(busy_hour(), k=again)]
    chance.shuffle(repeated)
    assert near(numbers(counted(repeated, BUSY)), numbers(HEARD))


def test_the_busy_hour_has_something_of_everything() -> None:
    """Otherwise the test above would prove little."""
    assert min(HEARD.candidate.turns, HEARD.control.turns, HEARD.candidate.judged, HEARD.control.judged) > 5
    assert {harm.kind for harm in HEARD.harms if harm.splits} == {
        "hallucination_flag",
        "error",
        "thumbs_down",
        "sandbox_kill",
    }
    assert HEARD.ftr.candidate.n > 0 < HEARD.ftr.control.y
    assert HEARD.candidate.flagged.labelled + HEARD.control.flagged.labelled > 0


def test_both_arms_are_counted_with_the_rate_that_they_had() -> None:
    writing = Writing()
    for is_candidate, solved, total in ((True, 3, 4), (False, 6, 12)):
        for number, user in enumerate(islice(writing.users(is_candidate=is_candidate), total)):
            writing.turn(START + number, user, f"{user}-turn")
            writing.label(START + number, user, f"{user}-turn", number < solved)
    counts = counted(writing.events)
    assert (rate(counts.ftr.candidate).value, rate(counts.ftr.control).value) == pytest.approx((0.75, 0.5))
    assert (counts.candidate.issues, counts.control.issues) == (4, 12)
    assert counts.exposed == (Split(share=0.05, candidate=4, control=12),)


def test_one_users_bad_hour_counts_once() -> None:
    writing = Writing()
    user = next(writing.users(is_candidate=True))
    for number in range(20):
        writing.turn(START + number, user, f"turn-{number}", faulty=True)
    writing.turn(START + 2 * HOUR, user, "later", faulty=True)
    (harm,) = [harm for harm in counted(writing.events).harms if harm.kind == "error"]
    assert harm == HarmCount(kind="error", splits=(Split(share=0.05, candidate=2, control=0),), squares=4)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sandbox.killed", "sandbox_kill"),
        ("assistant.sandbox.kill", "sandbox_kill"),
        ("assistant.handoff.requested", "handoff_request"),
        ("assistant.handoff.queued", "handoff_request"),
        ("injection.blocked", "injection_block"),
        ("assistant.injection.block", "injection_block"),
        ("assistant.error", "error"),
    ],
)
@pytest.mark.parametrize("says_arm", [True, False])
def test_events_of_rooms_that_are_not_built_count_as_soon_as_they_appear(
    name: str, kind: str, *, says_arm: bool
) -> None:
    """Also those that name only the turn."""
    writing = Writing()
    user = next(writing.users(is_candidate=True))
    writing.turn(START, user, "turn")
    event = writing.put(name, START + 5, user, "turn")
    if not says_arm:
        writing.events[-1] = msgspec.structs.replace(event, flag_key="", variant="", user_hash="")
    assert [harm.kind for harm in counted(writing.events).harms if harm.splits] == [kind]


def test_an_offered_handoff_is_no_request() -> None:
    writing = Writing()
    user = next(writing.users(is_candidate=True))
    writing.turn(START, user, "turn")
    writing.put("assistant.handoff.offered", START + 5, user, "turn")
    assert not any(harm.splits for harm in counted(writing.events).harms)


def test_a_flag_that_a_person_clears_is_none() -> None:
    writing = Writing()
    user = next(writing.users(is_candidate=True))
    writing.turn(START, user, "turn")
    writing.judge(START, user, "turn", is_bad=True)
    (flag,) = [harm for harm in counted(writing.events).harms if harm.splits]
    assert flag.kind == "hallucination_flag"
    # The judge sees a tenth of the control, so a flag of the candidate says less than its share of the traffic does.
    assert flag.splits[0].share == pytest.approx(0.05 / (0.05 + 0.95 * 0.1))
    writing.person(START, user, "turn", is_bad=False)
    counts = counted(writing.events)
    assert not any(harm.splits for harm in counts.harms)
    assert counts.candidate.flagged == Labels(labelled=1, hallucinated=0)


def test_the_judge_is_given_all_of_the_candidates_turns_and_a_tenth_of_the_controls() -> None:
    writing = Writing(share=0.5)
    fold = Fold(RUN)
    for number in range(2000):
        writing.turn(START + number, f"user-{number}", f"turn-{number}")
    fold.take(entries(writing.events))
    drawn = fold.unjudged(10_000)
    candidates = sum(seen.is_candidate for _, seen in drawn)
    assert candidates == fold.counts(START + HOUR).candidate.turns
    assert 60 < len(drawn) - candidates < 140


def test_what_the_judge_was_not_given_does_not_count() -> None:
    """A turn that somebody picked would weigh as much as ten that were drawn."""
    writing = Writing()
    users = list(islice(writing.users(is_candidate=False), 200))
    for user in users:
        writing.turn(START, user, f"{user}-turn")
        writing.judge(START, user, f"{user}-turn", is_bad=True)
    drawn = sum(RUN.draws(f"{user}-turn", is_candidate=False) for user in users)
    assert 0 < counted(writing.events).control.judged == drawn < 60


def test_a_silent_judge_is_noticed_and_a_pause_of_the_users_is_not() -> None:
    writing = Writing()
    user = next(writing.users(is_candidate=True))
    writing.turn(START, user, "turn")
    assert counted(writing.events, at=START + 1000).judge_silent_s == 1000
    assert counted(writing.events, at=START + 1000, watching_since=START + 900).judge_silent_s == 100
    writing.judge(START, user, "turn", is_bad=False)
    assert counted(writing.events, at=START + 5000).judge_silent_s == 0


CHANGES: dict[str, Callable[[Event], Event]] = {
    "index": lambda event: msgspec.structs.replace(event, index_sha="index-2"),
    "model": lambda event: msgspec.structs.replace(event, model="another"),
    "charter": lambda event: msgspec.structs.replace(event, charter_sha="another"),
    "release": lambda event: msgspec.structs.replace(event, release="another"),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("arm", [True, False])
def test_what_changes_in_mid_run_taints_it(what: str, *, arm: bool) -> None:
    writing = Writing()
    user = next(writing.users(is_candidate=arm))
    for number in range(3):
        writing.turn(START + number, user, f"turn-{number}")
    before = [
        msgspec.structs.replace(event, model="first", charter_sha="first", index_sha="index-1")
        for event in writing.events
    ]
    assert counted(before).taints == ()
    (taint,) = counted([*before[:-1], CHANGES[what](before[-1])]).taints
    assert f"The {what} of the {'candidate' if arm else 'control'} changed in mid-run" in taint


def test_a_severe_event_is_told_when_it_is_the_candidates_and_sure() -> None:
    writing = Writing()
    candidate, control = next(writing.users(is_candidate=True)), next(writing.users(is_candidate=False))
    for user in (candidate, control):
        writing.turn(START, user, f"{user}-turn")
    writing.put("policy.violated", START, candidate, rule="leak", severity="P0", confirmed=False)
    writing.put("policy.violated", START, control, rule="leak", severity="P0", confirmed=True)
    assert counted(writing.events).severe == ()
    writing.put("policy.violated", START, candidate, rule="leak", severity="P0", confirmed=True)
    assert counted(writing.events).severe == ("leak",)


def test_units_weigh_what_they_weighed_at_their_time() -> None:
    """While the share grows, both arms weigh each hour alike: what only changed with time is no effect."""
    quiet = Writing(share=0.05)
    for number in range(4000):
        quiet.turn(START, f"user-{number}", f"early-{number}")
        quiet.label(START, f"user-{number}", f"early-{number}", number % 10 < 5)
    event = quiet.put(STEP, START + HOUR, "", share=0.5)
    later = Writing(share=0.5, count=100_000)
    for number in range(4000):
        later.turn(START + 2 * HOUR, f"user-{number}", f"late-{number}")
        later.label(START + 2 * HOUR, f"user-{number}", f"late-{number}", number % 10 < 9)
    counts = counted([*quiet.events, *later.events])
    assert (counts.share, counts.share_since) == (0.5, event.ts)
    assert rate(counts.ftr.candidate).value == pytest.approx(rate(counts.ftr.control).value, abs=0.02)


def test_what_is_of_another_run_or_of_the_house_itself_does_not_count() -> None:
    writing = Writing()
    user = next(writing.users(is_candidate=True))
    writing.turn(START, user, "turn")
    assert counted([msgspec.structs.replace(event, flag_key="run-0") for event in writing.events]).candidate.turns == 0
    fold = Fold(RUN, frozenset({user}))
    fold.take(entries(writing.events))
    assert fold.counts(START).candidate.turns == 0
    assert fold.counts(START).exposed == ()


def test_an_issue_of_no_goal_counts_for_nothing_and_a_correction_takes_the_place_of_the_first_label() -> None:
    writing = Writing()
    user = next(writing.users(is_candidate=True))
    writing.turn(START, user, "turn")
    first = writing.label(START, user, "turn", 1)
    assert rate(counted(writing.events).ftr.candidate).value == 1
    second = writing.label(START, user, "turn", 0, "thumbs_down", revises=first.event_id)
    assert rate(counted(writing.events).ftr.candidate).value == 0
    writing.label(START, user, "turn", 0, "excluded", ftr_label=None, revises=second.event_id)
    counts = counted(writing.events)
    assert (counts.ftr.candidate.n, counts.ftr.candidate.users, counts.candidate.issues) == (0, 0, 0)


def test_an_audit_is_peoples_label_less_the_recorded_one() -> None:
    writing = Writing()
    user = next(writing.users(is_candidate=True))
    for turn, recorded, said in (("a", 1, "unresolved"), ("b", 0, "resolved"), ("c", 1, "resolved")):
        writing.turn(START, user, turn)
        writing.label(START, user, turn, recorded)
        writing.put("gen_ai.evaluation.result", START, user, turn, name="ftr_audit", label=said, judge_version="human")
    audits = counted(writing.events).candidate.audits
    assert (audits.issues, audits.total, audits.squares) == (3, 0, 2)


def test_five_minutes_in_which_nobody_came_are_windows_too() -> None:
    """Three bad ones in a row are three in a row."""
    writing = Writing()
    user = next(writing.users(is_candidate=True))
    writing.turn(START + 10, user, "turn", latency_ms=4000.0)
    windows = counted(writing.events, at=START + 901).windows
    assert [(window.turns, window.latency_p95_s) for window in windows] == [(1, 4.0), (0, 0.0), (0, 0.0)]


def test_groups_that_see_different_collections_do_not_taint_a_run_and_a_change_for_one_user_does() -> None:
    """A folder shows itself to each group as a release of its own."""
    users = list(islice(Writing().users(is_candidate=False), 4))

    def asked(releases: list[str]) -> list[Event]:
        writing = Writing()
        for number, release in enumerate(releases):
            writing.turn(START + number, users[number % 4], f"turn-{number}")
            writing.events[-1] = msgspec.structs.replace(writing.events[-1], release=release)
        return writing.events

    assert counted(asked(["dev-1", "dev-2"] * 10)).taints == ()
    (taint,) = counted(asked([*["dev-1", "dev-2"] * 10, "dev-3"])).taints
    assert taint == "The release of the control changed in mid-run, to dev-3."
