"""What a team has brought along, and how far the charter's goal is reached by it or by a figure of the report."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import fsum, sqrt

from shipmate.charter import OUTCOME_PREFIX, Goal
from shipmate.insight.report import GoalProgress, Measure, Outcome, status
from shipmate.statistics.intervals import Interval, normal_interval, wilson

__all__ = ["outcomes_of", "progress"]


def outcomes_of(imported: Iterable[tuple[str, float]]) -> Iterable[Outcome]:
    """Yield the mean of each outcome, from names and values."""
    of_name: defaultdict[str, list[float]] = defaultdict(list)
    for name, value in imported:
        of_name[name].append(value)
    for name, values in sorted(of_name.items()):
        total, bounds = fsum(values), _mean_bounds(values)
        yield Outcome(
            name=name,
            n=len(values),
            total=total,
            mean=total / len(values),
            low=bounds and bounds.low,
            high=bounds and bounds.high,
        )


def _mean_bounds(values: Sequence[float]) -> Interval | None:
    """Return the bounds of a mean: of yes and no, Wilson's; of amounts that are all the same, nothing is known."""
    n, total = len(values), fsum(values)
    if set(values) <= {0.0, 1.0}:
        return wilson(total, n)
    spread = fsum((value - total / n) ** 2 for value in values)
    return normal_interval(total / n, sqrt(spread / (n - 1) / n)) if n > 1 and spread else None


def progress(goal: Goal, figures: dict[str, Measure], outcomes: Iterable[Outcome]) -> GoalProgress | None:
    """Return how far a goal is reached; nothing without one, or of what nobody measures."""
    if not goal.metric:
        return None
    now = figures.get(goal.metric) or _as_figure(goal, outcomes)
    rising = goal.target is None or goal.baseline is None or goal.target >= goal.baseline
    bounds = now.value, now.low, now.high
    found = None if None in bounds else Interval(*(_or(bound, 0.0) for bound in bounds))
    known = goal.target is not None and goal.baseline is not None and goal.target != goal.baseline
    return GoalProgress(
        statement=goal.statement,
        metric=goal.metric,
        baseline=goal.baseline,
        target=goal.target,
        by=goal.by.isoformat() if goal.by else "",
        now=Measure(
            name=now.name,
            title=now.title,
            definition=now.definition,
            unit=now.unit,
            target=goal.target,
            side="at least" if rising else "at most",
            n=now.n,
            of=now.of,
            value=now.value,
            low=now.low,
            high=now.high,
            status=status(found, goal.target, "at least" if rising else "at most")
            if goal.target is not None
            else "unknown",
            note=now.note,
        ),
        progress=(now.value - _or(goal.baseline, 0.0)) / (_or(goal.target, 0.0) - _or(goal.baseline, 0.0))
        if known and now.value is not None
        else None,
    )


def _as_figure(goal: Goal, outcomes: Iterable[Outcome]) -> Measure:
    name = goal.metric.removeprefix(OUTCOME_PREFIX)
    own = next((outcome for outcome in outcomes if outcome.name == name), None)
    return Measure(
        name=goal.metric,
        title=name,
        definition=f"The mean of the values imported as {name}.",
        unit="score",
        n=own.n if own else 0,
        of="imported rows",
        value=own.mean if own else None,
        low=own.low if own else None,
        high=own.high if own else None,
        note="" if own else "nothing was imported yet: `shipmate outcomes import`",
    )


def _or(value: float | None, instead: float) -> float:
    return instead if value is None else value
