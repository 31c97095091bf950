"""`ftr/1`: the first rule that matches labels an episode, once its window has passed, in whatever order events came."""

import random
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.insight.labeller import Labeller
from shipmate.insight.labels import FAST, LABEL_VERSION, LATE, WINDOWS_S, Label, Matured, label_of, matured_event
from shipmate.messages import Entry, Event

AT = 1_700_000_000.0
MINUTE, HOUR = 60.0, 3600.0
END = AT + 200 * HOUR


def turn(
    number: int = 1,
    after_s: float = 0.0,
    issue: str = "i1",
    user: str = "u1",
    *,
    conversation: str = "c1",
    release: str = "r1",
    variant: str = "",
    flag_key: str = "",
    **data: object,
) -> Event:
    return Event(
        name="assistant.turn.completed",
        ts=AT + after_s,
        event_id=f"e-{issue}-{number}",
        conversation_id=conversation,
        issue_id=issue,
        turn_id=f"{issue}-t{number}",
        user_hash=user,
        release=release,
        variant=variant,
        flag_key=flag_key,
        data={"intent": "billing", "kind": "answer"} | data,
    )


def thumbs(value: int, after_s: float, turn_id: str = "i1-t1") -> Event:
    return Event(
        name="assistant.feedback",
        ts=AT + after_s,
        event_id=f"f-{turn_id}-{after_s}-{value}",
        turn_id=turn_id,
        user_hash="u1",
        data={"value": value},
    )


def reask(after_s: float, gap_s: float, *, dissatisfied: float = 0.9, issue: str = "i1") -> Event:
    data = {"prev_issue_id": issue, "same_intent_p": 0.8, "dissatisfied_p": dissatisfied, "gap_s": gap_s}
    return Event(
        name="assistant.reask", ts=AT + after_s, event_id=f"k-{after_s}", issue_id="i9", user_hash="u1", data=data
    )


def named(name: str, after_s: float = 60.0, issue: str = "i1") -> Event:
    return Event(name=name, ts=AT + after_s, event_id=f"n-{name}-{after_s}", issue_id=issue, user_hash="u1")


def take(labeller: Labeller, events: Iterable[Event]) -> None:
    for seq, event in enumerate(events, start=1):
        labeller.take(Entry(seq, event))


def labels(events: Iterable[Event], now: float = END) -> dict[tuple[str, str], Label]:
    labeller = Labeller()
    take(labeller, events)
    return {(matured.issue_id, matured.window): matured.label for matured in labeller.mature(now)}


def both(*events: Event) -> tuple[Label, Label]:
    found = labels(events)
    return found["i1", FAST], found["i1", LATE]


def test_silence_is_a_solution_that_is_only_assumed() -> None:
    for label in both(turn()):
        assert (label.ftr, label.resolved, label.rule, label.kind, label.reason) == (1, 1, 7, "assumed", "silence")


@pytest.mark.parametrize(
    ("seen", "rule", "ftr", "kind"),
    [
        ([named("assistant.handoff.requested")], 1, 0, "confirmed"),
        ([named("sandbox.kill")], 1, 0, "confirmed"),
        ([named("assistant.fallback")], 1, 0, "confirmed"),
        ([named("assistant.error")], 1, 0, "confirmed"),
        ([thumbs(-1, 60)], 2, 0, "confirmed"),
        ([turn(2, 60, sign="negative", prev_issue_id="i1")], 2, 0, "confirmed"),
        ([reask(4 * MINUTE, 4 * MINUTE)], 3, 0, "confirmed"),
        ([thumbs(1, 60)], 5, 1, "confirmed"),
        ([turn(2, 60, sign="thanks", prev_issue_id="i1", intent="")], 5, 1, "confirmed"),
        ([named("assistant.task.succeeded")], 5, 1, "confirmed"),
        ([turn(1, 60, "i2", intent="refunds", prev_issue_id="i1")], 6, 1, "assumed"),
        ([named("assistant.conversation.closed")], 6, 1, "assumed"),
    ],
)
def test_each_rule_reads_its_signal(seen: Sequence[Event], rule: int, ftr: int, kind: str) -> None:
    for label in both(turn(), *seen):
        assert (label.rule, label.ftr, label.kind) == (rule, ftr, kind)


def test_what_failed_is_said_in_a_word() -> None:
    names = {"assistant.handoff.requested": "handoff", "sandbox.killed": "kill", "assistant.fallback": "fallback"}
    assert {name: both(turn(), named(name))[0].reason for name in names} == names


