"""Measure how often a trial ends as it should, by simulating whole runs with the code that decides them.

    python -m benchmarks.canary [--quick] [--seed N] [--json]

Made users come evenly, ask three times (five in the clustered cell) and are not seen again; each turn opens an issue. A
user's outcomes are alike (correlation 0.15, of bad events 0.02, which are rare). The judge reads every turn of both arms, and finds
80 % of what is hallucinated and 1.5 % of what is not. Rates are from 0 to 1, and beside each stands the 95 % interval
that so many runs leave.

type_i_error           identical arms, 95/5, 48 looks in 24 hours, by turns a day: a gain was "shown" at one of them
                       (below 200 effective issues no look is taken; `2000_half` has 2,000 turns a day in equal arms)
false_harm_stop        identical arms, watched for 14 days through the whole ramp: taken back
promoted               whole runs of up to 14 days, as many at each of 2,000, 20,000 and 200,000 turns a day: promoted
                       `identical`; `better`: +3 points, hallucination 0.72 instead of 1.2 %; `trap`: +3 points, 2.4 %;
                       `worse`: -3 points, 1.8 %
broken_stopped_within_3h  hallucination of 10 %, flags confirmed by people, 20,000 turns a day at 5 %, each turn by
                       another user; beside it, with three turns of each user at once
judge_coverage         the judged rate's 95 % interval holds the truth: over 18 judges, truths and numbers of labels
gate                   300 cases: an unchanged assistant, and one that lost 5 points, do not pass
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import NamedTuple

import msgspec
import numpy as np

from benchmarks.gate_runs import gate_run
from benchmarks.simulated_trials import DAY_S, HOUR_S, Effect, ResolutionTrial, Trial, World
from shipmate.evals.gate import Verdict as GateVerdict
from shipmate.release.canary.counts import Counts
from shipmate.release.canary.decide import settle
from shipmate.release.canary.decision import Decision, Look, Verdict
from shipmate.release.canary.primary import is_shown, needed_information, take_look, too_few
from shipmate.release.canary.rules import Rules, Step
from shipmate.release.canary.watch import harmed
from shipmate.statistics.clusters import Estimate, score
from shipmate.statistics.intervals import NORMAL, wilson
from shipmate.statistics.judged import Stratum, judged_rate
from shipmate.statistics.spending import spent

__all__ = ["Share", "ended", "main", "measure"]

TRAFFIC = (2_000, 20_000, 200_000)
LOOKS = 48
EFFECTS = {
    "identical": Effect(),
    "better": Effect(ftr=0.73, hallucination=0.0072),
    "trap": Effect(ftr=0.73, hallucination=0.024),
    "worse": Effect(ftr=0.67, hallucination=0.018),
}
BROKEN = Effect(hallucination=0.10)
JUDGES = tuple(product(((0.6, 0.97), (0.8, 0.985), (0.95, 0.995)), (0.004, 0.012, 0.05), (75, 300)))
JUDGED = 20_000
RULES = Rules()


class Sizes(NamedTuple):
    """Runs of each cell."""

    type_i: int
    harm: int
    runs: int
    broken: int
    judge: int
    gate: int


FULL = Sizes(type_i=6_000, harm=1_000, runs=500, broken=5_000, judge=800, gate=400)
QUICK = Sizes(type_i=2_000, harm=100, runs=60, broken=1_200, judge=80, gate=60)


class Share(NamedTuple):
    """How many runs did something."""

    hits: int
    of: int

    @property
    def rate(self) -> float:
        return self.hits / self.of


def measure(sizes: Sizes, seed: int) -> dict[str, object]:
    """Return the figures."""
    type_i = {name: _type_i(world, share, sizes.type_i, seed) for name, world, share in _type_i_cells()}
    _told("type I error")
    harm = {str(turns): _false_harm(turns, sizes.harm, seed) for turns in TRAFFIC}
    _told("false harm stops")
    verdicts = {name: {str(turns): _verdicts(name, turns, sizes.runs, seed) for turns in TRAFFIC} for name in EFFECTS}
    _told("whole runs")
    promoted = {
        name: {
            turns: _share(decision.verdict is Verdict.PROMOTE for decision, _ in ends) for turns, ends in cells.items()
        }
        for name, cells in verdicts.items()
    }
    broken = {
        "one_turn_each": _broken(1, sizes.broken, seed),
        "three_turns_at_once": _broken(3, sizes.broken // 4, seed),
    }
    _told("broken variants")
    judge = {_name(cell): _covered(cell, sizes.judge, seed) for cell in JUDGES}
    _told("judges")
    gate = {"unchanged_blocked": _gate(0.0, sizes.gate, seed), "drop5_blocked": _gate(0.05, sizes.gate, seed)}
    _told("gates")
    shares = {
        "type_i_error": type_i,
        "type_i_error_max": max(type_i.values(), key=lambda share: share.rate),
        "false_harm_stop": _pooled(harm.values()),
        "promoted": {name: _pooled(cells.values()) for name, cells in promoted.items()},
        "broken_stopped_within_3h": broken["one_turn_each"],
        "judge_coverage": _pooled(judge.values()),
        "gate": gate,
    }
    cells = {
        "false_harm_stop": harm,
        "promoted": promoted,
        "broken_stopped_within_3h": broken,
        "judge_coverage": judge,
    }
    return {
        **_each(shares, lambda share: round(share.rate, 5)),
        "runs": _total({**shares, "type_i_error_max": Share(0, 0)}),
        "seed": seed,
        "intervals": _each(shares, _interval),
        "cells": _each(cells, lambda share: round(share.rate, 5)),
        "cell_intervals": _each(cells, _interval),
        "median_days": {
            name: {turns: float(np.median([days for _, days in ends])) for turns, ends in found.items()}
            for name, found in verdicts.items()
        },
        "verdicts": {
            name: {turns: _counted(ends) for turns, ends in found.items()} for name, found in verdicts.items()
        },
    }


def _type_i_cells() -> Iterable[tuple[str, World, float]]:
    for turns in TRAFFIC:
        yield str(turns), World(turns_per_day=turns), 0.05
    yield "20000_clustered", World(turns_per_day=20_000, turns_per_user=5), 0.05
    yield "2000_half", World(turns_per_day=2_000), 0.5


def _type_i(world: World, share: float, runs: int, seed: int) -> Share:
    tick_s = DAY_S / LOOKS
    rules = Rules(steps=(Step(share=share),), max_days=1.0, look_s=tick_s)
    return _share(
        _is_shown_once(ResolutionTrial(world, rules, rng, ticks=LOOKS, tick_s=tick_s), rules)
        for rng in _streams(seed, 1, world.turns_per_day, world.turns_per_user, round(100 * share), runs=runs)
    )


def _is_shown_once(trial: ResolutionTrial, rules: Rules) -> bool:
    """Take every look that may be taken, as `settle` does, and return whether one shows a gain."""
    seen = [counts for tick in range(1, LOOKS + 1) if not too_few(counts := trial.at(tick), rules)]
    if not any(_may_be_shown(counts, rules) for counts in seen):
        return False
    looks: list[Look] = []
    for counts in seen:
        look = take_look(counts, rules, looks)
        if look is not None:
            looks.append(look)
            if is_shown(score(counts.ftr), looks, rules.primary):
                return True
    return False


def _may_be_shown(counts: Counts, rules: Rules) -> bool:
    """Return whether a look's gain passes even the bound of somebody who looked for the first time: none lies lower."""
    gain = score(counts.ftr)
    if gain.value < NORMAL.inv_cdf(1 - rules.primary.alpha) * gain.error:
        return False
    days = counts.at / DAY_S
    level = spent(max(days, gain.error**-2 / needed_information(rules.primary)), rules.primary.alpha)
    return level > 0 and gain.value >= -NORMAL.inv_cdf(level) * gain.error


