"""What a judge and what people say of answers, as the journal has it."""

from collections import Counter
from math import sqrt
from typing import NamedTuple

from shipmate.messages import Event, Record
from shipmate.statistics.agreement import krippendorff_alpha
from shipmate.statistics.clusters import Estimate
from shipmate.statistics.intervals import Interval, exact, normal_interval
from shipmate.statistics.judged import Audited, Calibration, Stratum, calibration, corrected_mean, judged_rate

__all__ = ["EVALUATED", "RANDOM", "UNSUPPORTED", "Evaluations", "Judged", "Opinion", "opinion", "says_bad"]

EVALUATED = "gen_ai.evaluation.result"
UNSUPPORTED, RESOLVED = ("hallucination", "groundedness"), "ftr_audit"
# The stratum of what was drawn at random, of which alone an average is corrected.
RANDOM = "random"
BAD = frozenset({"flagged", "hallucinated", "bad", "unresolved", "fail"})
# Fewer labels than these, in all and of each stratum, and a judge is not calibrated.
LABELS, LABELS_EACH = 150, 10
# So many labels say something where there is no judge.
LABELS_ALONE = 30


class Opinion(NamedTuple):
    """What somebody says of one answer."""

    about: str
    is_bad: bool
    # Who it was of several people; empty for a judge.
    rater: str
    judge_version: str
    # With which probability the answer was drawn.
    sampled_p: float
    # Of an audit that was drawn at random, what the journal's label was: 1 for solved.
    recorded: int | None = None


class Judged(Record, frozen=True, kw_only=True):
    """The share of answers with a claim that nothing supports: what the judge says, and what is true by its errors."""

    turns: int
    flagged: int
    judge_versions: tuple[str, ...]
    labels: int
    # Nothing until the judge is calibrated, or people alone have labelled enough.
    rate: Interval | None
    sensitivity: Interval | None
    specificity: Interval | None
    # Why there is no rate, or what there is to say of it.
    lacks: str = ""


def says_bad(label: object) -> bool:
    """Return whether an evaluation's label says that something is wrong."""
    return label in BAD if isinstance(label, str) else bool(label)


def opinion(event: Event) -> Opinion | None:
    """Return what an evaluation says; nothing for one that does not say what it is of."""
    data = event.data
    name, label = data.get("name"), data.get("label")
    if label is None or not (name in UNSUPPORTED or name == RESOLVED):
        return None
    version = str(data.get("judge_version", ""))
    is_human = version.startswith("human") or data.get("by") == "human"
    sampled_p = data.get("sampled_p")
    return Opinion(
        about=RESOLVED if name == RESOLVED else UNSUPPORTED[0],
        is_bad=says_bad(label),
        rater=str(data.get("rater") or "human") if is_human else "",
        judge_version=version,
        sampled_p=sampled_p if isinstance(sampled_p, float) and 0 < sampled_p <= 1 else 1.0,
        recorded=int(bool(data["recorded"])) if data.get("stratum") == RANDOM and "recorded" in data else None,
    )


