"""A pilot's exit report: for each target whether it is shown, not shown or contradicted, and what would show it.

One user who asks often is still one user: figures are reckoned with as many independent units as they are worth.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from math import ceil, floor, inf, log, log1p, sqrt

import msgspec

from shipmate.charter import METRICS, Charter, Slo
from shipmate.insight.evaluations import EVALUATED, UNSUPPORTED, opinion
from shipmate.insight.labels import FAST, LATE, MATURED, Window
from shipmate.insight.uptime import MINUTE, Uptime
from shipmate.insight.uptime import STARTED as UP
from shipmate.insight.uptime import STOPPED as DOWN
from shipmate.messages import Entry, Event, Record
from shipmate.statistics.clusters import Sums, effective, rate
from shipmate.statistics.intervals import NORMAL, Interval, exact, normal_interval, wilson
from shipmate.statistics.judged import Audited, corrected_mean
from shipmate.statistics.planning import overdispersion

__all__ = [
    "STARTED",
    "STOPPED",
    "ExitReport",
    "Finding",
    "Measured",
    "Standing",
    "audited",
    "count_uptime",
    "exit_report",
    "judge_mean",
    "judge_share",
    "measured_in",
    "needed_of",
]

STARTED, STOPPED = "pilot.started", "pilot.stopped"
TURN = "assistant.turn.completed"
HOUR_S = 3600
# Both bounds of an interval, each wrong in one of twenty pilots.
SURE = 0.90
# How alike a user's episodes are, where the pilot itself cannot tell: what plans assume.
ALIKE = 0.15
# Where no more than this share may be bad, it is counted out exactly.
RARE = 0.05
THOUSAND = 1000
# So many random episodes are read by people before silence is believed.
AUDITS = 100
TOLD = ("ftr", "ftr_fast", "resolution_rate")


class Standing(StrEnum):
    """What a pilot says of a target."""

    SHOWN = "shown"
    NOT_SHOWN = "not shown"
    CONTRADICTED = "contradicted"


class Finding(Record, frozen=True, kw_only=True):
    """One target, and what was seen of it."""

    metric: str
    # What was counted, in words.
    means: str
    target: float
    # Whether it is a least, and not a most.
    at_least: bool
    standing: Standing
    # Units that were counted, of so many users; of uptime, probes and hours.
    n: int
    users: int
    # How many of them tell as much as one that stands alone; nothing where the bad are none, and each counts alone.
    design_effect: float | None = None
    # With bounds of which each is wrong in one of twenty pilots; nothing where nothing was counted.
    measured: Interval | None = None
    # What has to be measured in as many units to show the target; nothing where no figure would.
    needed: float | None = None
    # Why it is not shown, where it is not the figure itself.
    why: str = ""


class ExitReport(Record, frozen=True, kw_only=True):
    """What a pilot has shown."""

    run: str
    release: str
    started_at: float
    until: float
    # Users that were named, and those that have asked.
    named: int
    seen: int
    episodes: int
    turns: int
    findings: tuple[Finding, ...]


class Measured:
    """What was counted of a pilot's turns and episodes: by measure, each cluster's units and how many were as promised."""

    def __init__(self) -> None:
        self.units: dict[str, dict[str, tuple[float, float]]] = {}
        self.users: set[str] = set()
        self.turns = self.episodes = 0
        self.has_prices = True
        # Of episodes drawn at random: what people said, less what the journal's label was.
        self.audits: list[int] = []

    def add(self, measure: str, cluster: str, y: float, n: float = 1.0) -> None:
        """Count units of a cluster: a user, or an hour."""
        clusters = self.units.setdefault(measure, {})
        before_n, before_y = clusters.get(cluster, (0.0, 0.0))
        clusters[cluster] = (before_n + n, before_y + y)

    def sums(self, measure: str) -> Sums:
        """Return the sums over clusters."""
        rows = self.units.get(measure, {}).values()
        return Sums(
            users=len(rows),
            n=sum(n for n, _ in rows),
            y=sum(y for _, y in rows),
            nn=sum(n * n for n, _ in rows),
            ny=sum(n * y for n, y in rows),
            yy=sum(y * y for _, y in rows),
        )


def measured_in(entries: Iterable[Entry], run: str, slo: Slo) -> Measured:
    """Count what a run's journal says; what comes twice, late or in another order changes nothing."""
    turns: dict[str, Event] = {}
    labels: dict[tuple[str, str], dict[str, Event]] = {}
    said: dict[tuple[str, str], Event] = {}
    for _, event in entries:
        if event.name == EVALUATED and event.turn_id:
            _keep_first(said, event)
        elif event.flag_key != run or not event.variant or event.variant == "control":
            continue
        elif event.name == TURN:
            turns.setdefault(event.turn_id, event)
        elif event.name == MATURED:
            labels.setdefault((event.issue_id, str(event.data.get("window", FAST))), {})[event.event_id] = event
    measured = Measured()
    _count_turns(measured, turns, slo)
    _count_labels(measured, labels)
    for (turn_id, about), event in sorted(said.items()):
        known, found = turns.get(turn_id), opinion(event)
        if known is None or found is None:
            continue
        if about in UNSUPPORTED:
            measured.add("hallucination_rate", known.user_hash, float(found.is_bad))
        elif found.recorded is not None:
            measured.audits.append((not found.is_bad) - found.recorded)
    return measured


