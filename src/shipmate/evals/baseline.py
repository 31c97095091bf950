"""What the assistant scored when somebody last said that this is good: a committed file, and the pairs made with it."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from shipmate.disk import disk_faults
from shipmate.errors import Damaged, Missing, UsageError
from shipmate.evals.gate import Pair
from shipmate.evals.results import Run
from shipmate.evals.scoring import SCORER_VERSION
from shipmate.evals.suite import BASELINE, EVALS
from shipmate.messages import Record

__all__ = ["Baseline", "Head", "Kept", "compare", "kept", "pairs_of", "read_baseline", "write_baseline"]

AGAIN = "Re-score it on what is good: `shipmate eval baseline`, and commit the file."


class Head(Record, frozen=True, kw_only=True):
    """The first line: what the scores belong to."""

    version: Literal[1] = 1
    suite: str
    suite_sha: str
    judge: str
    scorer_version: int
    model: str
    index_sha: str
    release: str
    epochs: int


class Kept(Record, frozen=True, kw_only=True):
    """One case's line."""

    id: str
    # 1 for each epoch that passed, 0 for each that failed.
    passes: tuple[float, ...]
    score: float | None = None
    # What was said, where reports show the two side by side.
    reply: str = ""


class Baseline(Record, frozen=True, kw_only=True):
    """The whole file."""

    head: Head
    cases: tuple[Kept, ...]


def kept(run: Run) -> Baseline:
    """Return what a run scored as a baseline; what could not be told of is left out."""
    head = Head(
        suite=run.suite,
        suite_sha=run.suite_sha,
        judge=run.judge,
        scorer_version=run.scorer_version,
        model=run.model,
        index_sha=run.index_sha,
        release=run.release,
        epochs=max((len(result.tries) for result in run.results), default=0),
    )
    cases = (
        Kept(id=result.case_id, passes=result.passes, score=result.score, reply=result.told[0].reply)
        for result in run.results
        if result.told
    )
    return Baseline(head=head, cases=tuple(cases))


def write_baseline(folder: Path, baseline: Baseline) -> Path:
    """Write the file whole or not at all; return where it is."""
    file = folder / EVALS / BASELINE
    lines = [msgspec.json.encode(baseline.head), *(msgspec.json.encode(case) for case in baseline.cases)]
    new = file.with_suffix(".new")
    with disk_faults(file):
        new.write_bytes(b"\n".join(lines) + b"\n")
        new.replace(file)
    return file


def read_baseline(folder: Path) -> Baseline:
    """Read the file; raise `Missing` where there is none, `Damaged` where it does not read back."""
    file = folder / EVALS / BASELINE
    if not file.exists():
        raise Missing(f"There is no baseline: {file}.", do="Score one: `shipmate eval baseline`, and commit the file.")
    with disk_faults(file):
        first, *lines = file.read_bytes().splitlines() or [b""]
    try:
        head = msgspec.json.decode(first, type=Head)
        cases = tuple(msgspec.json.decode(line, type=Kept) for line in lines if line.strip())
    except msgspec.MsgspecError as error:
        raise Damaged(f"{file} does not read back: {error}.", do=AGAIN) from error
    return Baseline(head=head, cases=cases)


def compare(baseline: Baseline, suite_sha: str, judge: str) -> None:
    """Refuse a baseline whose scores do not compare: of another suite, judge or scorer. Raises `UsageError`."""
    head = baseline.head
    for what, before, now in (
        ("suite", head.suite_sha, suite_sha),
        ("judge", head.judge, judge),
        ("scorers", str(head.scorer_version), str(SCORER_VERSION)),
    ):
        if before != now:
            said = f"The baseline is of other {what}" if what == "scorers" else f"The baseline is of another {what}"
            raise UsageError(f"{said}: {before[:40] or 'none'}, and now {now[:40] or 'none'}.", do=AGAIN)


def pairs_of(baseline: Baseline, run: Run, without: Collection[str] = ()) -> Iterator[Pair]:
    """Yield the pair of each case that both can be told of, save for those `without`."""
    before = {case.id: case for case in baseline.cases}
    for result in run.results:
        known = before.get(result.case_id)
        if known and known.passes and result.passes and result.case_id not in without:
            yield Pair(result.case_id, result.cluster, known.passes, result.passes, critical=result.critical)