def test_an_earlier_rule_wins_over_a_later_one_whatever_came_first() -> None:
    fast, _ = both(turn(), thumbs(1, 30), reask(60, 60), named("assistant.handoff.requested", 90))
    assert fast.rule == 1
    assert both(turn(), turn(2, 20), thumbs(1, 30), thumbs(-1, 60, "i1-t2"))[0].rule == 2


def test_the_last_thumbs_of_a_turn_count() -> None:
    assert both(turn(), thumbs(-1, 30), thumbs(1, 60))[0].rule == 5
    assert both(turn(), thumbs(1, 30), thumbs(-1, 60))[0].rule == 2


def test_a_problem_that_comes_back_within_72_hours_takes_back_what_the_fast_clock_said() -> None:
    back = turn(1, 20 * HOUR, "i2", conversation="c2")
    fast, late = both(turn(), back)
    assert (fast.ftr, late.ftr, late.rule) == (1, 0, 4)
    assert both(turn(), turn(1, 73 * HOUR, "i2"))[1].ftr == 1
    assert both(turn(), turn(1, HOUR, "i2", user="u2"))[1].ftr == 1
    assert both(turn(), turn(1, HOUR, "i2", intent="refunds"))[1].ftr == 1


def test_a_reask_counts_by_its_gap_and_only_where_the_answer_was_no_help() -> None:
    fast, late = both(turn(), reask(40 * HOUR, 40 * HOUR))
    assert (fast.rule, late.rule) == (7, 4)
    assert both(turn(), reask(60, 60, dissatisfied=0.2))[0].rule == 7


def test_a_question_back_is_no_first_answer_and_no_failure_either() -> None:
    fast, _ = both(turn(kind="clarify"), turn(2, 60), thumbs(1, 90, "i1-t2"))
    assert (fast.ftr, fast.resolved, fast.rule, fast.reason) == (0, 1, 0, "clarified")


def test_a_right_refusal_does_not_count_and_a_wrong_one_is_a_failure() -> None:
    assert labels([turn(kind="refuse", intent="", out_of_scope=True)]) == {}
    assert labels([turn(kind="refuse", intent="")]) == {}
    fast, _ = both(turn(kind="refuse"))
    assert (fast.ftr, fast.resolved, fast.reason) == (0, 0, "wrong_refusal")


@pytest.mark.parametrize(
    "opening",
    [
        turn(sign="thanks", prev_issue_id="i0"),
        turn(sign="greeting", kind="clarify"),
        turn(kind="wait"),
        turn(abandoned=True),
        turn(flag_key="run-1"),
    ],
)
def test_what_put_no_question_or_got_no_answer_does_not_count(opening: Event) -> None:
    assert labels([opening]) == {}


def test_callers_who_only_test_do_not_count() -> None:
    labeller = Labeller(test_callers=frozenset({"u1"}))
    take(labeller, [turn(), turn(1, 0, "i2", user="u2")])
    assert {matured.issue_id for matured in labeller.mature(END)} == {"i2"}


def test_a_label_carries_what_answered_first() -> None:
    labeller = Labeller()
    take(labeller, [turn(2, 60, release="r2", variant="v2", flag_key="k2"), turn(variant="v1", flag_key="k1")])
    (fast, *_) = labeller.mature(AT + HOUR)
    event = matured_event(fast)
    assert (event.name, event.ts) == ("assistant.issue.matured", AT + WINDOWS_S[FAST])
    assert (event.release, event.variant, event.flag_key, event.turn_id) == ("r1", "v1", "k1", "i1-t1")
    assert event.data["label_version"] == LABEL_VERSION
    assert (event.data["intent"], event.data["window"], event.data["ftr_label"]) == ("billing", "fast", 1)
    assert label_of(event) == fast.label


def test_the_late_label_revises_the_fast_one_and_a_changed_one_the_one_before() -> None:
    labeller = Labeller()
    take(labeller, [turn()])
    (fast,) = labeller.mature(AT + HOUR)
    (late,) = labeller.mature(AT + 73 * HOUR)
    assert (fast.revises, late.revises) == ("", fast.event_id)
    take(labeller, [thumbs(-1, 60)])
    again = {matured.window: matured for matured in labeller.mature(AT + 73 * HOUR)}
    assert again[FAST].revises == fast.event_id
    assert again[LATE].revises == late.event_id
    assert len({fast.event_id, late.event_id, again[FAST].event_id, again[LATE].event_id}) == 4


def test_what_was_told_before_is_not_told_again_by_a_new_process() -> None:
    first, second = Labeller(), Labeller()
    story = [turn(), thumbs(1, 60), turn(1, HOUR, "i2")]
    take(first, story)
    told = [matured_event(matured) for matured in first.mature(END)]
    assert len(told) == 4
    take(second, [*story, *told])
    assert list(second.mature(END)) == []
    # And two that do not know of each other tell it under the same ids.
    third = Labeller()
    take(third, story)
    assert [matured_event(matured) for matured in third.mature(END)] == told