def _false_harm(turns: int, runs: int, seed: int) -> Share:
    hours = round(RULES.max_days * 24)
    return _share(
        any(harmed(trial.at(hour), RULES) for hour in range(1, hours + 1))
        for trial in _trials(World(turns_per_day=turns), hours, seed, 2, turns, runs=runs)
    )


def _verdicts(name: str, turns: int, runs: int, seed: int) -> list[tuple[Decision, float]]:
    world = World(turns_per_day=turns, candidate=EFFECTS[name])
    hours = round(RULES.max_days * 24)
    place = list(EFFECTS).index(name)
    return [ended(trial, RULES, hours) for trial in _trials(world, hours, seed, 3, place, turns, runs=runs)]


def ended(trial: Trial, rules: Rules, hours: int) -> tuple[Decision, float]:
    """Decide hour by hour until the trial is over; return the last decision, and after how many days it was made."""
    looks: list[Look] = []
    for hour in range(1, hours):
        counts = trial.at(hour)
        decision = settle(counts, rules, looks=looks)
        if decision.ended:
            return decision, hour / 24
        if decision.look is not None:
            looks.append(decision.look)
        # What comes next was drawn for the ramp that the decision goes through by itself.
        if decision.share != trial.share_after(hour):
            raise AssertionError(decision)
    return settle(trial.at(hours), rules, looks=looks), hours / 24


