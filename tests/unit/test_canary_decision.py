"""The decision on a trial: what harms is taken back at once, what is better is promoted once all is shown, all else holds."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulated_trials import DAY_S, HOUR_S, Effect, Trial, World
from shipmate.release.canary.counts import Arm, Audits, Counts, HarmCount, Labels, Split, Window
from shipmate.release.canary.decide import decide, next_share, settle
from shipmate.release.canary.decision import Decision, Look, Verdict
from shipmate.release.canary.rules import Hallucination, Rules, Step
from shipmate.statistics.clusters import Pair, Sums

RULES = Rules()
WORLD = World(turns_per_day=20_000, candidate=Effect(ftr=0.74, hallucination=0.006))
HOURS = 14 * 24


def changed(record: Any, **fields: object) -> Any:
    return msgspec.structs.replace(record, **fields)


def counts_at(day: int, *, world: World = WORLD, seed: int = 1) -> Counts:
    return Trial(world, RULES, np.random.default_rng(seed), ticks=HOURS).at(24 * day)


def reasons(decision: Decision) -> str:
    return " ".join(reason.text for reason in decision.reasons)


GOOD = counts_at(3)


def test_a_candidate_that_is_better_in_all_is_promoted_with_its_gain_shrunk() -> None:
    decision = decide(GOOD, RULES)
    assert (decision.verdict, decision.ended) == (Verdict.PROMOTE, True)
    figures = {figure.name: figure for figure in decision.figures}
    assert decision.shrunk_gain is not None
    assert 0 < decision.shrunk_gain < (figures["ftr_fast"].difference or 0)
    assert f"n = {GOOD.candidate.issues} and {GOOD.control.issues} issues" in reasons(decision)
    assert all(
        figure.low is not None and figure.high is not None
        for figure in figures.values()
        if figure.name != "handoff_rate"
    )
    assert figures["handoff_rate"].candidate is None or figures["handoff_rate"].low is None


def test_the_same_counts_give_the_same_decision() -> None:
    assert decide(GOOD, RULES) == decide(GOOD, RULES)


@pytest.mark.parametrize("hour", [1, 23, 24, 25, 47, 49, 71])
def test_nothing_is_promoted_between_the_days_nor_during_the_watch(hour: int) -> None:
    trial = Trial(
        replace(WORLD, candidate=Effect(ftr=0.9, hallucination=0.001)), RULES, np.random.default_rng(1), ticks=HOURS
    )
    looks = [settle(trial.at(48), RULES).look] if hour > 48 else []
    decision = settle(trial.at(hour), RULES, looks=[look for look in looks if look])
    assert (decision.verdict, decision.ended, decision.look) == (Verdict.HOLD, False, None)


HARMS: dict[str, tuple[dict[str, object], str]] = {
    "a leak": ({"severe": ("Personal data were shown in a turn, and a reviewer confirmed it.",)}, "Personal data"),
    "a blind judge": ({"judge_silent_s": 901.0}, "judge has said nothing for 15 minutes"),
    "a journal that is silent": ({"journal_silent_s": 1200.0}, "journal has said nothing for 20 minutes"),
    "slow windows": (
        {"windows": (Window(turns=100, latency_p95_s=2.6, cost_usd=0.0),) * 3},
        "p95 was 2.60, 2.60, 2.60 s",
    ),
    "dear windows": ({"windows": (Window(turns=100, latency_p95_s=1.0, cost_usd=0.03),) * 3}, "1,000 turns cost 0.300"),
    "flags": (
        {
            "harms": (
                HarmCount(
                    kind="hallucination_flag", splits=(Split(share=0.05, candidate=12, control=25),), squares=37.0
                ),
            )
        },
        "hallucination_flag: 12 of 37 fell on the candidate, where its share of the traffic explains 1.9",
    ),
    "errors": (
        {"harms": (HarmCount(kind="error", splits=(Split(share=0.05, candidate=15, control=25),), squares=40.0),)},
        "error: 15 of 40",
    ),
    "less resolution": (
        {
            "ftr": Pair(
                Sums(2_000, 6_000, 3_600, 18_000, 10_800, 7_900), Sums(2_000, 6_000, 4_200, 18_000, 12_600, 10_000)
            )
        },
        "First-turn resolution is 10.0 points below",
    ),
}


@pytest.mark.parametrize("harm", HARMS)
def test_harm_takes_a_candidate_back_at_any_moment_whatever_else_it_shows(harm: str) -> None:
    fields, text = HARMS[harm]
    decision = decide(changed(GOOD, at=GOOD.at + 600, **fields), RULES)
    assert (decision.verdict, decision.ended, decision.share) == (Verdict.ROLLBACK, True, 0.0)
    assert text in reasons(decision)


ENOUGH: dict[str, dict[str, object]] = {
    "a judge that rests": {"judge_silent_s": 900.0},
    "two slow windows": {"windows": (Window(turns=100, latency_p95_s=9.0, cost_usd=1.0),) * 2},
    "slow windows of few turns": {"windows": (Window(turns=99, latency_p95_s=9.0, cost_usd=1.0),) * 3},
    "one user who complains each hour": {
        "harms": (
            HarmCount(kind="hallucination_flag", splits=(Split(share=0.05, candidate=40, control=0),), squares=1600.0),
        )
    },
    "events of a kind that is not watched": {
        "harms": (HarmCount(kind="other", splits=(Split(share=0.05, candidate=400, control=0),), squares=400.0),)
    },
}


@pytest.mark.parametrize("what", ENOUGH)
def test_what_is_no_harm_takes_nobody_back(what: str) -> None:
    assert decide(changed(GOOD, **ENOUGH[what]), RULES).verdict is Verdict.PROMOTE


ARM = GOOD.candidate


def louder(sums: Sums) -> Sums:
    """Return the sums of a judge that flags four times as much."""
    return sums._replace(y=4 * sums.y, ny=4 * sums.ny, yy=16 * sums.yy)


NO_LABELS = Labels()
OBSTACLES: dict[str, tuple[dict[str, object], str]] = {
    "no labels": (
        {
            "candidate": changed(ARM, flagged=NO_LABELS, unflagged=NO_LABELS),
            "control": changed(GOOD.control, flagged=NO_LABELS, unflagged=NO_LABELS),
        },
        "People have labelled 0 turns, and 150 are needed",
    ),
    "few judged": ({"candidate": changed(ARM, judged=499)}, "The judge has seen 499"),
    "another judge": ({"judge_versions": ("judge", "judge-2")}, "judge-2 has judged"),
    "a judge that flags what is right": (
        {
            "flags": Pair(louder(GOOD.flags.candidate), louder(GOOD.flags.control)),
            "candidate": changed(ARM, flagged=Labels(labelled=200, hallucinated=20)),
        },
        "specificity may be as low as",
    ),
    "more flags": (
        {"flags": Pair(GOOD.flags.candidate._replace(y=1.6 * GOOD.flags.candidate.y), GOOD.flags.control)},
        "It is not shown that the candidate hallucinates at most 0.6 points more",
    ),
    "silence": (
        {"silence": Pair(GOOD.silence.candidate._replace(y=1.07 * GOOD.silence.candidate.y), GOOD.silence.control)},
        "its gain may be a seeming one: 0 and 0 issues are audited",
    ),
    "no latencies": ({"candidate": changed(ARM, latencies_s=())}, "Latency: not known of both arms"),
    "slower": (
        {"candidate": changed(ARM, latencies_s=tuple(tuple(1.2 * s for s in user) for user in ARM.latencies_s))},
        "not shown to be at most 10 % above the control's",
    ),
    "dearer": (
        {
            "cost": Pair(
                GOOD.cost.candidate._replace(
                    y=1.2 * GOOD.cost.candidate.y, ny=1.2 * GOOD.cost.candidate.ny, yy=1.44 * GOOD.cost.candidate.yy
                ),
                GOOD.cost.control,
            )
        },
        "Cost: not shown to be at most 10 %",
    ),
    "refusals": (
        {"refusals": Pair(GOOD.refusals.candidate._replace(y=1.3 * GOOD.refusals.candidate.y), GOOD.refusals.control)},
        "Refusals: +",
    ),
}


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_whatever_is_not_shown_holds_though_resolution_is_better(obstacle: str) -> None:
    fields, text = OBSTACLES[obstacle]
    decision = decide(changed(GOOD, **fields), RULES)
    assert (decision.verdict, decision.ended) == (Verdict.HOLD, False)
    assert text in reasons(decision)
    assert decision.look is not None
    assert decision.look.z > decision.look.bound


def test_not_worse_asks_for_less_than_beat() -> None:
    """With flags just above the control's, well within the margin."""
    flags = GOOD.flags
    close = flags.control.y / flags.control.n * flags.candidate.n * 1.005
    counts = changed(GOOD, flags=Pair(flags.candidate._replace(y=close), flags.control))
    assert "has to be lower" in reasons(decide(counts, RULES))
    assert decide(counts, changed(RULES, hallucination=Hallucination(rule="not_worse"))).verdict is Verdict.PROMOTE