def count_uptime(measured: Measured, entries: Iterable[Entry], *, since: float, until: float) -> None:
    """Count the probes of a time that were answered well, hour by hour: what fails, fails for a while."""
    told = {event.event_id: event for _, event in entries if event.name in (UP, MINUTE, DOWN) and event.ts <= until}
    uptime = Uptime()
    probed = [
        one
        for event in sorted(told.values(), key=lambda event: (event.ts, event.event_id))
        for one in uptime.take(event)
    ]
    for one in (*probed, *uptime.until(until)):
        if one.ts > since and one.due:
            measured.add("uptime", str(one.ts // HOUR_S), min(one.good, one.due), one.due)


def _keep_first(said: dict[tuple[str, str], Event], event: Event) -> None:
    """Keep what a person said first of a turn: judges err, and do not count here."""
    found = opinion(event)
    if found is None or not found.rater:
        return
    known = said.get((event.turn_id, found.about))
    if known is None or (event.ts, event.event_id) < (known.ts, known.event_id):
        said[event.turn_id, found.about] = event


def _count_turns(measured: Measured, turns: Mapping[str, Event], slo: Slo) -> None:
    tokens = cost = 0.0
    for event in turns.values():
        measured.users.add(event.user_hash)
        measured.turns += 1
        cost += _number(event, "cost_usd")
        tokens += _number(event, "tokens_in")
        measured.add("cost_per_1k_usd", event.user_hash, THOUSAND * _number(event, "cost_usd"))
        if not event.data.get("abandoned"):
            is_fast = _number(event, "latency_ms") <= THOUSAND * slo.latency_p95_s
            measured.add("latency_p95_s", event.user_hash, float(is_fast))
    measured.has_prices = cost > 0 or tokens == 0
    measured.episodes = len({event.issue_id for event in turns.values()})


def _count_labels(measured: Measured, labels: Mapping[tuple[str, str], Mapping[str, Event]]) -> None:
    for (_, window), told in labels.items():
        revised = {str(event.data.get("revises", "")) for event in told.values()}
        standing = sorted(event_id for event_id in told if event_id not in revised)
        if not standing:
            continue
        event = told[standing[-1]]
        if event.data.get("ftr_label") is not None:
            measured.add(_ftr(window), event.user_hash, float(bool(event.data["ftr_label"])))
        if window == LATE and event.data.get("resolved") is not None:
            measured.add("resolution_rate", event.user_hash, float(bool(event.data["resolved"])))


def _ftr(window: Window | str) -> str:
    return "ftr" if window == LATE else "ftr_fast"


def _number(event: Event, name: str) -> float:
    value = event.data.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def exit_report(measured: Measured, started: Event, charter: Charter, *, until: float) -> ExitReport:
    """Return what a pilot has shown of what the charter promises."""
    return ExitReport(
        run=started.flag_key,
        release=started.release,
        started_at=started.ts,
        until=until,
        named=int(_number(started, "users")),
        seen=len(measured.users),
        episodes=measured.episodes,
        turns=measured.turns,
        findings=tuple(_findings(measured, charter)),
    )


def _findings(measured: Measured, charter: Charter) -> Iterable[Finding]:
    slo, goal = charter.slo, charter.goal
    ftr = f"{METRICS['ftr'].means}, as told"
    shares = {
        "ftr": (slo.ftr, f"{ftr} after 72 hours"),
        "ftr_fast": (slo.ftr, f"{ftr} after half an hour: an early sign of the above"),
        "hallucination_rate": (
            slo.hallucination_rate,
            f"{METRICS['hallucination_rate'].means}, of those that people have checked",
        ),
        "latency_p95_s": (0.95, f"share of answers complete within {slo.latency_p95_s:g} s"),
        "uptime": (slo.uptime, METRICS["uptime"].means),
    }
    if goal.target is not None and goal.metric == "resolution_rate":
        shares["resolution_rate"] = (goal.target, METRICS["resolution_rate"].means)
    if goal.target is not None and goal.metric == "ftr":
        shares["ftr"] = (goal.target, shares["ftr"][1])
    for metric, (target, means) in shares.items():
        at_least = metric != "hallucination_rate"
        found = judge_share(measured.sums(metric), metric=metric, means=means, target=target, at_least=at_least)
        yield audited(found, measured.sums(metric), measured.audits) if metric in TOLD else found
    means = "US dollars that the model's tokens cost, for a thousand turns"
    if measured.has_prices:
        yield judge_mean(
            measured.sums("cost_per_1k_usd"), metric="cost_per_1k_usd", means=means, target=slo.cost_per_1k_usd
        )
    else:
        yield _unknown(
            "cost_per_1k_usd",
            means,
            slo.cost_per_1k_usd,
            "A model is used, and stack.yml says no prices of its tokens.",
        )


def judge_share(sums: Sums, *, metric: str, means: str, target: float, at_least: bool) -> Finding:
    """Return whether a share is as promised."""
    if sums.users < 2:
        why = (
            "Nothing was counted."
            if not sums.n
            else "All of it is of one user, or of one hour: that shows nothing of others."
        )
        return _unknown(metric, means, target, why, at_least=at_least, n=round(sums.n), users=sums.users)
    is_rare = min(target, 1 - target) <= RARE
    effect = _design_effect(sums, is_rare=is_rare)
    size = sums.n / effect
    measured = _share(sums.y, sums.n, effect, is_rare=is_rare, at_least=at_least)
    needed = needed_of(target, size, at_least=at_least)
    why = ""
    if needed is None:
        why = f"No figure would show it: that takes {_least(target, at_least=at_least) * effect:,.0f} without one bad."
    return Finding(
        metric=metric,
        means=means,
        target=target,
        at_least=at_least,
        standing=_standing(measured, target, at_least=at_least),
        n=round(sums.n),
        users=sums.users,
        design_effect=effect if effective(sums) > 0 or not is_rare else None,
        measured=measured,
        needed=needed,
        why=why,
    )


def audited(finding: Finding, sums: Sums, audits: Sequence[int]) -> Finding:
    """Return what is left of a share that silence flatters: corrected by a random audit, and not shown without one."""
    if finding.measured is None or finding.standing is Standing.CONTRADICTED:
        return finding
    if len(audits) < AUDITS:
        why = (
            f"Silence counts as solved, which flatters: {len(audits)} of {AUDITS} random episodes were read by people."
        )
        return msgspec.structs.replace(finding, standing=Standing.NOT_SHOWN, why=why)
    errors = Audited(len(audits), sum(audits), sum(error * error for error in audits))
    value, error = corrected_mean(rate(sums), errors)
    low, high = (min(1.0, max(0.0, bound)) for bound in normal_interval(value, error, confidence=SURE)[1:])
    measured = Interval(min(1.0, max(0.0, value)), low, high)
    return msgspec.structs.replace(
        finding,
        measured=measured,
        standing=_standing(measured, finding.target, at_least=finding.at_least),
        needed=min(1.0, finding.target + measured.estimate - low),
        why=f"Corrected by what people said of {len(audits)} random episodes.",
    )


def judge_mean(sums: Sums, *, metric: str, means: str, target: float) -> Finding:
    """Return whether a mean is at most as high as promised."""
    found = rate(sums)
    if found.error == inf:
        return _unknown(metric, means, target, "Too few users have asked.", n=round(sums.n), users=sums.users)
    measured = normal_interval(found.value, found.error, confidence=SURE)
    return Finding(
        metric=metric,
        means=means,
        target=target,
        at_least=False,
        standing=_standing(measured, target, at_least=False),
        n=round(sums.n),
        users=sums.users,
        measured=measured,
        needed=max(0.0, target - (measured.high - measured.estimate)),
    )


def needed_of(target: float, size: float, *, at_least: bool) -> float | None:
    """Return which share has to be measured in so many independent units to show a target; nothing where none would."""
    bad = 1 - target if at_least else target
    if min(target, 1 - target) <= RARE:
        units = floor(size)
        possible = range(floor(units * bad) + 2)
        most = bisect_left(possible, 1, key=lambda k: k > units or exact(k, units, confidence=SURE).high > bad) - 1
        found = most / units if most >= 0 and units else None
    else:
        allowed = bad - NORMAL.inv_cdf((1 + SURE) / 2) * sqrt(bad * (1 - bad) / size)
        found = allowed if allowed >= 0 else None
    return found if found is None or not at_least else 1 - found


def _least(target: float, *, at_least: bool) -> int:
    """Return how many units without one bad show a target."""
    bad = 1 - target if at_least else target
    if min(target, 1 - target) <= RARE:
        return ceil(log((1 - SURE) / 2) / log1p(-bad))
    tail = NORMAL.inv_cdf((1 + SURE) / 2)
    return ceil(tail * tail * (1 - bad) / bad)


def _design_effect(sums: Sums, *, is_rare: bool) -> float:
    """Return how many units tell as much as one that stands alone, by the pilot's own users, or as plans assume."""
    size = effective(sums)
    if size > 0:
        return max(1.0, sums.n / size)
    return 1.0 if is_rare else overdispersion(sums.n / sums.users, ALIKE)


def _share(hits: float, of: float, effect: float, *, is_rare: bool, at_least: bool) -> Interval:
    if not is_rare:
        return wilson(hits / effect, of / effect, confidence=SURE)
    bad = of - hits if at_least else hits
    units = max(1, floor(of / effect))
    found = exact(min(units, ceil(bad / effect)), units, confidence=SURE)
    if at_least:
        return Interval(hits / of, min(1 - found.high, hits / of), max(1 - found.low, hits / of))
    return Interval(hits / of, min(found.low, hits / of), max(found.high, hits / of))


def _standing(measured: Interval, target: float, *, at_least: bool) -> Standing:
    is_above, is_below = measured.low >= target, measured.high <= target
    if measured.low == measured.high == target or (is_above if at_least else is_below):
        return Standing.SHOWN
    return (
        Standing.CONTRADICTED if (measured.high < target if at_least else measured.low > target) else Standing.NOT_SHOWN
    )


def _unknown(
    metric: str, means: str, target: float, why: str, *, at_least: bool = False, n: int = 0, users: int = 0
) -> Finding:
    return Finding(
        metric=metric,
        means=means,
        target=target,
        at_least=at_least,
        standing=Standing.NOT_SHOWN,
        n=n,
        users=users,
        why=why,
    )