class Evaluations:
    """The opinions of one group of answers; of each rater the first of a turn counts."""

    def __init__(self) -> None:
        # By turn: whether it was flagged, and how many turns it stands for.
        self._judged: dict[str, tuple[bool, float]] = {}
        self._versions: set[str] = set()
        self._people: dict[str, dict[str, bool]] = {}
        # By turn, of the audit: who says that it was not solved.
        self._audits: dict[str, dict[str, bool]] = {}
        # By turn, of the random audit: what the journal said, and how many episodes it stands for.
        self._recorded: dict[str, tuple[int, float]] = {}

    def take(self, turn_id: str, said: Opinion) -> None:
        """Note an opinion."""
        if said.about == RESOLVED:
            self._audits.setdefault(turn_id, {}).setdefault(said.rater, said.is_bad)
            if said.recorded is not None:
                self._recorded.setdefault(turn_id, (said.recorded, 1 / said.sampled_p))
        elif said.rater:
            self._people.setdefault(turn_id, {}).setdefault(said.rater, said.is_bad)
        elif turn_id not in self._judged:
            self._judged[turn_id] = (said.is_bad, 1 / said.sampled_p)
            self._versions.add(said.judge_version)

    def corrected(self, recorded: Interval, n: float) -> tuple[int, Interval | None]:
        """Return the size of the random audit, and the share of `n` independent episodes when it is corrected by it."""
        errors = [
            ((not _most(self._audits[turn_id])) - label, weight) for turn_id, (label, weight) in self._recorded.items()
        ]
        share = recorded.estimate
        audited = _weighed(errors)
        found = corrected_mean(Estimate(share, sqrt(share * (1 - share) / n) if n else float("inf")), audited)
        if found.error == float("inf"):
            return len(errors), None
        bounds = normal_interval(found.value, found.error)
        return len(errors), Interval(*(min(1.0, max(0.0, bound)) for bound in bounds))

    @property
    def agreement(self) -> float | None:
        """Return how far raters agree: Krippendorff's alpha; nothing where no two have rated the same."""
        return krippendorff_alpha([*_ratings(self._people), *_ratings(self._audits)])

    def is_flagged(self, turn_id: str) -> bool | None:
        """Return whether the judge has flagged a turn; nothing where it has not seen it."""
        judged = self._judged.get(turn_id)
        return judged[0] if judged else None

    def hallucinations(self) -> Judged:
        """Return the share of answers with an unsupported claim."""
        labelled = {turn_id: _most(labels) for turn_id, labels in self._people.items()}
        strata: dict[bool, Counter[bool]] = {True: Counter(), False: Counter()}
        for turn_id, is_bad in labelled.items():
            if turn_id in self._judged:
                strata[self._judged[turn_id][0]][is_bad] += 1
        flagged, unflagged = (Stratum(strata[side].total(), strata[side][True]) for side in (True, False))
        lacks = self._lacks(flagged, unflagged)
        if not self._judged and len(labelled) >= LABELS_ALONE:
            # What people read where no judge has looked was drawn at random.
            return Judged(
                turns=len(labelled),
                flagged=0,
                judge_versions=(),
                labels=len(labelled),
                rate=exact(sum(labelled.values()), len(labelled)),
                sensitivity=None,
                specificity=None,
                lacks="by people alone: no judge has looked at these answers",
            )
        known: Calibration | None = None if lacks else calibration(self._flags, flagged, unflagged)
        return Judged(
            turns=len(self._judged),
            flagged=sum(is_bad for is_bad, _ in self._judged.values()),
            judge_versions=tuple(sorted(self._versions)),
            labels=len(labelled),
            rate=None if lacks else judged_rate(self._flags, flagged, unflagged),
            sensitivity=known.sensitivity if known else None,
            specificity=known.specificity if known else None,
            lacks=lacks,
        )

    def _lacks(self, flagged: Stratum, unflagged: Stratum) -> str:
        labels = flagged.labelled + unflagged.labelled
        if not self._judged:
            return "no judge has looked at these answers"
        if len(self._versions) > 1:
            return f"{len(self._versions)} versions of a judge have looked, and each errs in its own way"
        if labels < LABELS:
            return f"the judge is not calibrated: {labels} of {LABELS} labels by people"
        if self._flags.value and flagged.labelled < LABELS_EACH:
            return f"the judge is not calibrated: {flagged.labelled} labels of what it flagged"
        if unflagged.labelled < LABELS_EACH:
            return f"the judge is not calibrated: {unflagged.labelled} labels of what it did not flag"
        return ""

    @property
    def _flags(self) -> Estimate:
        """Return the share of flags, each turn weighed by how many it stands for."""
        weights = [weight for _, weight in self._judged.values()]
        total = sum(weights)
        if not total:
            return Estimate(0.0, float("inf"))
        share = sum(weight for is_bad, weight in self._judged.values() if is_bad) / total
        spread = sum((weight * (is_bad - share)) ** 2 for is_bad, weight in self._judged.values())
        return Estimate(share, sqrt(spread) / total)


def _weighed(errors: list[tuple[int, float]]) -> Audited:
    """Return the sums of an audit in which a conversation of a busy day stands for more than one of a quiet day."""
    units, weights = len(errors), sum(weight for _, weight in errors)
    if not weights:
        return Audited(0, 0.0, 0.0)
    bias = sum(error * weight for error, weight in errors) / weights
    spread = sum((units * weight / weights * (error - bias)) ** 2 for error, weight in errors)
    return Audited(units, units * bias, spread + units * bias * bias)


def _most(labels: dict[str, bool]) -> bool:
    """Return what most raters say; of a tie, the worse."""
    return 2 * sum(labels.values()) >= len(labels)


def _ratings(labels: dict[str, dict[str, bool]]) -> list[list[bool]]:
    return [list(own.values()) for own in labels.values() if len(own) > 1]
