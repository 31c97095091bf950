"""What is decided whatever the figures say: without a gate nothing is promoted, and people may end a run at any moment."""

import msgspec

from shipmate.release.canary.decision import Decision, Reason, Verdict
from shipmate.release.canary.run import Run

__all__ = ["gated", "paused", "stopped"]


def gated(run: Run, decision: Decision) -> Decision:
    """Return a decision as it stands for a run: one that was begun without a passing gate promotes nothing."""
    if decision.verdict is not Verdict.PROMOTE or run.gate:
        return decision
    text = (
        "It is held all the same, because it was begun without a passing gate: let it pass `shipmate eval gate`, and try "
        "it again."
    )
    held = Reason(rule="gate", verdict=Verdict.HOLD, text=text)
    return msgspec.structs.replace(decision, verdict=Verdict.HOLD, reasons=(*decision.reasons, held))


def paused(at: float) -> Decision:
    """Return what holds while the FAQ alone answers: no arm is seen, so nothing is counted or decided."""
    return _held(at, "paused", "Only the FAQ answers: nothing is counted meanwhile, and the step begins anew after it.")


def stopped(at: float, *, is_promoted: bool = False) -> Decision:
    """Return the end of a run that somebody has ended: its candidate was taken back, or answers everybody already."""
    text = "Somebody has promoted the candidate by hand." if is_promoted else "Somebody has taken the candidate back."
    return msgspec.structs.replace(_held(at, "stopped", text), ended=True)


def _held(at: float, rule: str, text: str) -> Decision:
    reason = Reason(rule=rule, verdict=Verdict.HOLD, text=text)
    return Decision(at=at, verdict=Verdict.HOLD, ended=False, reasons=(reason,))