@pytest.mark.parametrize(
    ("total", "verdict"),
    [(0.0, Verdict.PROMOTE), (-40.0, Verdict.HOLD)],
    ids=["audits agree", "audits take the gain away"],
)
def test_with_audits_a_silent_gain_counts_as_far_as_people_saw_it(total: float, verdict: Verdict) -> None:
    silence = Pair(GOOD.silence.candidate._replace(y=1.045 * GOOD.silence.candidate.y), GOOD.silence.control)
    ours, theirs = Audits(issues=500, total=total, squares=abs(total)), Audits(issues=500, total=0.0, squares=0.0)
    counts = changed(
        GOOD, silence=silence, candidate=changed(ARM, audits=ours), control=changed(GOOD.control, audits=theirs)
    )
    assert decide(counts, RULES).verdict is verdict


def test_fewer_silent_users_fake_no_gain() -> None:
    silence = Pair(GOOD.silence.candidate._replace(y=0.8 * GOOD.silence.candidate.y), GOOD.silence.control)
    assert decide(changed(GOOD, silence=silence), RULES).verdict is Verdict.PROMOTE


VOID: dict[str, tuple[dict[str, object], str]] = {
    "a split that is off": ({"exposed": (Split(share=0.05, candidate=4_500, control=95_500),)}, "4500 of 100000 users"),
    "a taint": ({"taints": ("The index changed on Monday.",)}, "The index changed on Monday."),
    "a clock that stands before the start": ({"started_at": GOOD.at + 1}, "before the run's start"),
}


