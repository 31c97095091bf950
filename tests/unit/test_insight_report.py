"""A report: each figure from the journal, with its interval, and unknown for what nobody knows."""

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec
import pytest

from shipmate.charter import Charter, Goal, Slo
from shipmate.insight.askers import Askers
from shipmate.insight.audit import Audit, label_events
from shipmate.insight.labels import LABEL_VERSION, MATURED
from shipmate.insight.maturing import Maturing, Steady
from shipmate.insight.outcomes import BroughtOutcome, outcome_events
from shipmate.insight.reading import Reading, first_since, read
from shipmate.insight.report import Measure, Report
from shipmate.insight.sketch import Sketch
from shipmate.insight.uptime import MINUTE, STARTED, STOPPED
from shipmate.messages import Entry, Event
from shipmate.testing.clock import TickingClock
from shipmate.testing.memory_store import MemoryStore

NOW = 1_800_000_000.0
HOUR, DAY = 3600.0, 86_400.0


def turn(number: int, at: float, *, release: str = "r1", **data: Any) -> Event:
    said = {"intent": "berths", "kind": "answer", "latency_ms": 200.0, "ttft_ms": 80.0, "cost_usd": 0.0001}
    return Event(
        name="assistant.turn.completed",
        ts=at,
        event_id=f"e{number}",
        conversation_id=f"c{number}",
        issue_id=f"i{number}",
        turn_id=f"t{number}",
        user_hash=f"u{number}",
        release=release,
        data=said | data,
    )


def said(number: int, name: str, label: str, **data: object) -> Event:
    return Event(
        name="gen_ai.evaluation.result",
        ts=NOW - 4 * DAY,
        event_id=f"v{number}-{name}-{label}-{data.get('rater', '')}",
        issue_id=f"i{number}",
        turn_id=f"t{number}",
        release="r1",
        data={"name": name, "label": label} | data,
    )


def week(count: int = 200) -> list[Event]:
    return [turn(number, NOW - 5 * DAY + number) for number in range(count)]


def reported(
    events: Sequence[Event],
    charter: Charter | None = None,
    *,
    usd_per_h: float | None = None,
    since: float = 0.0,
    release: str = "",
) -> Report:
    async def reading() -> Report:
        store = MemoryStore()
        await store.record(events)
        return await read(
            store, Reading(now=NOW, since=since, usd_per_h=usd_per_h, release=release), charter, since=since
        )

    return asyncio.run(reading())


def figure(report: Report, name: str) -> Measure:
    return next(one for one in (*report.overall.rows, *report.overall.details) if one.name == name)


def test_of_an_empty_journal_nothing_is_known() -> None:
    report = reported([])
    assert [row.name for row in report.overall.rows] == [
        "ftr",
        "latency_p95_s",
        "hallucination_rate",
        "cost_per_1k_usd",
        "uptime",
    ]
    assert {row.status for row in report.overall.rows} == {"unknown"}
    assert {row.value for row in report.overall.rows} == {None}
    assert all(row.note and row.definition for row in report.overall.rows)


def test_ftr_counts_problems_whose_72_hours_are_over() -> None:
    report = reported([*week(), turn(900, NOW - HOUR), turn(901, NOW - 60)])
    assert (figure(report, "ftr").n, figure(report, "ftr").status) == (200, "met")
    assert figure(report, "ftr_fast").n == 201


def test_a_target_is_neither_met_nor_missed_while_the_interval_holds_it() -> None:
    def failing(share: int) -> list[Event]:
        handoffs = [
            Event(name="assistant.handoff.made", ts=NOW - 5 * DAY + 60, event_id=f"h{n}", issue_id=f"i{n}")
            for n in range(share)
        ]
        return [*week(), *handoffs]

    assert [figure(reported(failing(bad)), "ftr").status for bad in (20, 60, 120)] == ["met", "unknown", "not met"]


def test_silence_is_kept_apart_from_what_was_confirmed() -> None:
    thumbs = [
        Event(name="assistant.feedback", ts=NOW - 5 * DAY + 60, event_id=f"f{n}", turn_id=f"t{n}", data={"value": 1})
        for n in range(50)
    ]
    report = reported([*week(), *thumbs])
    assert figure(report, "ftr").value == 1.0
    assert figure(report, "ftr_confirmed").value == 0.25