def _broken(turns_per_user: int, runs: int, seed: int) -> Share:
    world = World(turns_per_day=20_000, turns_per_user=turns_per_user, candidate=BROKEN, are_flags_confirmed=True)
    ticks, tick_s = 36, HOUR_S / 12
    return _share(
        any(settle(trial.at(tick), RULES).verdict is Verdict.ROLLBACK for tick in range(1, ticks + 1))
        for trial in (
            Trial(world, RULES, rng, ticks=ticks, tick_s=tick_s) for rng in _streams(seed, 4, turns_per_user, runs=runs)
        )
    )


def _covered(cell: tuple[tuple[float, float], float, int], runs: int, seed: int) -> Share:
    (sensitivity, specificity), truth, labels = cell
    flagged = truth * sensitivity + (1 - truth) * (1 - specificity)
    precision, missed = truth * sensitivity / flagged, truth * (1 - sensitivity) / (1 - flagged)
    rng = np.random.default_rng([seed, 5, JUDGES.index(cell)])
    flags = rng.binomial(JUDGED, flagged, runs)
    drawn = np.minimum(flags, labels)
    strata = zip(
        flags.tolist(),
        drawn.tolist(),
        rng.binomial(drawn, precision).tolist(),
        rng.binomial(labels, missed, runs).tolist(),
        strict=True,
    )
    return _share(
        found.low <= truth <= found.high
        for found in (
            judged_rate(_flag_rate(count), Stratum(labelled, bad), Stratum(labels, overseen))
            for count, labelled, bad, overseen in strata
        )
    )


def _flag_rate(count: int) -> Estimate:
    share = count / JUDGED
    return Estimate(share, (share * (1 - share) / JUDGED) ** 0.5)


def _gate(drop: float, runs: int, seed: int) -> Share:
    return _share(
        gate_run(rng, drop=drop).verdict is not GateVerdict.PASS
        for rng in _streams(seed, 6, round(1000 * drop), runs=runs)
    )


def _trials(world: World, hours: int, *keys: int, runs: int) -> Iterable[Trial]:
    return (Trial(world, RULES, rng, ticks=hours) for rng in _streams(*keys, runs=runs))


def _streams(*keys: int, runs: int) -> Iterable[np.random.Generator]:
    return (np.random.default_rng([*keys, run]) for run in range(runs))


def _share(found: Iterable[bool]) -> Share:
    values = list(found)
    return Share(sum(values), len(values))


def _pooled(shares: Iterable[Share]) -> Share:
    hits, of = zip(*shares, strict=True)
    return Share(sum(hits), sum(of))


def _counted(ends: Sequence[tuple[Decision, float]]) -> dict[str, int]:
    return {verdict.value: sum(found.verdict is verdict for found, _ in ends) for verdict in Verdict}


def _name(cell: tuple[tuple[float, float], float, int]) -> str:
    (sensitivity, specificity), truth, labels = cell
    return f"{sensitivity:g}/{specificity:g}, {100 * truth:g} %, {2 * labels} labels"


def _interval(share: Share) -> list[float]:
    return [round(bound, 5) for bound in wilson(*share)[1:]]


def _each(tree: object, of: Callable[[Share], object]) -> dict[str, object]:
    """Return the same tree with something in the place of each share."""
    assert isinstance(tree, dict)
    return {key: of(value) if isinstance(value, Share) else _each(value, of) for key, value in tree.items()}


def _total(tree: object) -> int:
    if isinstance(tree, Share):
        return tree.of
    assert isinstance(tree, dict)
    return sum(map(_total, tree.values()))


def _told(what: str) -> None:
    print(f"{time.process_time():6.1f} s  {what}", file=sys.stderr, flush=True)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer runs, with wider intervals")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    result = measure(QUICK if asked.quick else FULL, asked.seed)
    if asked.json:
        print(msgspec.json.encode(result).decode())
        return
    for name, rate, interval in _rows(result, result["intervals"]):
        print(f"{name:32} {rate:8.4f}   {interval}")
    print()
    for name, rate, interval in _rows(result["cells"], result["cell_intervals"]):
        print(f"{name:52} {rate:8.4f}   {interval}")


def _rows(rates: object, intervals: object, name: str = "") -> Iterable[tuple[str, float, object]]:
    assert isinstance(rates, dict)
    assert isinstance(intervals, dict)
    for key, interval in intervals.items():
        if isinstance(interval, dict):
            yield from _rows(rates[key], interval, f"{name}{key} ")
        else:
            yield f"{name}{key}", rates[key], interval


if __name__ == "__main__":
    main()
