"""The decision on a trial: one pure function of what was counted, the rules, and the looks before."""

from collections.abc import Sequence

import msgspec

from shipmate.release.canary.counts import Counts
from shipmate.release.canary.decision import Decision, Look, Reason, Verdict
from shipmate.release.canary.figures import figures_of
from shipmate.release.canary.obstacles import obstacles
from shipmate.release.canary.primary import (
    is_due,
    is_futile,
    is_last,
    is_shown,
    take_look,
    too_few,
)
from shipmate.release.canary.rules import DAY_S, Primary, Rules
from shipmate.release.canary.watch import harmed
from shipmate.statistics.always_valid import MISMATCHED, share_evidence
from shipmate.statistics.clusters import score
from shipmate.statistics.intervals import normal_interval
from shipmate.statistics.planning import shrunk

__all__ = ["decide", "next_share", "settle", "split_evidence"]


def decide(counts: Counts, rules: Rules, *, looks: Sequence[Look] = (), planned: float = 0.0) -> Decision:
    """Return the verdict on a trial with all its figures; see `settle`."""
    return msgspec.structs.replace(settle(counts, rules, looks=looks, planned=planned), figures=figures_of(counts))


def settle(counts: Counts, rules: Rules, *, looks: Sequence[Look] = (), planned: float = 0.0) -> Decision:
    """Return the verdict on a trial.

    May be asked at any moment and as often as one likes; what promotes is looked at once a day. `looks` are those of
    the decisions before, oldest first. `planned` is the information that was planned for before the run, 0 for what comes
    in by the end at the pace of now. The same arguments give the same decision.
    """
    found = _verdict(counts, rules, looks, planned)
    return found if found.ended else msgspec.structs.replace(found, share=next_share(counts, rules))


def next_share(counts: Counts, rules: Rules) -> float:
    """Return the share that the candidate shall have now: that of its step, or of the next when the step is over."""
    over_s = 0.0
    for step, following in zip(rules.steps, rules.steps[1:], strict=False):
        if step.share == counts.share:
            over_s += step.hold_s
            if counts.at - counts.share_since < over_s:
                return counts.share
            if following.share != step.share:
                return following.share
    return counts.share


def _verdict(counts: Counts, rules: Rules, looks: Sequence[Look], planned: float) -> Decision:
    if harms := harmed(counts, rules):
        return _decision(counts, Verdict.ROLLBACK, harms, ended=True)
    if faults := _void(counts, rules):
        return _decision(counts, Verdict.HOLD, faults, ended=True)
    last = is_last(counts, rules)
    if not is_due(counts, rules, looks):
        text = "The time is up." if last else "It is watched for harm; what promotes is looked at once a day."
        return _decision(counts, Verdict.HOLD, (_reason("waiting", Verdict.HOLD, text),), ended=last)
    if text := _too_early(counts, rules):
        return _decision(counts, Verdict.HOLD, (_reason("waiting", Verdict.HOLD, text),), ended=last)
    look = take_look(counts, rules, looks, planned=planned)
    if look is None:
        text = "Hardly anything has come in since the last look."
        return _decision(counts, Verdict.HOLD, (_reason("waiting", Verdict.HOLD, text),), ended=last)
    return _looked(counts, rules, (*looks, look), last=last)


def _looked(counts: Counts, rules: Rules, looks: Sequence[Look], *, last: bool) -> Decision:
    look, primary = looks[-1], rules.primary
    gain = score(counts.ftr)
    reason = _of_gain(counts, look, primary)
    if is_shown(gain, looks, primary):
        shown = _reason("ftr", Verdict.PROMOTE, f"{reason} The gain is shown.")
        if against := obstacles(counts, rules):
            return _decision(counts, Verdict.HOLD, (*against, shown), ended=last, look=look)
        return _decision(
            counts, Verdict.PROMOTE, (shown,), ended=True, look=look, shrunk_gain=shrunk(gain.value, gain.error)
        )
    if is_futile(gain, primary):
        text = f"{reason} The smallest gain worth having, {100 * primary.min_effect:g} points, is out of reach."
        return _decision(counts, Verdict.FUTILE, (_reason("ftr", Verdict.FUTILE, text),), ended=True, look=look)
    if last or look.spent >= primary.alpha:
        text = f"{reason} That shows no gain, and nothing more may be looked at."
        return _decision(counts, Verdict.HOLD, (_reason("ftr", Verdict.HOLD, text),), ended=True, look=look)
    text = f"{reason} That shows no gain yet."
    return _decision(counts, Verdict.HOLD, (_reason("ftr", Verdict.HOLD, text),), ended=False, look=look)


def _of_gain(counts: Counts, look: Look, primary: Primary) -> str:
    gain = normal_interval(*score(counts.ftr))
    return (
        f"First-turn resolution is {100 * gain.estimate:+.1f} points [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}] "
        f"(n = {counts.candidate.issues} and {counts.control.issues} issues): z = {look.z:.2f}, and the bound of this "
        f"look is {look.bound:.2f}, with {look.spent:.4f} of {primary.alpha:g} spent."
    )


def _void(counts: Counts, rules: Rules) -> tuple[Reason, ...]:
    """Return why the run proves nothing, whatever it shows."""
    texts = [f"The run is tainted: {taint}" for taint in counts.taints]
    if counts.at < counts.started_at:
        texts.append("The clock stands before the run's start.")
    evidence = split_evidence(counts)
    if evidence >= 1 / rules.srm_alpha:
        candidate = sum(part.candidate for part in counts.exposed)
        users = candidate + sum(part.control for part in counts.exposed)
        expected = sum((part.candidate + part.control) * part.share for part in counts.exposed)
        texts.append(
            f"The split is not the one that was set: {candidate} of {users} users came to the candidate, and "
            f"{expected:.0f} were to be expected (evidence {evidence:,.0f}, and {1 / rules.srm_alpha:,.0f} is enough)."
        )
    return tuple(_reason("void", Verdict.HOLD, text) for text in texts)


def split_evidence(counts: Counts) -> float:
    """Return how many times likelier the users' split is if it were not the one that was set."""
    return share_evidence(((part.share, part.candidate, part.control) for part in counts.exposed), MISMATCHED)


def _too_early(counts: Counts, rules: Rules) -> str:
    days = (counts.at - counts.started_at) / DAY_S
    turns = (counts.candidate.turns + counts.control.turns) / days
    if turns > rules.busy_turns and days < rules.busy_days:
        return f"With {turns:,.0f} turns a day the figures would do, but {rules.busy_days:g} days are waited for."
    if turns > rules.busy_turns and not counts.had_weekday:
        return "No weekday's peak lies within the run yet."
    return too_few(counts, rules)


def _reason(rule: str, verdict: Verdict, text: str) -> Reason:
    return Reason(rule=rule, verdict=verdict, text=text)


def _decision(
    counts: Counts,
    verdict: Verdict,
    reasons: tuple[Reason, ...],
    *,
    ended: bool,
    look: Look | None = None,
    shrunk_gain: float | None = None,
) -> Decision:
    return Decision(
        at=counts.at,
        verdict=verdict,
        ended=ended,
        reasons=reasons,
        look=look,
        shrunk_gain=shrunk_gain,
    )
