"""What a report says: every figure with its definition, its interval and how many it was taken from."""

from typing import Literal

from shipmate.messages import Record
from shipmate.statistics.intervals import Interval

__all__ = [
    "AtMost",
    "Day",
    "GoalProgress",
    "Group",
    "Measure",
    "Outcome",
    "Part",
    "Report",
    "Status",
    "status",
    "written",
]

Status = Literal["met", "not met", "unknown"]
AtMost = Literal["at least", "at most", ""]


class Measure(Record, frozen=True, kw_only=True):
    """One figure."""

    name: str
    title: str
    definition: str
    unit: Literal["share", "s", "usd", "score"] = "share"
    # What was promised; nothing where nothing was.
    target: float | None = None
    side: AtMost = ""
    # How many it was taken from, and of what.
    n: int
    of: str
    # Nothing while it is not known; its bounds enclose it in 95 of 100 cases.
    value: float | None = None
    low: float | None = None
    high: float | None = None
    status: Status = "unknown"
    # Why it is not known, or what goes with it.
    note: str = ""


class Part(Record, frozen=True, kw_only=True):
    """The share of solved problems in a part of them."""

    # "intent", "lang", "variant" or "index", and which one.
    by: str
    value: str
    n: int
    share: float
    low: float
    high: float
    # Too few to be read.
    is_grey: bool


class Group(Record, frozen=True, kw_only=True):
    """The figures of one release; without a release, of all of them."""

    release: str = ""
    turns: int
    # The five that the charter promises.
    rows: tuple[Measure, ...]
    # What stands behind them.
    details: tuple[Measure, ...]
    parts: tuple[Part, ...]
    # US dollars by purpose.
    purposes: dict[str, float]


class Day(Record, frozen=True, kw_only=True):
    """One day of all releases, in UTC."""

    day: str
    turns: int
    # By the names of the five rows; what is not known is left out.
    values: dict[str, float]


class Outcome(Record, frozen=True, kw_only=True):
    """A figure that the team has imported itself."""

    name: str
    n: int
    total: float
    mean: float
    low: float | None
    high: float | None


class GoalProgress(Record, frozen=True, kw_only=True):
    """How far the charter's goal is reached."""

    statement: str
    metric: str
    baseline: float | None
    target: float | None
    by: str
    now: Measure
    # 0 at the baseline, 1 at the target.
    progress: float | None


class Report(Record, frozen=True, kw_only=True):
    """What is known of an assistant from its journal."""

    at: float
    # Since when; 0 means from the beginning.
    since: float
    events: int
    overall: Group
    releases: tuple[Group, ...]
    days: tuple[Day, ...]
    goal: GoalProgress | None = None
    outcomes: tuple[Outcome, ...] = ()


def status(found: Interval | None, target: float, side: AtMost) -> Status:
    """Return whether a target is met: unknown while the interval holds it."""
    if found is None:
        return "unknown"
    below, above = found.high <= target, found.low >= target
    met, missed = (above, found.high < target) if side == "at least" else (below, found.low > target)
    return "met" if met else "not met" if missed else "unknown"


def written(value: float | None, unit: str) -> str:
    """Return a value as people read it; what is not known is said, and is no zero."""
    if value is None:
        return "unknown"
    match unit:
        case "share":
            return f"{100 * value:.2f}\N{NO-BREAK SPACE}%"
        case "s":
            return f"{value:.3g}\N{NO-BREAK SPACE}s"
        case "usd":
            return f"${value:.3g}"
    return f"{value:.4g}"
