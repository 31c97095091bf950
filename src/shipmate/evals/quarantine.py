"""Cases that are left out for now because they come out differently by chance: named, owned, and only until a day."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from shipmate.disk import disk_faults
from shipmate.errors import Problem, ProjectError
from shipmate.evals.suite import EVALS, QUARANTINE, Suite
from shipmate.messages import Record
from shipmate.shape import Section, did_you_mean, fit
from shipmate.yaml_source import MAX_BYTES, parse

__all__ = ["Flaky", "Quarantine", "QuarantineFile", "Quarantined", "flaky", "read_quarantine"]

# Of so many runs at most the spread is told.
RUNS = 10


class Quarantined(Section, frozen=True, kw_only=True):
    """A case that does not count until a day."""

    id: Annotated[str, Meta(min_length=1, description="The case.")]
    until: Annotated[date, Meta(description="From this day on it counts again.")]
    reason: Annotated[str, Meta(min_length=1, description="Why it does not count.")]
    owner: Annotated[str, Meta(min_length=1, description="Who mends it.")]


class QuarantineFile(Section, frozen=True, kw_only=True):
    """Cases that come out differently by chance, and until when each is left out."""

    version: Literal[1] = 1
    cases: tuple[Quarantined, ...] = ()


class Quarantine(Record, frozen=True, kw_only=True):
    """Which cases are left out today, and which count again though the file still names them."""

    running: dict[str, str]
    expired: dict[str, str]


def read_quarantine(folder: Path, suite: Suite, today: date) -> Quarantine:
    """Read who is left out; raise `ProjectError` for a case that is unknown or critical."""
    file = folder / EVALS / QUARANTINE
    if not file.exists():
        return Quarantine(running={}, expired={})
    with disk_faults(file), file.open("rb") as content:
        source = parse(f"{EVALS}/{QUARANTINE}", content.read(MAX_BYTES))
    listed = fit(source, QuarantineFile, source.data).cases
    cases = {case.id: case for case in suite.cases}
    problems: list[Problem] = []
    for number, one in enumerate(listed):
        path = ("cases", number, "id")
        if one.id not in cases:
            problems.append(source.problem(path, f"There is no case `{one.id}`.", did_you_mean(one.id, cases)))
        elif cases[one.id].critical:
            what = f"`{one.id}` is critical: it cannot be left out."
            problems.append(source.problem(path, what, "Mend it, or say why it is not critical."))
    if problems:
        raise ProjectError(problems)
    until = {one.id: str(one.until) for one in listed}
    running = {one.id for one in listed if today < one.until}
    return Quarantine(
        running={case_id: day for case_id, day in until.items() if case_id in running},
        expired={case_id: day for case_id, day in until.items() if case_id not in running},
    )


class Flaky(Record, frozen=True, kw_only=True):
    """How differently a case comes out."""

    case_id: str
    # The variance of its share of passes over the last runs: 0 always alike, 0.25 as a coin falls.
    index: float
    runs: int


def flaky(history: Iterable[dict[str, float]]) -> list[Flaky]:
    """Return the cases whose share of passes has differed over the last 10 runs, the most differing first."""
    shares: dict[str, list[float]] = {}
    for run in list(history)[-RUNS:]:
        for case_id, share in run.items():
            shares.setdefault(case_id, []).append(share)
    found = [Flaky(case_id=one, index=_variance(values), runs=len(values)) for one, values in shares.items()]
    return sorted((one for one in found if one.index > 0), key=lambda one: (-one.index, one.case_id))


def _variance(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / len(values)
