"""A pilot's exit report: what its journal says of each target of the charter."""

from collections.abc import Iterable, Mapping

from shipmate.charter import METRICS, Charter, Slo
from shipmate.insight.evaluations import EVALUATED, UNSUPPORTED, opinion
from shipmate.insight.labels import FAST, LATE, MATURED, Window
from shipmate.insight.uptime import MINUTE, Uptime
from shipmate.insight.uptime import STARTED as UP
from shipmate.insight.uptime import STOPPED as DOWN
from shipmate.messages import Entry, Event, Record
from shipmate.release.standing import Finding, audited, judge_mean, judge_share, unknown
from shipmate.statistics.clusters import Sums

__all__ = ["STARTED", "STOPPED", "ExitReport", "Measured", "count_uptime", "exit_report", "measured_in"]

STARTED, STOPPED = "pilot.started", "pilot.stopped"
TURN = "assistant.turn.completed"
HOUR_S = 3600
THOUSAND = 1000
TOLD = ("ftr", "ftr_fast", "resolution_rate")


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
        yield unknown(
            "cost_per_1k_usd",
            means,
            slo.cost_per_1k_usd,
            "A model is used, and stack.yml says no prices of its tokens.",
        )