def test_an_event_that_seems_older_than_the_answer_still_counts() -> None:
    """The machine's clock was set back in between."""
    assert both(turn(), thumbs(-1, -HOUR))[0].rule == 2


def test_a_clock_that_leaps_and_comes_back_only_delays_what_changes() -> None:
    labeller = Labeller()
    take(labeller, [turn()])
    early = {matured.window: matured.label.ftr for matured in labeller.mature(AT + 80 * HOUR)}
    assert early == {FAST: 1, LATE: 1}
    take(labeller, [thumbs(-1, 60)])
    again = {matured.window: matured.label.ftr for matured in labeller.mature(AT + 31 * MINUTE)}
    assert again == {FAST: 0}


def test_what_is_over_is_let_go() -> None:
    labeller = Labeller()
    for number in range(200):
        take(labeller, [turn(1, number * HOUR, f"i{number}", user=f"u{number}"), thumbs(1, number * HOUR, "nobody")])
        list(labeller.mature(AT + number * HOUR))
        assert len(labeller) <= 109


SOME_ISSUES = st.sampled_from(["i1", "i2", "i3"])
SOME_TIMES = st.integers(0, 90 * 3600).map(float)
SOME_TURNS = st.builds(
    lambda issue, number, after_s, intent, kind, sign, prev: turn(
        number, after_s, issue, intent=intent, kind=kind, sign=sign, prev_issue_id=prev
    ),
    SOME_ISSUES,
    st.integers(1, 3),
    SOME_TIMES,
    st.sampled_from(["billing", "refunds", ""]),
    st.sampled_from(["answer", "answer", "clarify", "refuse", "fallback"]),
    st.sampled_from(["", "", "thanks", "negative", "greeting"]),
    st.sampled_from(["", "i1", "i2", "i3"]),
)
SOME_EVENTS = st.lists(
    st.one_of(
        SOME_TURNS,
        SOME_TURNS,
        st.builds(
            lambda value, after_s, issue, number: thumbs(value, after_s, f"{issue}-t{number}"),
            st.sampled_from([1, -1]),
            SOME_TIMES,
            SOME_ISSUES,
            st.integers(1, 3),
        ),
        st.builds(
            lambda after_s, gap_s, issue: reask(after_s, gap_s, issue=issue), SOME_TIMES, SOME_TIMES, SOME_ISSUES
        ),
        st.builds(
            named,
            st.sampled_from(["assistant.handoff.made", "assistant.conversation.closed", "sandbox.kill"]),
            SOME_TIMES,
            SOME_ISSUES,
        ),
    ),
    max_size=12,
    # A turn is completed once, and an event has one id.
    unique_by=lambda event: event.event_id,
)


def last_told(told: Iterable[Matured]) -> dict[tuple[str, str], Label]:
    return {(matured.issue_id, matured.window): matured.label for matured in told}


def counted(found: dict[tuple[str, str], Label]) -> dict[tuple[str, str], Label]:
    return {key: label for key, label in found.items() if label.ftr is not None}


@given(SOME_EVENTS, st.randoms(use_true_random=False))
def test_order_duplicates_and_lateness_change_no_label(events: list[Event], chance: random.Random) -> None:
    """Once everything has come, the last label told is the same, though labels were told in between."""
    in_order = labels(sorted(events, key=lambda event: event.ts), AT + 170 * HOUR)
    come = [*events, *chance.sample(events, len(events) // 2)]
    chance.shuffle(come)
    labeller = Labeller()
    told: list[Matured] = []
    for number, event in enumerate(come):
        labeller.take(Entry(number + 1, event))
        if chance.random() < 0.4:
            told += labeller.mature(AT + chance.uniform(0, 90 * HOUR))
    told += labeller.mature(AT + 170 * HOUR)
    assert counted(last_told(told)) == counted(in_order)


@given(SOME_EVENTS, st.floats(0, 170 * HOUR))
def test_no_episode_is_told_before_its_window_has_passed(events: list[Event], after_s: float) -> None:
    labeller = Labeller()
    take(labeller, events)
    for matured in labeller.mature(AT + after_s):
        assert matured.opening.ts + WINDOWS_S[matured.window] <= AT + after_s


@given(SOME_EVENTS)
def test_each_label_is_told_once(events: list[Event]) -> None:
    labeller = Labeller()
    take(labeller, events)
    list(labeller.mature(AT + 90 * HOUR))
    take(labeller, events)
    assert list(labeller.mature(AT + 90 * HOUR)) == []
