"""How far a judge can be believed: its opinions against those of people, before it may decide anything."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shipmate.disk import disk_faults
from shipmate.errors import Damaged, Missing, UsageError
from shipmate.evals.judge import OFFLINE, Holds, Judge, sentences_of
from shipmate.evals.suite import EVALS
from shipmate.messages import Record
from shipmate.statistics.intervals import Interval, wilson

__all__ = [
    "CALIBRATION",
    "FEWEST_LABELS",
    "Calibration",
    "Label",
    "calibrate",
    "calibrated",
    "may_gate",
    "read_labels",
    "write_calibration",
]

CALIBRATION = "judge.json"
FEWEST_LABELS = 150
# Below this, two of three flags are false at the rates that matter.
LEAST_SPECIFICITY = 0.97
MOST_UNJUDGED = 0.02


class Label(Record, frozen=True, kw_only=True):
    """What a person says of one answer."""

    id: str
    question: str = ""
    # What the answer had to stand on.
    context: str
    response: str
    # 1: it says something that the context does not.
    label: Annotated[int, Meta(ge=0, le=1)]


class Calibration(Record, frozen=True, kw_only=True):
    """A judge held against people: a flag is the judge's word that an answer says more than it may."""

    version: Literal[1] = 1
    judge: str
    labels: int
    # Of what people call bad, the share that is flagged; of what they call good, the share that is not.
    sensitivity: Interval
    specificity: Interval
    # Of what is flagged, the share that people call bad.
    precision: Interval
    # Agreement beyond chance. At low rates it misleads: look at the two above.
    kappa: float
    # The judge gave no opinion.
    unjudged: int = 0


async def calibrate(judge: Judge, labels: Sequence[Label]) -> Calibration:
    """Judge every labelled answer, and say how often the judge is right.

    Raises `UsageError` where it says nothing of more than 2 % of them, and what its model raises.
    """
    outcomes = [(bool(label.label), await flags(judge, label)) for label in labels]
    told = [(bad, flag) for bad, flag in outcomes if flag is not None]
    unjudged = len(outcomes) - len(told)
    if unjudged > MOST_UNJUDGED * len(outcomes):
        raise UsageError(f"The judge said nothing of {unjudged} of {len(outcomes)} answers.", do="Take another model.")
    return measured(judge.version, told, unjudged=unjudged)


async def flags(judge: Judge, label: Label) -> bool | None:
    """Tell whether the judge finds a sentence that the context does not bear out; nothing where it does not say."""
    opinions = [await judge.bears_out(text, [label.context], label.question) for text in sentences_of(label.response)]
    held = {opinion.holds for opinion in opinions}
    if held & {Holds.UNSUPPORTED, Holds.CONTRADICTED}:
        return True
    return None if Holds.UNKNOWN in held else False


def measured(judge: str, told: Sequence[tuple[bool, bool]], *, unjudged: int = 0) -> Calibration:
    """Return the rates of pairs of (a person calls it bad, the judge flags it)."""
    both = sum(bad and flag for bad, flag in told)
    bad, flagged = sum(bad for bad, _ in told), sum(flag for _, flag in told)
    neither = len(told) - bad - flagged + both
    return Calibration(
        judge=judge,
        labels=len(told),
        sensitivity=wilson(both, bad),
        specificity=wilson(neither, len(told) - bad),
        precision=wilson(both, flagged),
        kappa=round(_kappa(both, neither, bad, flagged, len(told)), 4),
        unjudged=unjudged,
    )


def may_gate(judges: Iterable[str], known: Calibration | None) -> str:
    """Return why one of these judges may not decide yet; empty when all may. The default one has no opinions to bend."""
    for judge in judges:
        if judge == OFFLINE:
            continue
        if known is None or known.judge != judge:
            return f"The judge {judge} was not held against people's labels."
        if known.labels < FEWEST_LABELS:
            return f"The judge {judge} was held against {known.labels} labels; {FEWEST_LABELS} are needed."
        if known.specificity.low < LEAST_SPECIFICITY:
            low = known.specificity.low
            return f"The judge {judge} flags too much that is good: its specificity may be as low as {low:.3f}."
    return ""


def read_labels(file: Path) -> list[Label]:
    """Read people's labels. Raises `Missing`, and `UsageError` with the line that does not read."""
    if not file.exists():
        what = f"There are no labels of people: {file}."
        raise Missing(what, do='Write {"id", "question", "context", "response", "label": 0 or 1} in each line.')
    with disk_faults(file):
        lines = file.read_bytes().splitlines()
    labels = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            labels.append(msgspec.json.decode(line, type=Label))
        except msgspec.MsgspecError as error:
            raise UsageError(f"{file}:{number}: {error}.", do="Mend the line.") from error
    return labels


def write_calibration(folder: Path, found: Calibration) -> Path:
    """Write what is known of a judge beside the cases; return where."""
    file = folder / EVALS / CALIBRATION
    with disk_faults(file):
        file.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    return file


def calibrated(folder: Path) -> Calibration | None:
    """Return what is known of a judge; nothing where nobody looked."""
    file = folder / EVALS / CALIBRATION
    if not file.exists():
        return None
    with disk_faults(file):
        content = file.read_bytes()
    try:
        return msgspec.json.decode(content, type=Calibration)
    except msgspec.MsgspecError as error:
        raise Damaged(f"{file} does not read back: {error}.", do="Run `shipmate eval judge` again.") from error


def _kappa(both: int, neither: int, bad: int, flagged: int, total: int) -> float:
    if not total:
        return 0.0
    chance = (bad * flagged + (total - bad) * (total - flagged)) / total**2
    return ((both + neither) / total - chance) / (1 - chance) if chance < 1 else 1.0
