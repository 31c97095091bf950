"""What a team's own traffic can show, before anything starts: the least gain, the days, and the odds of each verdict."""

import numpy as np
from numpy.typing import NDArray

from shipmate.messages import Record
from shipmate.release.canary.counts import Counts, HarmCount, Split
from shipmate.release.canary.decision import Look
from shipmate.release.canary.primary import look_at, needed_information
from shipmate.release.canary.rules import DAY_S, Rules, Step
from shipmate.release.canary.watch import HALLUCINATION, harmed
from shipmate.statistics.clusters import Estimate
from shipmate.statistics.intervals import NORMAL
from shipmate.statistics.planning import information_needed, least_effect, overdispersion

__all__ = ["HarmOdds", "Odds", "Plan", "Traffic", "plan", "planned_information"]

# Runs that odds are counted over: of the test that promotes, and of the watch for harm.
RUNS = 4_000
WATCHES = 200
# True gains, and true rates of hallucination as multiples of the control's, that odds are told for.
GAINS = (-0.03, 0.0, 0.015, 0.03, 0.05)
RATES = (2.0, 4.0, 8.0)
HOURS = 24


class Traffic(Record, frozen=True, kw_only=True):
    """What comes in, as measured before the trial or as somebody expects it."""

    turns_per_day: float
    # Eligible ones that mature.
    issues_per_day: float
    ftr: float = 0.7
    # Of one user within a run, and how alike they are.
    issues_per_user: float = 3.0
    correlation: float = 0.15
    # Of turns of the control.
    hallucination: float = 0.012
    # What the judge sees of each arm, and how far it is to be believed.
    judged_control: float = 0.10
    judged_candidate: float = 1.0
    sensitivity: float = 0.8
    specificity: float = 0.985


class Odds(Record, frozen=True, kw_only=True):
    """How the test on first-turn resolution ends where the true gain is this, if nothing else stands against it."""

    gain: float
    promote: float
    futile: float
    hold: float
    # Until it ends, half of the time.
    median_days: float


class HarmOdds(Record, frozen=True, kw_only=True):
    """How often the flags alone stop a candidate within the first step, where its true rate is this."""

    hallucination: float
    stopped: float


class Plan(Record, frozen=True, kw_only=True):
    """What may be expected of a trial under these rules."""

    # What is planned for, to be handed to `decide`: one over the squared error of the gain.
    information: float
    # Of first-turn resolution, what is found four times in five: by the end of each day.
    least_gain_by_day: tuple[float, ...]
    # Until the smallest gain worth having is found four times in five; nothing: not within `max_days`.
    days_needed: int | None
    odds: tuple[Odds, ...]
    harm: tuple[HarmOdds, ...]


def planned_information(traffic: Traffic, rules: Rules) -> float:
    """Return the information to plan for: what the smallest effect needs, or what comes in by the end, if that is less."""
    return min(needed_information(rules.primary), _informations(traffic, rules)[-1])


def plan(traffic: Traffic, rules: Rules, *, seed: int = 0) -> Plan:
    """Return what this traffic can show. The same traffic, rules and seed give the same plan."""
    informations = _informations(traffic, rules)
    alpha = rules.primary.alpha
    wanted = information_needed(rules.primary.min_effect, alpha=alpha)
    planned = planned_information(traffic, rules)
    rng = np.random.default_rng(seed)
    return Plan(
        information=planned,
        least_gain_by_day=tuple(least_effect(information, alpha=alpha) for information in informations),
        days_needed=next((day for day, found in enumerate(informations, 1) if found >= wanted), None),
        odds=_odds(traffic, rules, planned, rng),
        harm=tuple(_harm_odds(traffic, rules, factor * traffic.hallucination, rng) for factor in RATES),
    )


def _steps_by_day(rules: Rules) -> tuple[Step, ...]:
    """Return the step of each day, if none is held longer than it says; a day with two has the later."""
    steps = []
    for day in range(max(1, int(rules.max_days))):
        over = 0.0
        now = rules.steps[-1]
        for step in rules.steps[:-1]:
            over += step.hold_s
            if day * DAY_S < over:
                now = step
                break
        steps.append(now)
    return tuple(steps)


def _informations(traffic: Traffic, rules: Rules) -> tuple[float, ...]:
    """Return the information of the gain by the end of each day: issues times share times the rest, by their variance."""
    variance = traffic.ftr * (1 - traffic.ftr) * overdispersion(traffic.issues_per_user, traffic.correlation)
    shares = [step.share for step in _steps_by_day(rules)]
    daily = [traffic.issues_per_day * share * (1 - share) / variance for share in shares]
    return tuple(float(total) for total in np.cumsum(daily))


