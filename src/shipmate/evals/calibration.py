"""How far a judge can be believed: its opinions against those of people, before it may decide anything."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

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
    "Told",
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
    # How likely it was drawn to be labelled; lower where more of its kind were left out.
    sampled_p: Annotated[float, Meta(gt=0, le=1)] = 1.0


class Told(NamedTuple):
    """What a person and a judge say of one answer, and of how many like it that tells."""

    is_bad: bool
    is_flagged: bool
    weight: float = 1.0


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
    flagged = [(label, await flags(judge, label)) for label in labels]
    told = [Told(bool(label.label), flag, 1 / label.sampled_p) for label, flag in flagged if flag is not None]
    unjudged = len(flagged) - len(told)
    if unjudged > MOST_UNJUDGED * len(flagged):
        raise UsageError(f"The judge said nothing of {unjudged} of {len(flagged)} answers.", do="Take another model.")
    return measured(judge.version, told, unjudged=unjudged)


async def flags(judge: Judge, label: Label) -> bool | None:
    """Tell whether the judge finds a sentence that the context does not bear out; nothing where it does not say."""
    opinions = [await judge.bears_out(text, [label.context], label.question) for text in sentences_of(label.response)]
    held = {opinion.holds for opinion in opinions}
    if held & {Holds.UNSUPPORTED, Holds.CONTRADICTED}:
        return True
    return None if Holds.UNKNOWN in held else False


def measured(judge: str, told: Sequence[Told], *, unjudged: int = 0) -> Calibration:
    """Return the rates, each answer weighed by how many like it there are."""
    bad = [one for one in told if one.is_bad]
    flagged = [one for one in told if one.is_flagged]
    return Calibration(
        judge=judge,
        labels=len(told),
        sensitivity=_share(bad, [one.is_flagged for one in bad]),
        specificity=_share(
            [one for one in told if not one.is_bad], [not one.is_flagged for one in told if not one.is_bad]
        ),
        precision=_share(flagged, [one.is_bad for one in flagged]),
        kappa=round(_kappa(told), 4),
        unjudged=unjudged,
    )


def may_gate(judges: Iterable[str], known: Calibration | None) -> str:
    """Return why one of these judges may not decide yet; empty when all may. The default one may: see `EXEMPT`."""
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


def _share(told: Sequence[Told], hits: Sequence[bool]) -> Interval:
    """Return the weighted share of hits, with Wilson's interval for as many answers as the weights are worth."""
    weights = [one.weight for one in told]
    total = sum(weights)
    if not total:
        return wilson(0, 0)
    worth = total**2 / sum(weight**2 for weight in weights)
    share = sum(weight for weight, hit in zip(weights, hits, strict=True) if hit) / total
    return wilson(share * worth, worth)


def _kappa(told: Sequence[Told]) -> float:
    total = sum(one.weight for one in told)
    if not total:
        return 0.0
    bad = sum(one.weight for one in told if one.is_bad) / total
    flagged = sum(one.weight for one in told if one.is_flagged) / total
    agreed = sum(one.weight for one in told if one.is_bad is one.is_flagged) / total
    chance = bad * flagged + (1 - bad) * (1 - flagged)
    return (agreed - chance) / (1 - chance) if chance < 1 else 1.0