def test_what_comes_twice_counts_once() -> None:
    once = reported(week())
    twice = reported([*week(), *week()])
    assert twice.overall == once.overall


def test_few_are_shown_in_grey() -> None:
    report = reported([*week(40), *(turn(500 + n, NOW - 5 * DAY, intent="mooring") for n in range(29))])
    assert {part.value: part.is_grey for part in report.overall.parts} == {"berths": False, "mooring": True}


def test_each_release_is_reported_by_itself_and_since_when_one_asks() -> None:
    late = [turn(700 + n, NOW - 4 * DAY, release="r2", latency_ms=900.0) for n in range(100)]
    report = reported([*week(), *late])
    assert {group.release: group.turns for group in report.releases} == {"r1": 200, "r2": 100}
    assert reported([*week(), *late], since=NOW - 4.5 * DAY).overall.turns == 100
    assert reported([*week(), *late], release="r1").overall.turns == 200


def test_the_hallucination_rate_is_unknown_until_people_have_calibrated_the_judge() -> None:
    flags = [
        said(n, "hallucination", "hallucinated" if n < 20 else "supported", judge_version="j1") for n in range(200)
    ]
    raw = reported([*week(), *flags])
    assert figure(raw, "hallucination_rate").value is None
    assert "not calibrated" in figure(raw, "hallucination_rate").note
    assert figure(raw, "flag_rate").value == 0.1
    # Of what was flagged, people find half to be right; and nothing amiss in the rest.
    people = [
        said(n, "hallucination", "hallucinated" if n < 10 else "supported", by="human", rater="ada", of="j1")
        for n in range(170)
    ]
    known = reported([*week(), *flags, *people])
    rate = figure(known, "hallucination_rate")
    assert rate.value == pytest.approx(0.05)
    assert rate.low is not None
    assert rate.high is not None
    assert rate.low < 0.05 < rate.high
    assert figure(known, "specificity").value == pytest.approx(180 / 190)


def test_an_audit_corrects_what_silence_made_too_good() -> None:
    audits = [
        said(
            n, "ftr_audit", "unresolved" if n % 4 == 0 else "resolved",
            by="human", rater="ada", stratum="random", recorded=1,
        )
        for n in range(100)
    ]  # fmt: skip
    report = reported([*week(), *audits])
    assert figure(report, "ftr").value == 1.0
    corrected = figure(report, "ftr_audited")
    assert corrected.value == pytest.approx(0.75)
    assert corrected.n == 100
    assert figure(report, "agreement").value is None
    second = [
        said(n, "ftr_audit", "unresolved" if n % 4 == 0 else "resolved", by="human", rater="bob", stratum="random")
        for n in range(40)
    ]
    assert figure(reported([*week(), *audits, *second]), "agreement").value == 1.0


def test_two_releases_come_out_as_they_are_reckoned_by_hand() -> None:
    """Six problems of r1 and four of r2, of ten people; each number stands in the comments."""
    began = NOW - 5 * DAY
    events = [
        # r1: 0 in silence, 1 with thumbs up, 2 with thumbs down, 3 to a person, 4 comes back after a day, 5 is a greeting.
        *(turn(n, began, latency_ms=100.0 * (n + 1), cost_usd=0.001) for n in range(5)),
        turn(5, began, intent="", sign="greeting", cost_usd=0.0),
        Event(name="assistant.feedback", ts=began + 60, event_id="f1", turn_id="t1", data={"value": 1}),
        Event(name="assistant.feedback", ts=began + 60, event_id="f2", turn_id="t2", data={"value": -1}),
        Event(name="assistant.handoff.made", ts=began + 60, event_id="h3", issue_id="i3"),
        # r2: what comes back is its own; 7 is asked back, 8 is refused within scope, 9 outside of it.
        msgspec.structs.replace(turn(6, began + DAY, release="r2"), user_hash="u4"),
        turn(7, began, release="r2", kind="clarify"),
        turn(8, began, release="r2", kind="refuse"),
        turn(9, began, release="r2", kind="refuse", out_of_scope=True),
    ]
    told = {(group.release, one.name): one for group in reported(events).releases for one in group.rows + group.details}
    # r1: 0 and 1 of five; 4 as well by the fast clock. Confirmed is 1 alone.
    assert (told["r1", "ftr"].value, told["r1", "ftr"].n) == (2 / 5, 5)
    assert (told["r1", "ftr_fast"].value, told["r1", "ftr_fast"].n) == (3 / 5, 5)
    assert told["r1", "ftr_confirmed"].value == 1 / 5
    assert told["r1", "resolution_rate"].value == 2 / 5
    # r2: 6 of three, and with the question back 7 as well without a person.
    assert (told["r2", "ftr"].value, told["r2", "ftr"].n) == (1 / 3, 3)
    assert told["r2", "resolution_rate"].value == 2 / 3
    # Five answers of six cost a tenth of a cent: 0.005 / 6 * 1000.
    assert told["r1", "cost_marginal_per_1k_usd"].value == pytest.approx(5 / 6)
    assert told["r1", "latency_p95_s"].value is None