def _odds(traffic: Traffic, rules: Rules, planned: float, rng: np.random.Generator) -> tuple[Odds, ...]:
    """Count over drawn runs, with the very bounds that the decision uses."""
    days, looks = _looks(traffic, rules, planned)
    if not looks:
        return tuple(Odds(gain=gain, promote=0.0, futile=0.0, hold=1.0, median_days=rules.max_days) for gain in GAINS)
    informations = np.array([look.information for look in looks])
    steps = np.sqrt(np.diff(informations, prepend=0.0))
    noise = np.cumsum(rng.standard_normal((RUNS, len(looks))) * steps, axis=1) / informations
    bounds = np.array([look.bound for look in looks]) / np.sqrt(informations)
    reach = NORMAL.inv_cdf(0.975) / np.sqrt(informations)
    return tuple(_odds_of(gain, gain + noise, bounds, rules.primary.min_effect - reach, days) for gain in GAINS)


def _looks(traffic: Traffic, rules: Rules, planned: float) -> tuple[NDArray[np.float64], list[Look]]:
    """Return the days of all looks until the level is spent, and the looks."""
    watched = max((step.share for step in rules.steps if step.is_watch), default=0.0)
    days: list[float] = []
    looks: list[Look] = []
    issues = 0.0
    for day, (step, information) in enumerate(zip(_steps_by_day(rules), _informations(traffic, rules), strict=True), 1):
        issues += traffic.issues_per_day * step.share
        effective = issues / overdispersion(traffic.issues_per_user, traffic.correlation)
        is_early = traffic.turns_per_day > rules.busy_turns and day < rules.busy_days
        if step.is_watch or step.share < watched or is_early or effective < rules.primary.min_issues:
            continue
        gain = Estimate(0.0, information**-0.5)
        is_last = day >= rules.max_days
        looks.append(look_at(gain, looks, rules.primary, at=day * DAY_S, planned=planned, is_last=is_last))
        days.append(float(day))
        if looks[-1].spent >= rules.primary.alpha:
            break
    return np.array(days), looks


def _odds_of(
    gain: float,
    seen: NDArray[np.float64],
    bounds: NDArray[np.float64],
    futile: NDArray[np.float64],
    days: NDArray[np.float64],
) -> Odds:
    shown = seen >= bounds
    dropped = ~shown & (seen < futile)
    ends = shown | dropped
    ends[:, -1] = True
    at = np.argmax(ends, axis=1)
    rows = np.arange(len(seen))
    promote, drop = float(shown[rows, at].mean()), float(dropped[rows, at].mean())
    return Odds(
        gain=gain,
        promote=promote,
        futile=drop,
        hold=max(0.0, 1 - promote - drop),
        median_days=float(np.median(days[at])),
    )


def _harm_odds(traffic: Traffic, rules: Rules, rate: float, rng: np.random.Generator) -> HarmOdds:
    """Watch drawn first steps, hour by hour, with the very watch that ends a trial."""
    step = rules.steps[0]
    hours = max(1, round(min(step.hold_s or DAY_S, DAY_S) / 3600))
    ours = traffic.turns_per_day / HOURS * step.share * traffic.judged_candidate
    theirs = traffic.turns_per_day / HOURS * (1 - step.share) * traffic.judged_control
    if not (ours and theirs):
        return HarmOdds(hallucination=rate, stopped=0.0)
    share = ours / (ours + theirs)
    flags = [
        rng.poisson(turns * _flagged(traffic, true), (WATCHES, hours)).cumsum(axis=1).tolist()
        for turns, true in ((ours, rate), (theirs, traffic.hallucination))
    ]
    stopped = sum(
        any(_is_stopped(share, c, k, rules) for c, k in zip(candidate, control, strict=True))
        for candidate, control in zip(*flags, strict=True)
    )
    return HarmOdds(hallucination=rate, stopped=stopped / WATCHES)


def _flagged(traffic: Traffic, rate: float) -> float:
    return rate * traffic.sensitivity + (1 - rate) * (1 - traffic.specificity)


def _is_stopped(share: float, candidate: int, control: int, rules: Rules) -> bool:
    flags = HarmCount(
        kind=HALLUCINATION,
        splits=(Split(share=share, candidate=candidate, control=control),),
        squares=float(candidate + control),
    )
    counts = Counts(started_at=0.0, at=0.0, share=share, share_since=0.0, harms=(flags,))
    return bool(harmed(counts, rules))