@pytest.mark.parametrize("fault", VOID)
def test_a_run_that_proves_nothing_is_held_for_good(fault: str) -> None:
    fields, text = VOID[fault]
    decision = decide(changed(GOOD, **fields), RULES)
    assert (decision.verdict, decision.ended, decision.share) == (Verdict.HOLD, True, 0.0)
    assert text in reasons(decision)


def test_harm_counts_in_a_tainted_run_too() -> None:
    assert decide(changed(GOOD, taints=("x",), severe=("y",)), RULES).verdict is Verdict.ROLLBACK


def test_what_cannot_gain_enough_any_more_is_dropped() -> None:
    decision = decide(counts_at(4, world=replace(WORLD, candidate=Effect(ftr=0.695))), RULES)
    assert (decision.verdict, decision.ended) == (Verdict.FUTILE, True)
    assert "1.5 points, is out of reach" in reasons(decision)


def test_too_few_issues_are_no_look() -> None:
    counts = changed(GOOD, candidate=changed(ARM, issues=199))
    decision = decide(counts, RULES)
    assert (decision.verdict, decision.look) == (Verdict.HOLD, None)
    assert "199" in reasons(decision)


def test_the_time_runs_out_into_a_hold() -> None:
    world = World(turns_per_day=300)
    decision = decide(counts_at(14, world=world), RULES)
    assert (decision.verdict, decision.ended) == (Verdict.HOLD, True)
    decision = decide(changed(counts_at(14, world=world), at=20 * DAY_S + 1, candidate=Arm()), RULES)
    assert (decision.verdict, decision.ended) == (Verdict.HOLD, True)


def test_busy_traffic_waits_for_three_days_and_a_weekday() -> None:
    world = replace(WORLD, turns_per_day=100_000)
    early = decide(counts_at(2, world=world), RULES)
    assert (early.verdict, early.ended) == (Verdict.HOLD, False)
    assert "3 days are waited for" in reasons(early)
    later = counts_at(3, world=world)
    assert decide(later, RULES).verdict is Verdict.PROMOTE
    assert "weekday" in reasons(decide(changed(later, had_weekday=False), RULES))