def of_people(people: int, each: int) -> list[Event]:
    """Return questions of people half of whom are always handed to a person."""
    asked = [
        msgspec.structs.replace(turn(1000 * who + n, NOW - 5 * DAY + n, intent=f"intent-{n}"), user_hash=f"u{who}")
        for who in range(people)
        for n in range(each)
    ]
    handed = [
        Event(name="assistant.handoff.made", ts=one.ts + 60, event_id=f"h{one.event_id}", issue_id=one.issue_id)
        for one in asked
        if int(one.user_hash[1:]) % 2
    ]
    return [*asked, *handed]


def test_people_who_ask_often_make_a_share_less_sure() -> None:
    """400 problems of 400 people tell more than 400 of 40 who always fare alike: as much as 40."""
    many, few = (figure(reported(of_people(*how)), "ftr") for how in ((400, 1), (40, 10)))
    assert (many.value, few.value, many.n, few.n) == (0.5, 0.5, 400, 400)
    assert (many.low, many.high) == pytest.approx((0.4513, 0.5487), abs=2e-3)
    assert (few.low, few.high) == pytest.approx((0.352, 0.648), abs=5e-3)
    assert "design effect" in few.note
    assert not many.note


def test_whoever_asks_alone_is_one_person() -> None:
    alone = figure(reported(of_people(1, 50)), "ftr")
    assert (alone.value, alone.n, alone.status) == (1.0, 50, "unknown")
    assert alone.low == pytest.approx(0.2065, abs=1e-3)


def test_a_cost_that_hangs_on_who_asks_is_less_sure() -> None:
    def bounds(people: int) -> float:
        costs = [
            msgspec.structs.replace(
                turn(n, NOW - 5 * DAY + n, cost_usd=0.001 * (n % people % 2)), user_hash=f"u{n % people}"
            )
            for n in range(400)
        ]
        found = figure(reported(costs), "cost_marginal_per_1k_usd")
        assert found.low is not None
        assert found.high is not None
        return found.high - found.low

    assert bounds(40) == pytest.approx(bounds(400) * 10**0.5, rel=0.05)


def test_of_many_people_a_part_is_kept_that_tells_the_same() -> None:
    askers = Askers()
    for who in range(100_000):
        for n in range(2):
            askers.add(f"u{who}", 1.0, float(who % 2 or n), float(who % 2 or n))
    # Of two problems each, one half of the people have both solved and the others one: reckoned, 0.667.
    assert len(askers) <= 20_000
    assert askers.design_effect == 1.0
    alike = Askers()
    for who in range(100_000):
        for _ in range(4):
            alike.add(f"u{who}", 1.0, float(who % 2), float(who % 2))
    assert alike.design_effect == pytest.approx(4.0, rel=0.02)


def audits(numbers: range, good: int, *, sampled_p: float) -> list[Event]:
    return [
        said(
            n, "ftr_audit", "resolved" if place < good else "unresolved",
            by="human", rater="ada", stratum="random", recorded=1, sampled_p=sampled_p,
        )
        for place, n in enumerate(numbers)
    ]  # fmt: skip


