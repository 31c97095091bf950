"""An exit report claims no more than its users, who are few and ask often, can show."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipmate.charter import Charter, Goal, Slo
from shipmate.messages import Entry, Event
from shipmate.release.pilot import STARTED, Measured, count_uptime, exit_report, measured_in
from shipmate.release.standing import Standing, audited, judge_mean, judge_share, needed_of

RUN = "pilot-1"


def counted(rows: list[tuple[int, int]]) -> Measured:
    """Return the measure `m` of users who each have (n, y)."""
    measured = Measured()
    for number, (n, y) in enumerate(rows):
        measured.add("m", f"u{number}", float(y), float(n))
    return measured


def test_fifty_users_with_ten_conversations_each_have_to_show_75_2_percent_to_claim_70() -> None:
    """Where users are as alike as plans assume, 500 conversations are worth 213."""
    assert needed_of(0.70, 500 / 2.35, at_least=True) == pytest.approx(0.752, abs=0.0005)


@pytest.mark.parametrize(("checked", "bad"), [(500, 1), (2000, 15)])
def test_so_many_hallucinations_show_a_rate_of_at_most_1_2_percent(checked: int, bad: int) -> None:
    needed = needed_of(0.012, checked, at_least=False)
    assert needed is not None
    assert round(needed * checked) == bad


def test_a_few_checked_answers_show_no_low_rate_however_good_they_are() -> None:
    """At 1.2 % it takes 249 answers without one bad."""
    for checked, standing in ((248, Standing.NOT_SHOWN), (250, Standing.SHOWN)):
        finding = judge_share(
            counted([(checked // 2, 0)] * 2).sums("m"), metric="m", means="", target=0.012, at_least=False
        )
        assert finding.standing == standing
        assert (finding.needed is None) == (standing is Standing.NOT_SHOWN)
        assert ("249 without one bad" in finding.why) == (standing is Standing.NOT_SHOWN)


@pytest.mark.parametrize(
    ("share", "standing"),
    [(0.9, Standing.SHOWN), (0.72, Standing.NOT_SHOWN), (0.68, Standing.NOT_SHOWN), (0.4, Standing.CONTRADICTED)],
)
def test_a_point_estimate_above_the_target_is_not_enough(share: float, standing: Standing) -> None:
    rng = random.Random(7)
    rows = [(10, sum(rng.random() < share for _ in range(10))) for _ in range(50)]
    finding = judge_share(counted(rows).sums("m"), metric="m", means="", target=0.70, at_least=True)
    assert finding.standing == standing


def test_one_user_who_asks_often_shows_less_than_many_who_ask_once() -> None:
    alike = [(20, 20)] * 20 + [(20, 0)] * 5
    apart = [(1, 1)] * 400 + [(1, 0)] * 100
    few, many = (
        judge_share(counted(rows).sums("m"), metric="m", means="", target=0.70, at_least=True)
        for rows in (alike, apart)
    )
    assert (few.standing, many.standing) == (Standing.NOT_SHOWN, Standing.SHOWN)
    assert few.design_effect is not None
    assert many.design_effect is not None
    assert few.design_effect > 15
    assert many.design_effect == pytest.approx(1, abs=0.01)


def test_where_all_came_out_alike_users_count_as_plans_assume() -> None:
    finding = judge_share(counted([(10, 10)] * 50).sums("m"), metric="m", means="", target=0.70, at_least=True)
    assert finding.design_effect == pytest.approx(2.35)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.floats(0, 1)), min_size=2, max_size=60),
    st.sampled_from([0.012, 0.05, 0.3, 0.7, 0.95, 0.9995]),
    st.booleans(),
)
def test_what_is_shown_reaches_what_was_needed_and_lies_inside_its_interval(
    users: list[tuple[int, float]],
    target: float,
    at_least: bool,  # noqa: FBT001 - drawn
) -> None:
    rows = [(n, round(n * share)) for n, share in users]
    finding = judge_share(counted(rows).sums("m"), metric="m", means="", target=target, at_least=at_least)
    assert finding.measured is not None
    value, low, high = finding.measured
    assert 0 <= low <= value <= high <= 1
    if finding.standing is Standing.SHOWN:
        assert finding.needed is not None
        assert (value >= finding.needed - 1e-9) if at_least else (value <= finding.needed + 1e-9)
        assert (low >= target) if at_least else (high <= target)
    if finding.standing is Standing.CONTRADICTED:
        assert (high < target) if at_least else (low > target)


def test_a_claim_that_is_not_true_is_shown_in_one_of_twenty_pilots() -> None:
    """At the very target, with users who differ, the report says `shown` about as often as it may be wrong."""
    rng = random.Random(11)
    shown = 0
    for _ in range(400):
        rows = []
        for _ in range(50):
            # A user's own share: an intraclass correlation of 0.15.
            own = rng.betavariate(0.7 * 17 / 3, 0.3 * 17 / 3)
            rows.append((10, sum(rng.random() < own for _ in range(10))))
        finding = judge_share(counted(rows).sums("m"), metric="m", means="", target=0.70, at_least=True)
        shown += finding.standing is Standing.SHOWN
    assert 5 <= shown <= 36  # 1.2 % to 9 %: 5 % within four standard errors


def test_a_mean_is_shown_only_with_its_error() -> None:
    cheap = judge_mean(counted([(10, 1), (12, 2), (9, 1)]).sums("m"), metric="m", means="", target=0.25)
    dear = judge_mean(counted([(10, 8), (12, 9), (9, 7)]).sums("m"), metric="m", means="", target=0.25)
    between = judge_mean(counted([(10, 1), (12, 5), (9, 1)]).sums("m"), metric="m", means="", target=0.25)
    assert [one.standing for one in (cheap, dear, between)] == [
        Standing.SHOWN,
        Standing.CONTRADICTED,
        Standing.NOT_SHOWN,
    ]


def event(name: str, number: int, /, *, turn: str = "", issue: str = "", **data: object) -> Entry:
    user = f"u{number % 5}"
    made = Event(
        name=name,
        ts=float(number),
        event_id=f"{name}-{number}-{data.get('window', '')}-{data.get('ftr_label', '')}",
        turn_id=turn or f"t{number}",
        issue_id=issue or f"i{number}",
        user_hash=user,
        variant="v2",
        flag_key=RUN,
        data=data,
    )
    return Entry(seq=number + 1, event=made)


def life() -> list[Entry]:
    """Return twenty turns with their labels, two of which are revised, and what people said of five answers."""
    found = []
    for number in range(20):
        found.append(
            event("assistant.turn.completed", number, latency_ms=900.0 if number else 9000.0, tokens_in=0, cost_usd=0.0)
        )
        found += [
            event("assistant.issue.matured", number, window=window, ftr_label=1, resolved=1)
            for window in ("fast", "72h")
        ]
    for number in (3, 4):
        first = next(
            one for one in found if one.event.issue_id == f"i{number}" and one.event.data.get("window") == "72h"
        )
        revised = event(
            "assistant.issue.matured", number, window="72h", ftr_label=0, resolved=1, revises=first.event.event_id
        )
        found.append(revised)
    for number in range(5):
        name = "gen_ai.evaluation.result"
        found.append(event(name, number, name="hallucination", label="ok", by="human", judge_version="human"))
        found.append(
            event(name, number + 100, turn=f"t{number}", name="hallucination", label="flagged", judge_version="j")
        )
    return found


def test_the_journal_is_counted_by_users_and_labels_that_still_hold() -> None:
    measured = measured_in(life(), RUN, Slo())
    assert (measured.turns, measured.episodes, len(measured.users)) == (20, 20, 5)
    assert (measured.sums("ftr").n, measured.sums("ftr").y) == (20, 18)
    assert measured.sums("ftr_fast").y == 20
    assert measured.sums("latency_p95_s").y == 19
    assert (measured.sums("hallucination_rate").n, measured.sums("hallucination_rate").y) == (5, 0), (
        "a judge is no person"
    )


@settings(deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 60))
def test_what_comes_twice_late_or_in_another_order_changes_no_report(rng: random.Random, again: int) -> None:
    entries = [*life(), *life()[:again]]
    rng.shuffle(entries)
    started = Event(name=STARTED, ts=0, event_id="s", flag_key=RUN, release="r" * 12, data={"users": 5})
    charter = Charter()
    one = exit_report(measured_in(entries, RUN, charter.slo), started, charter, until=100)
    other = exit_report(measured_in(life(), RUN, charter.slo), started, charter, until=100)
    assert one == other


def test_other_runs_and_other_arms_do_not_count() -> None:
    assert measured_in(life(), "pilot-2", Slo()).turns == 0


def test_what_was_not_counted_is_unknown_and_never_shown() -> None:
    started = Event(name=STARTED, ts=0, event_id="s", flag_key=RUN, data={"users": 50})
    charter = Charter(goal=Goal(metric="resolution_rate", target=0.8))
    report = exit_report(measured_in([], RUN, charter.slo), started, charter, until=1)
    assert {finding.metric for finding in report.findings} == {
        "ftr", "ftr_fast", "hallucination_rate", "latency_p95_s", "uptime", "cost_per_1k_usd", "resolution_rate",
    }  # fmt: skip
    assert all(finding.standing is Standing.NOT_SHOWN and finding.measured is None for finding in report.findings)
    assert all(finding.why for finding in report.findings)


def test_a_model_without_prices_has_no_known_cost() -> None:
    entries = [event("assistant.turn.completed", n, latency_ms=1.0, tokens_in=500, cost_usd=0.0) for n in range(20)]
    started = Event(name=STARTED, ts=0, event_id="s", flag_key=RUN)
    report = exit_report(measured_in(entries, RUN, Slo()), started, Charter(), until=1)
    cost = next(finding for finding in report.findings if finding.metric == "cost_per_1k_usd")
    assert (cost.standing, cost.measured) == (Standing.NOT_SHOWN, None)
    assert "prices" in cost.why


def probed(minute: int, good: int) -> Entry:
    data = {"due": 4, "good": good, "up_s": 60.0 * minute, "span_s": 60.0}
    return Entry(
        seq=minute, event=Event(name="server.minute", ts=60.0 * minute, event_id=f"m{minute}", data=dict(data))
    )


def test_an_outage_of_an_hour_counts_as_one_event_and_not_as_each_of_its_probes() -> None:
    """Uptime is reckoned by hours, since what fails, fails for a while."""
    whole = [probed(minute, 4) for minute in range(1, 6000)]
    down = [probed(minute, 0 if 600 <= minute < 660 else 4) for minute in range(1, 6000)]
    findings = []
    for entries in (whole, down):
        measured = Measured()
        count_uptime(measured, [*entries, *entries[:50]], since=0, until=6000 * 60)
        findings.append(judge_share(measured.sums("uptime"), metric="uptime", means="", target=0.9995, at_least=True))
    assert [one.standing for one in findings] == [Standing.SHOWN, Standing.CONTRADICTED]
    assert findings[0].n == 4 * 5999
    assert findings[1].design_effect is not None
    assert findings[1].design_effect > 100


def test_only_probes_of_the_pilots_own_time_count() -> None:
    measured = Measured()
    count_uptime(measured, [probed(minute, 4) for minute in range(1, 100)], since=30 * 60, until=60 * 60)
    assert measured.sums("uptime").n == 4 * 30


def test_what_silence_tells_is_shown_only_after_an_audit() -> None:
    """Silence counts as solved; people who read a hundred random episodes say by how much that flatters."""
    rng = random.Random(5)
    sums = counted([(10, sum(rng.random() < 0.8 for _ in range(10))) for _ in range(60)]).sums("m")
    told = judge_share(sums, metric="ftr", means="", target=0.70, at_least=True)
    assert told.standing is Standing.SHOWN
    assert audited(told, sums, [0] * 99).standing is Standing.NOT_SHOWN
    honest = audited(told, sums, [0] * 195 + [-1] * 5)
    flattered = audited(told, sums, [0] * 140 + [-1] * 60)
    assert (honest.standing, flattered.standing) == (Standing.SHOWN, Standing.CONTRADICTED)
    assert honest.measured is not None
    assert told.measured is not None
    assert honest.measured.estimate == pytest.approx(told.measured.estimate - 0.025)
    assert honest.measured.high - honest.measured.low > told.measured.high - told.measured.low - 0.01


def test_audits_are_read_from_the_journal_once_for_each_episode() -> None:
    def read(number: int, label: str, **more: object) -> Entry:
        data = {"name": "ftr_audit", "label": label, "by": "human", **more}
        made = Event(
            name="gen_ai.evaluation.result", ts=number, event_id=f"a{number}{label}", turn_id=f"t{number}", data=data
        )
        return Entry(seq=number, event=made)

    entries = [
        *life(),
        read(1, "resolved", stratum="random", recorded=1),
        read(1, "resolved", stratum="random", recorded=1),
        read(2, "unresolved", stratum="random", recorded=1),
        read(3, "unresolved"),
    ]
    assert sorted(measured_in(entries, RUN, Slo()).audits) == [-1, 0]
