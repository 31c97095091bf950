"""What people are shown of a trial: both arms, what is known of each, and what comes next."""

from shipmate.messages import Record
from shipmate.release.canary.counts import Arm, Counts
from shipmate.release.canary.decide import split_evidence
from shipmate.release.canary.decision import Decision, Figure, Reason, Verdict
from shipmate.release.canary.quarter import Quarter
from shipmate.release.canary.reader import State
from shipmate.release.canary.rules import DAY_S
from shipmate.release.canary.run import Run
from shipmate.release.canary.watch import HarmEvidence, harm_evidence

__all__ = ["ArmShown", "Past", "StepShown", "TrialShown", "shown"]


class ArmShown(Record, frozen=True, kw_only=True):
    """One arm, and how much is known of it."""

    name: str
    # Empty: the folder as it was.
    release: str
    share: float
    users: int
    turns: int
    issues: int
    judged: int
    # By people.
    labelled: int


class StepShown(Record, frozen=True, kw_only=True):
    """A share, and since when the candidate has it."""

    at: float
    share: float
    reason: str


class Past(Record, frozen=True, kw_only=True):
    """A look, or the verdict with which the trial ended."""

    at: float
    verdict: Verdict
    ended: bool
    reasons: tuple[Reason, ...]
    # On the z scale, at a look that could have promoted.
    z: float | None = None
    bound: float | None = None
    spent: float | None = None


class TrialShown(Record, frozen=True, kw_only=True):
    """A trial, as its page and its door show it."""

    run: str
    evidence: str
    started_at: float
    at: float
    gate: str
    # Nothing before the first look.
    verdict: Verdict | None
    ended: bool
    reasons: tuple[Reason, ...]
    # What it was decided from is still counted; else arms and evidence say nothing, and only the figures of the verdict do.
    is_counted: bool
    # Control and candidate.
    arms: tuple[ArmShown, ...]
    figures: tuple[Figure, ...]
    # Evidence of harm, all kinds together, and how much is enough.
    harm: float
    harm_needed: float
    harms: tuple[HarmEvidence, ...]
    # Evidence of a split that is not the one that was set.
    split: float
    split_needed: float
    steps: tuple[StepShown, ...]
    looks: tuple[Past, ...]
    # When the next look may promote; nothing when there is none.
    next_look_at: float | None
    ends_at: float
    shrunk_gain: float | None
    trouble: str
    # Of all canaries lately, where that is asked for.
    quarter: Quarter | None = None


def shown(state: State, quarter: Quarter | None = None) -> TrialShown:
    """Return what is shown of a trial."""
    run, counts = state.run, state.counts
    last = state.verdicts[-1] if state.verdicts else None
    decision = last if last and last.ended else state.decision or last
    at = counts.at if counts else decision.at if decision else run.started_at
    harm = harm_evidence(counts.harms if counts else (), run.rules.harm)
    ended = bool(decision and decision.ended)
    ends_at = run.started_at + run.rules.max_days * DAY_S
    return TrialShown(
        run=run.run,
        evidence=run.evidence,
        started_at=run.started_at,
        at=at,
        gate=run.gate,
        verdict=decision.verdict if decision else None,
        ended=ended,
        reasons=decision.reasons if decision else (),
        is_counted=counts is not None and (not ended or counts.control.turns + counts.candidate.turns > 0),
        arms=_arms(run, counts, 0.0 if ended else state.share),
        figures=decision.figures if decision else (),
        harm=harm.total,
        harm_needed=harm.needed,
        harms=harm.kinds,
        split=split_evidence(counts) if counts else 1.0,
        split_needed=1 / run.rules.srm_alpha,
        steps=tuple(StepShown(at=since, share=part, reason=reason) for since, part, reason in state.steps),
        looks=tuple(_past(one) for one in state.verdicts),
        next_look_at=None
        if ended or run.evidence == "shadow"
        else min(ends_at, _next_look(run.started_at, at, run.rules.look_s)),
        ends_at=ends_at,
        shrunk_gain=decision.shrunk_gain if decision else None,
        trouble=state.trouble,
        quarter=quarter,
    )


def _arms(run: Run, counts: Counts | None, share: float) -> tuple[ArmShown, ...]:
    """Return control and candidate, which has this share."""
    exposed = counts.exposed if counts else ()
    users = sum(split.control for split in exposed), sum(split.candidate for split in exposed)
    seen = (counts.control, counts.candidate) if counts else (Arm(), Arm())
    names = (run.control, run.control_release), (run.candidate, run.release)
    return tuple(
        ArmShown(
            name=name,
            release=release,
            share=part,
            users=count,
            turns=arm.turns,
            issues=arm.issues,
            judged=arm.judged,
            labelled=arm.flagged.labelled + arm.unflagged.labelled,
        )
        for (name, release), part, count, arm in zip(names, (1 - share, share), users, seen, strict=True)
    )


def _past(decision: Decision) -> Past:
    look = decision.look
    return Past(
        at=decision.at,
        verdict=decision.verdict,
        ended=decision.ended,
        reasons=decision.reasons,
        z=look.z if look else None,
        bound=look.bound if look else None,
        spent=look.spent if look else None,
    )


def _next_look(started_at: float, at: float, every_s: float) -> float:
    return started_at + (int((at - started_at) // every_s) + 1) * every_s