def test_a_conversation_of_a_busy_day_stands_for_more_than_one_of_a_quiet_day() -> None:
    quiet, busy = audits(range(10), 10, sampled_p=0.5), audits(range(10, 20), 5, sampled_p=0.05)
    # 20 quiet ones were all solved, and half of 200 busy ones were.
    assert figure(reported([*week(), *quiet, *busy]), "ftr_audited").value == pytest.approx(120 / 220)


def test_an_audit_is_held_against_the_clock_that_it_was_drawn_by() -> None:
    """A return within 72 hours is no error of the 30-minute label, and must not be deducted twice."""
    late = [
        msgspec.structs.replace(turn(1000 + n, NOW - 4 * DAY - HOUR), user_hash=f"u{n}", issue_id=f"again{n}")
        for n in range(100)
    ]
    report = reported([*week(200), *late, *audits(range(100), 50, sampled_p=1.0)])
    assert figure(report, "ftr_fast").value == 1.0
    assert figure(report, "ftr").value == pytest.approx(200 / 300)
    assert figure(report, "ftr_audited").value == pytest.approx(0.5)


def test_where_no_judge_has_looked_people_who_read_enough_say_the_rate() -> None:
    def read_by_people(count: int) -> Measure:
        labels = [
            said(n, "hallucination", "hallucinated" if n < 2 else "supported", by="human", rater="ada")
            for n in range(count)
        ]
        return figure(reported([*week(), *labels]), "hallucination_rate")

    few, enough = read_by_people(29), read_by_people(100)
    assert few.value is None
    assert (enough.value, enough.n, enough.status) == (0.02, 100, "unknown")
    assert "by people alone" in enough.note


def minutes(count: int, begin: float, bad: int = 0) -> list[Event]:
    return [
        Event(
            name=MINUTE,
            ts=begin + 60 * (n + 1),
            event_id=f"m{begin}-{n}",
            release="r1",
            data={"due": 4, "good": 0 if n < bad else 4, "span_s": 60, "up_s": 60 * (n + 1)},
        )
        for n in range(count)
    ]


def life(begin: float, count: int, *, stops: bool) -> list[Event]:
    end = begin + 60 * count
    started = Event(name=STARTED, ts=begin, event_id=f"s{begin}", release="r1")
    stopped = Event(name=STOPPED, ts=end, event_id=f"x{begin}", release="r1")
    return [started, *minutes(count, begin), *([stopped] if stops else [])]


def test_a_crash_counts_as_failed_probes_and_a_stop_does_not() -> None:
    begin = NOW - 3 * HOUR
    stopped = reported([*week(), *life(begin, 60, stops=True), *life(NOW - HOUR, 60, stops=True)])
    assert figure(stopped, "uptime").value == 1.0
    assert "stopped on purpose for 1.0 h" in figure(stopped, "uptime").note
    crashed = reported([*week(), *life(begin, 60, stops=False), *life(NOW - HOUR, 60, stops=True)])
    assert figure(crashed, "uptime").value == pytest.approx(480 / 720)
    dead = reported([*week(), *life(begin, 60, stops=False)])
    assert figure(dead, "uptime").value == pytest.approx(240 / 720)


def test_the_machines_are_shared_out_over_the_questions() -> None:
    events = [*week(), *life(NOW - HOUR, 60, stops=True)]
    assert figure(reported(events, usd_per_h=2.0), "cost_per_1k_usd").value == pytest.approx(0.1 + 1000 * 2.0 / 200)
    models_alone = figure(reported(events), "cost_per_1k_usd")
    assert models_alone.value == pytest.approx(0.1)
    assert models_alone.status == "unknown"
    assert figure(reported(week(), usd_per_h=2.0), "cost_per_1k_usd").value is None


def test_tokens_without_a_price_are_no_answers_for_nothing() -> None:
    free = [turn(n, NOW - 5 * DAY + n, cost_usd=0.0) for n in range(100)]
    unpriced = [turn(100 + n, NOW - 5 * DAY + n, cost_usd=0.0, tokens_in=2000) for n in range(100)]
    assert figure(reported(free), "cost_marginal_per_1k_usd").value == 0.0
    for usd_per_h in (None, 0.4):
        cost = figure(reported([*unpriced, *minutes(60, NOW - 5 * DAY)], usd_per_h=usd_per_h), "cost_per_1k_usd")
        assert (cost.value, cost.status) == (None, "unknown")
        assert "price" in cost.note