def test_a_look_is_taken_once_a_day_and_what_it_spent_stays_spent() -> None:
    trial = Trial(World(turns_per_day=20_000), RULES, np.random.default_rng(3), ticks=HOURS)
    looks: list[Look] = []
    for hour in range(1, 97):
        decision = settle(trial.at(hour), RULES, looks=looks)
        if decision.ended:
            break
        if decision.look:
            looks.append(decision.look)
    assert [look.at / DAY_S for look in looks] == [float(day) for day in range(2, 2 + len(looks))]
    assert [look.spent for look in looks] == sorted(look.spent for look in looks)
    assert len(looks) >= 1


@pytest.mark.parametrize(
    ("share", "held_s", "following"),
    [
        (0.05, DAY_S - 1, 0.05),
        (0.05, DAY_S, 0.25),
        (0.25, DAY_S, 0.25),
        (0.25, 2 * DAY_S, 0.5),
        (0.5, 9 * DAY_S, 0.5),
        (0.0, DAY_S, 0.0),
    ],
)
def test_the_share_grows_step_by_step(share: float, held_s: float, following: float) -> None:
    assert next_share(Counts(started_at=0.0, at=held_s, share=share, share_since=0.0), RULES) == following


@given(st.integers(1, HOURS - 1), st.sampled_from([200, 2_000, 20_000]), st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_what_is_decided_is_never_a_promotion_of_nothing(hour: int, turns: int, seed: int) -> None:
    """Whatever an identical candidate's counts: a decision comes with reasons for its verdict, and in order."""
    rules = Rules(steps=(Step(share=0.5),))
    trial = Trial(World(turns_per_day=turns), rules, np.random.default_rng(seed), ticks=hour)
    decision = decide(trial.at(hour), rules)
    assert decision.reasons
    assert decision.reasons[0].verdict is decision.verdict
    assert decision.share == (0.0 if decision.ended else 0.5)
    assert msgspec.json.decode(msgspec.json.encode(decision), type=Decision) == decision


def test_no_counts_at_all_are_a_hold_with_unknown_figures() -> None:
    decision = decide(Counts(started_at=0.0, at=HOUR_S, share=0.05, share_since=0.0), RULES)
    assert (decision.verdict, decision.ended) == (Verdict.HOLD, False)
    known: Sequence[float | None] = [figure.candidate for figure in decision.figures] + [
        figure.low for figure in decision.figures
    ]
    assert set(known) == {None}


@pytest.mark.parametrize(("hours", "is_watched"), [(23, True), (73, False)])
def test_a_watch_at_the_share_of_the_next_step_ends_with_its_time(hours: int, *, is_watched: bool) -> None:
    """A split of 50/50 is watched for a day, and decided on after it, without its share ever changing."""
    rules = Rules(steps=(Step(share=0.5, hold_s=DAY_S, is_watch=True), Step(share=0.5)))
    at = GOOD.started_at + hours * HOUR_S
    counts = changed(GOOD, share=0.5, share_since=GOOD.started_at, at=at)
    assert (decide(counts, rules).verdict is Verdict.HOLD) is is_watched
    assert next_share(counts, rules) == 0.5


def test_a_step_that_follows_two_of_one_share_comes_when_both_are_over() -> None:
    steps = (Step(share=0.05, hold_s=DAY_S, is_watch=True), Step(share=0.05, hold_s=DAY_S), Step(share=0.5))
    rules = Rules(steps=steps)
    shares = [
        next_share(changed(GOOD, share=0.05, share_since=0.0, at=hours * HOUR_S), rules) for hours in (1, 25, 47, 49)
    ]
    assert shares == [0.05, 0.05, 0.05, 0.5]


def test_a_watch_that_nothing_follows_promotes_nothing() -> None:
    rules = Rules(steps=(Step(share=0.25, hold_s=DAY_S, is_watch=True),))
    counts = changed(GOOD, share=0.25, share_since=GOOD.started_at, at=GOOD.started_at + 3 * DAY_S)
    assert decide(counts, rules).verdict is Verdict.HOLD
