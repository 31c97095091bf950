"""A made world for trials: users come evenly, each asks a few times and is not seen again, and what they meet is drawn.

Users of one mood are alike: a user's own rate is drawn from a beta distribution, so that outcomes of one user correlate
by `icc`. Since all users are drawn alike, how many of them had 0, 1, 2 ... outcomes is drawn at once; the sums that the
decision is made from come out as if each user had been.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from math import comb, exp, lgamma
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shipmate.release.canary.counts import Arm, Counts, HarmCount, Labels, Split
from shipmate.release.canary.rules import Rules
from shipmate.statistics.clusters import Pair, Sums

__all__ = ["DAY_S", "HOUR_S", "Effect", "ResolutionTrial", "Trial", "World", "planned_shares"]

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
# In each arm and stratum: before the run, and on each day of it.
FIRST_LABELS = 40
DAILY_LABELS = 12
# Of an arm's users, those whose latencies are kept; drawn once for so many trials.
LATENCY_USERS = 1_000
LATENCY_SIGMA = 0.4
POOLS = 10

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """What users meet in one arm."""

    ftr: float = 0.70
    hallucination: float = 0.012
    silence: float = 0.35
    refusals: float = 0.08
    error: float = 0.004
    thumbs_down: float = 0.03
    handoff_request: float = 0.02


@dataclass(frozen=True)
class World:
    """The traffic, and the judge that reads it; each turn opens an issue."""

    turns_per_day: int
    turns_per_user: int = 3
    icc: float = 0.15
    # Of bad events and of the judge's flags.
    event_icc: float = 0.02
    sensitivity: float = 0.8
    specificity: float = 0.985
    # People have said the truth of each flag before it is counted as harm.
    are_flags_confirmed: bool = False
    cost_usd: float = 0.0002
    latency_s: float = 1.0
    control: Effect = field(default_factory=Effect)
    candidate: Effect = field(default_factory=Effect)


def planned_shares(rules: Rules, ticks: int, tick_s: float) -> Floats:
    """Return the candidate's share in each tick of a ramp that nothing stops."""
    ends = list(accumulate(step.hold_s for step in rules.steps[:-1]))
    return np.array([rules.steps[sum(tick * tick_s >= end for end in ends)].share for tick in range(ticks)])


class _Arm(NamedTuple):
    """One arm's sums by the end of each tick."""

    ftr: list[Sums]
    silence: list[Sums]
    refusals: list[Sums]
    cost: list[Sums]
    flags: list[Sums]
    turns: list[int]
    # By kind and tick: events in that tick, and the squares of what each of their users had.
    harms: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]


class ResolutionTrial:
    """One drawn run of which only first-turn resolution is known."""

    def __init__(self, world: World, rules: Rules, rng: np.random.Generator, *, ticks: int, tick_s: float) -> None:
        self._tick_s = tick_s
        self._size = world.turns_per_user
        shares = planned_shares(rules, ticks, tick_s)
        self._shares = shares.tolist()
        users = rng.poisson(world.turns_per_day / self._size * tick_s / DAY_S, ticks)
        ours = rng.binomial(users, shares)
        self._sums = [
            _sums(rng.multinomial(count, outcomes), np.arange(self._size + 1.0), self._size, weights)
            for count, outcomes, weights in (
                (ours, _outcomes(self._size, world.candidate.ftr, world.icc), 1 - shares),
                (users - ours, _outcomes(self._size, world.control.ftr, world.icc), shares),
            )
        ]

    def at(self, tick: int) -> Counts:
        """Return what is known at the end of a tick, counted from 1."""
        ours, theirs = (sums[tick - 1] for sums in self._sums)
        return Counts(
            started_at=0.0,
            at=tick * self._tick_s,
            share=self._shares[tick - 1],
            share_since=0.0,
            candidate=Arm(issues=ours.users * self._size),
            control=Arm(issues=theirs.users * self._size),
            ftr=Pair(ours, theirs),
        )