def test_what_a_team_measures_itself_may_be_the_goal() -> None:
    brought = [
        BroughtOutcome(name="ticket_avoided", value=n % 2, at="2026-11-28T09:00:00Z", id=str(n)) for n in range(100)
    ]
    goal = Goal(
        statement="Half of the tickets are avoided.",
        metric="outcome:ticket_avoided",
        baseline=0.2,
        target=0.4,
        by=date(2027, 6, 1),
    )
    report = reported([*week(), *outcome_events(brought, NOW)], Charter(goal=goal, slo=Slo()))
    assert report.goal is not None
    assert (report.goal.now.value, report.goal.now.n) == (0.5, 100)
    assert report.goal.progress == pytest.approx(1.5)
    assert report.goal.now.status == "met"


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [([1.0], 0.2065, 1.0), ([1.0, 1.0], 0.3424, 1.0), ([12.5], None, None), ([2.0, 2.0], None, None)],
)
def test_a_few_outcomes_meet_no_goal(values: list[float], low: float | None, high: float | None) -> None:
    brought = [
        BroughtOutcome(name="ticket_avoided", value=value, at="2026-11-28T09:00:00Z", id=f"o{n}")
        for n, value in enumerate(values)
    ]
    goal = Goal(statement="Fewer tickets", metric="outcome:ticket_avoided", baseline=0.2, target=0.6)
    report = reported(outcome_events(brought, NOW), Charter(goal=goal, slo=Slo()))
    (outcome,) = report.outcomes
    assert [outcome.low, outcome.high] == pytest.approx([low, high], abs=1e-3)
    assert report.goal is not None
    assert (report.goal.now.value, report.goal.now.status) == (values[0], "unknown")


def test_a_goal_that_falls_is_met_from_above() -> None:
    goal = Goal(metric="latency_p95_s", baseline=3.0, target=1.0)
    report = reported(week(), Charter(goal=goal))
    assert report.goal is not None
    assert report.goal.now.status == "met"
    assert report.goal.progress is not None
    assert report.goal.progress > 1


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_a_sketch_is_true_within_a_percent(q: float) -> None:
    sketch, halves = Sketch(), (Sketch(), Sketch())
    values = [0.001 * 1.003**n for n in range(2000)]
    for number, value in enumerate(values):
        sketch.add(value)
        halves[number % 2].add(value)
    halves[0].update(halves[1])
    found, merged = sketch.quantile(q), halves[0].quantile(q)
    assert found is not None
    assert found == merged
    assert found.estimate == pytest.approx(values[int(2000 * q) - 1], rel=0.011)
    assert found.low < found.estimate < found.high


def test_too_few_values_bound_no_high_quantile() -> None:
    sketch = Sketch()
    for _ in range(60):
        sketch.add(1.0)
    assert sketch.quantile(0.95) is None
    assert sketch.quantile(0.5) is not None


def test_outcomes_of_long_ago_hide_nothing_that_was_asked_before_they_were_brought() -> None:
    old = [BroughtOutcome(name="order_saved", value=1, at="2020-01-01T00:00:00Z", id=f"o{n}") for n in range(500)]
    long_ago = [turn(1000 + n, NOW - 300 * DAY + n) for n in range(300)]
    report = reported([*long_ago, *week(100), *outcome_events(old, NOW - 4 * DAY)], since=NOW - 5.5 * DAY)
    assert (report.overall.turns, report.outcomes) == (100, ())


def test_reading_begins_where_the_time_does() -> None:
    async def found(ts: float) -> int:
        store = MemoryStore()
        await store.record(week())
        return await first_since(store, ts)

    assert asyncio.run(found(NOW - 5 * DAY)) == 0
    assert asyncio.run(found(NOW - 5 * DAY + 100)) == 100
    assert asyncio.run(found(NOW)) == 200


def test_labels_are_told_once_by_however_many_processes() -> None:
    async def told() -> list[Entry]:
        clock, store = TickingClock(NOW), MemoryStore()
        await store.record(week(20))
        assert await Maturing(store, clock).look() == 40
        # A restart, and one that had begun before and did not see what was told.
        assert await Maturing(store, clock).look() == 0
        clock.at += DAY
        assert await Maturing(store, clock).look() == 0
        return list(await store.events(0, 1000))

    matured = [entry.event for entry in asyncio.run(told()) if entry.event.name == MATURED]
    assert len({event.event_id for event in matured}) == 40
    assert {event.data["label_version"] for event in matured} == {LABEL_VERSION}


class TwoClocks(TickingClock):
    """A clock that is set, beside one that is not."""

    ran = 0.0

    def elapsed(self) -> float:
        return self.ran


def test_a_leap_of_the_clock_is_believed_once_it_has_lasted() -> None:
    clock = TwoClocks(NOW)
    steady = Steady(clock)
    clock.at, clock.ran = NOW + DAY, 10.0
    assert steady.now() == NOW + 10
    clock.at, clock.ran = NOW + 20, 20.0
    assert steady.now() == NOW + 20
    clock.at, clock.ran = NOW + DAY, 30.0
    assert steady.now() == NOW + 30
    clock.at, clock.ran = NOW + DAY + 1790, 1820.0
    assert steady.now() == NOW + 1820
    clock.at, clock.ran = NOW + DAY + 1800, 1830.0
    assert steady.now() == NOW + DAY + 1800


def test_who_only_tests_counts_in_no_figure() -> None:
    reading = Reading(now=NOW, since=0.0, test_callers=frozenset({"u-test"}))
    own = [msgspec.structs.replace(event, user_hash="u-test", event_id=f"x{event.event_id}") for event in week(50)]
    reading.take([Entry(seq, event) for seq, event in enumerate([*week(), *own], start=1)])
    report = reading.report()
    assert (report.overall.turns, figure(report, "ftr").n) == (200, 200)


def drawing(events: Sequence[Event]) -> Audit:
    async def drawn() -> Audit:
        store = MemoryStore()
        await store.record(events)
        await Maturing(store, TickingClock(NOW)).look()
        audit = Audit(NOW - 14 * DAY)
        audit.take(await store.events(0, 10_000))
        return audit

    return asyncio.run(drawn())


def test_an_audit_draws_ten_a_day_the_same_each_time_and_what_was_flagged() -> None:
    flags = [said(n, "hallucination", "hallucinated", judge_version="j1") for n in range(0, 200, 20)]
    drawn = drawing([*week(), *flags]).drawn()
    random = [one for one in drawn if one.stratum == "random"]
    assert len(random) == 10
    assert {one.sampled_p for one in random} == {10 / 200}
    assert drawn == drawing([*week(), *flags]).drawn()
    assert {one.turn_id for one in drawn if one.is_flagged} == {f"t{n}" for n in range(0, 200, 20)}


def test_of_a_trial_as_many_are_drawn_as_its_verdict_needs_of_what_was_flagged_and_of_what_was_not() -> None:
    """They are no sample of all conversations, and so correct no average."""
    tried = [msgspec.structs.replace(event, flag_key="run1", variant="v2") for event in week()]
    judged = [
        said(n, "hallucination", "hallucinated" if n % 2 else "supported", judge_version="j1") for n in range(200)
    ]
    drawn = drawing([*tried, *judged]).drawn()
    of_trial = [one for one in drawn if one.stratum == "trial"]
    assert len([one for one in drawn if one.is_flagged]) == 100
    assert 65 <= len([one for one in of_trial if not one.is_flagged]) <= 75
    assert {one.sampled_p for one in of_trial if not one.is_flagged} == {0.75}
    assert len({one.issue_id for one in drawn}) == len(drawn)


def test_what_people_say_of_a_draw_is_what_the_report_reads() -> None:
    events = week()
    audit = drawing(events)
    labels: list[Event] = []
    for number, one in enumerate(audit.drawn()):
        ids = (f"a{number}", f"b{number}")
        labels += label_events(one, is_resolved=number > 4, is_supported=True, rater="ada", now=NOW - DAY, ids=ids)
    corrected = figure(reported([*events, *labels]), "ftr_audited")
    assert corrected.n == 10
    assert corrected.value == pytest.approx(0.5)