class Trial:
    """One drawn run, whole; what is known of it at the end of any tick can be asked for."""

    def __init__(
        self, world: World, rules: Rules, rng: np.random.Generator, *, ticks: int, tick_s: float = HOUR_S
    ) -> None:
        self._world = world
        self._tick_s = tick_s
        self._shares = planned_shares(rules, ticks, tick_s)
        users = rng.poisson(world.turns_per_day / world.turns_per_user * tick_s / DAY_S, ticks)
        ours = rng.binomial(users, self._shares)
        self._candidate = self._arm(rng, world.candidate, ours, 1 - self._shares)
        self._control = self._arm(rng, world.control, users - ours, self._shares)
        days = int(ticks * tick_s // DAY_S)
        self._labels = (self._labelled(rng, world.candidate, days), self._labelled(rng, world.control, days))
        self._latencies = [_latencies(world.latency_s, int(rng.integers(POOLS))) for _ in range(2)]
        self._harms = self._splits()
        self._exposed = _by_share(self._shares, ours, users - ours)

    def at(self, tick: int) -> Counts:
        """Return what is known at the end of a tick, counted from 1."""
        last = tick - 1
        share = float(self._shares[last])
        ours, theirs = self._candidate, self._control
        return Counts(
            started_at=0.0,
            at=tick * self._tick_s,
            share=share,
            share_since=float(np.argmax(self._shares == share)) * self._tick_s,
            candidate=self._counted(ours, 0, last),
            control=self._counted(theirs, 1, last),
            ftr=Pair(ours.ftr[last], theirs.ftr[last]),
            silence=Pair(ours.silence[last], theirs.silence[last]),
            refusals=Pair(ours.refusals[last], theirs.refusals[last]),
            cost=Pair(ours.cost[last], theirs.cost[last]),
            flags=Pair(ours.flags[last], theirs.flags[last]),
            exposed=self._exposed[last],
            harms=tuple(self._harms[kind][last] for kind in self._harms),
            judge_versions=("judge",),
            calibrated_version="judge",
        )

    def share_after(self, tick: int) -> float:
        """Return the candidate's share from the end of a tick on."""
        return float(self._shares[tick])

    def _arm(self, rng: np.random.Generator, effect: Effect, users: NDArray[np.int64], weights: Floats) -> _Arm:
        world = self._world
        size = world.turns_per_user
        flagged = effect.hallucination * world.sensitivity + (1 - effect.hallucination) * (1 - world.specificity)

        def drawn(rate: float, icc: float) -> NDArray[np.int64]:
            return rng.multinomial(users, _outcomes(size, rate, icc))

        def sums(counts: NDArray[np.int64]) -> list[Sums]:
            return _sums(counts, np.arange(size + 1.0), size, weights)

        costs = rng.multinomial(users, (0.25, 0.5, 0.25))
        flags = drawn(flagged, world.event_icc)
        bad = {
            "hallucination_flag": drawn(effect.hallucination, world.event_icc) if world.are_flags_confirmed else flags,
            "error": drawn(effect.error, world.event_icc),
            "thumbs_down": drawn(effect.thumbs_down, world.event_icc),
            "handoff_request": drawn(effect.handoff_request, world.event_icc),
        }
        ones = np.arange(size + 1)
        return _Arm(
            ftr=sums(drawn(effect.ftr, world.icc)),
            silence=sums(drawn(effect.silence, world.icc)),
            refusals=sums(drawn(effect.refusals, world.event_icc)),
            cost=_sums(costs, size * world.cost_usd * np.array([0.5, 1.0, 1.5]), size, weights),
            flags=sums(flags),
            turns=(users * size).cumsum().tolist(),
            harms={kind: (counts @ ones, counts @ ones**2) for kind, counts in bad.items()},
        )

    def _splits(self) -> dict[str, list[HarmCount]]:
        found = {}
        for kind, (events, squares) in self._candidate.harms.items():
            others, other_squares = self._control.harms[kind]
            total = np.cumsum(squares + other_squares).astype(float).tolist()
            splits = _by_share(self._shares, events, others)
            found[kind] = [
                HarmCount(kind=kind, splits=split, squares=square) for split, square in zip(splits, total, strict=True)
            ]
        return found

    def _labelled(self, rng: np.random.Generator, effect: Effect, days: int) -> list[tuple[Labels, Labels]]:
        """Return the labels of both strata by the end of each day; the first ones were given before the run."""
        world = self._world
        caught, wrong = effect.hallucination * world.sensitivity, (1 - effect.hallucination) * (1 - world.specificity)
        missed = effect.hallucination * (1 - world.sensitivity)
        rates = (caught / (caught + wrong), missed / (1 - caught - wrong))
        sizes = [FIRST_LABELS] + [DAILY_LABELS] * days
        strata = [np.cumsum(rng.binomial(sizes, rate)).tolist() for rate in rates]
        labelled = np.cumsum(sizes).tolist()
        return [
            (Labels(labelled=n, hallucinated=flagged), Labels(labelled=n, hallucinated=unflagged))
            for n, flagged, unflagged in zip(labelled, *strata, strict=True)
        ]

    def _counted(self, arm: _Arm, number: int, last: int) -> Arm:
        flagged, unflagged = self._labels[number][int((last + 1) * self._tick_s // DAY_S)]
        turns = arm.turns[last]
        return Arm(
            turns=turns,
            issues=turns,
            judged=turns,
            flagged=flagged,
            unflagged=unflagged,
            latencies_s=self._latencies[number],
        )


@lru_cache(maxsize=512)
def _outcomes(size: int, rate: float, icc: float) -> tuple[float, ...]:
    """Return how likely a user has 0, 1, ... of `size` outcomes: beta-binomial."""
    if not 0 < rate < 1:
        return tuple(float(count == rate * size) for count in range(size + 1))
    spread = 1 / icc - 1
    a, b = rate * spread, (1 - rate) * spread
    start = lgamma(a + b) - lgamma(a) - lgamma(b) - lgamma(size + a + b)
    found = [comb(size, k) * exp(start + lgamma(k + a) + lgamma(size - k + b)) for k in range(size + 1)]
    return tuple(value / sum(found) for value in found)


def _sums(counts: NDArray[np.int64], outcomes: Floats, size: int, weights: Floats) -> list[Sums]:
    """Return the weighted sums over all users so far, at each tick."""
    users = counts.sum(axis=1)
    total, square = counts @ outcomes, counts @ outcomes**2
    columns = (
        np.cumsum(users).tolist(),
        np.cumsum(users * size * weights).tolist(),
        np.cumsum(total * weights).tolist(),
        np.cumsum(users * size**2 * weights**2).tolist(),
        np.cumsum(total * size * weights**2).tolist(),
        np.cumsum(square * weights**2).tolist(),
    )
    return [Sums(*row) for row in zip(*columns, strict=True)]


def _by_share(shares: Floats, candidate: NDArray[np.int64], control: NDArray[np.int64]) -> list[tuple[Split, ...]]:
    """Return the splits at each tick: one for each share so far."""
    found: list[tuple[Split, ...]] = []
    done: tuple[Split, ...] = ()
    ours = theirs = 0
    for share, mine, other in zip(shares.tolist(), candidate.tolist(), control.tolist(), strict=True):
        if found and found[-1][-1].share != share:
            done, ours, theirs = found[-1], 0, 0
        ours, theirs = ours + mine, theirs + other
        found.append((*done, Split(share=share, candidate=ours, control=theirs)))
    return found


@lru_cache(maxsize=2 * POOLS)
def _latencies(median_s: float, pool: int) -> tuple[tuple[float, ...], ...]:
    rng = np.random.default_rng(pool)
    drawn = median_s * rng.lognormal(0.0, LATENCY_SIGMA, (LATENCY_USERS, 3))
    return tuple(tuple(row) for row in drawn.tolist())
