"""What ends a trial at any moment: harm that needs no statistics, and harm that evidence shows."""

from collections.abc import Iterator
from typing import NamedTuple

from shipmate.release.canary.counts import Counts, HarmCount, Window
from shipmate.release.canary.decision import Reason, Verdict
from shipmate.release.canary.primary import needed_information
from shipmate.release.canary.rules import Harm, Rules
from shipmate.statistics.always_valid import confidence_sequence, share_evidence
from shipmate.statistics.clusters import difference, effective

__all__ = ["HALLUCINATION", "HarmEvidence", "Weighed", "harm_evidence", "harmed"]

# Of the level for harm, what watches first-turn resolution; the events have the rest.
RESOLUTION_PART = 0.05
# Of the level for events, what watches hallucination flags alone; the other kinds share the rest: what users do about an
# answer lowers its resolution too, and that is watched beside.
HALLUCINATION_PART = 0.9
HALLUCINATION = "hallucination_flag"
# Windows in a row, and the turns that make one count.
WINDOWS = 3
WINDOW_TURNS = 100


class HarmEvidence(NamedTuple):
    """What the bad events of one kind say."""

    kind: str
    candidate: int
    events: int
    # Of these events, so many fell on the candidate if it were like the control.
    expected: float
    # How many times likelier they are with harm than without.
    evidence: float


class Weighed(NamedTuple):
    """All kinds together."""

    total: float
    # From here on the candidate is taken back.
    needed: float
    kinds: tuple[HarmEvidence, ...]


def harmed(counts: Counts, rules: Rules) -> tuple[Reason, ...]:
    """Return why the candidate is to be taken back at once; nothing where it is not.

    Evidence may be asked for at any moment: all of it together is wrong with probability `rules.harm.alpha` at most.
    """
    texts = [
        *counts.severe,
        *_over_maximum(counts.windows, rules),
        *_more_events(counts.harms, rules.harm),
        *_resolves_less(counts, rules),
    ]
    # Who cannot see takes the candidate back too, and says nothing against it.
    found = [*(("harm", text) for text in texts), *(("blind", text) for text in _blind(counts, rules.harm))]
    return tuple(Reason(rule=rule, verdict=Verdict.ROLLBACK, text=text) for rule, text in found)


def _blind(counts: Counts, rule: Harm) -> Iterator[str]:
    for name, silent_s in (("judge", counts.judge_silent_s), ("journal", counts.journal_silent_s)):
        if silent_s > rule.blind_s:
            yield (
                f"The {name} has said nothing for {silent_s / 60:.0f} minutes, and {rule.blind_s / 60:.0f} are allowed: "
                "who cannot see cannot try."
            )


def _over_maximum(windows: tuple[Window, ...], rules: Rules) -> Iterator[str]:
    newest = windows[-WINDOWS:]
    if len(newest) < WINDOWS or any(window.turns < WINDOW_TURNS for window in newest):
        return
    slowest = rules.guardrails.latency_p95_max_s
    if all(window.latency_p95_s > slowest for window in newest):
        seen = ", ".join(f"{window.latency_p95_s:.2f}" for window in newest)
        yield f"p95 was {seen} s in three windows of five minutes, and never more than {slowest:g} s is allowed."
    dearest = rules.guardrails.cost_per_1k_max_usd
    if all(window.cost_usd / window.turns * 1000 > dearest for window in newest):
        seen = ", ".join(f"{window.cost_usd / window.turns * 1000:.3f}" for window in newest)
        yield f"1,000 turns cost {seen} USD in three windows of five minutes, and never more than {dearest:g} is allowed."


def harm_evidence(harms: tuple[HarmCount, ...], rule: Harm) -> Weighed:
    """Weigh the kinds' evidence: a mean of e-values is one, however the kinds hang together."""
    weights = _weights(rule.events)
    kinds = tuple(_evidence_of(harm) for harm in harms if harm.kind in weights)
    # A kind without events is no evidence either way.
    total = sum(weights[one.kind] * one.evidence for one in kinds) + 1 - sum(weights[one.kind] for one in kinds)
    return Weighed(total=total, needed=1 / (rule.alpha * (1 - RESOLUTION_PART)), kinds=kinds)


def _evidence_of(harm: HarmCount) -> HarmEvidence:
    candidate = sum(split.candidate for split in harm.splits)
    return HarmEvidence(
        kind=harm.kind,
        candidate=candidate,
        events=candidate + sum(split.control for split in harm.splits),
        expected=sum((split.candidate + split.control) * split.share for split in harm.splits),
        evidence=_evidence(harm),
    )


def _more_events(harms: tuple[HarmCount, ...], rule: Harm) -> Iterator[str]:
    weighed = harm_evidence(harms, rule)
    if weighed.total < weighed.needed:
        return
    weights = _weights(rule.events)
    worst = max(weighed.kinds, key=lambda one: weights[one.kind] * one.evidence)
    yield (
        f"{worst.kind}: {worst.candidate} of {worst.events} fell on the candidate, where its share of the traffic "
        f"explains {worst.expected:.1f}; evidence {weighed.total:,.0f}, and {weighed.needed:,.0f} is enough."
    )


def _weights(kinds: tuple[str, ...]) -> dict[str, float]:
    if HALLUCINATION not in kinds or len(kinds) == 1:
        return dict.fromkeys(kinds, 1 / len(kinds)) if kinds else {}
    others = (1 - HALLUCINATION_PART) / (len(kinds) - 1)
    return {kind: HALLUCINATION_PART if kind == HALLUCINATION else others for kind in kinds}


def _evidence(harm: HarmCount) -> float:
    events = sum(split.candidate + split.control for split in harm.splits)
    overcount = max(1.0, harm.squares / events) if events else 1.0
    return share_evidence(((split.share, split.candidate, split.control) for split in harm.splits), overcount=overcount)


def _resolves_less(counts: Counts, rules: Rules) -> Iterator[str]:
    if min(effective(counts.ftr.candidate), effective(counts.ftr.control)) < rules.primary.min_issues:
        return
    # One side of the sequence is asked for.
    alpha = 2 * RESOLUTION_PART * rules.harm.alpha
    gain = confidence_sequence(difference(counts.ftr), alpha=alpha, planned=needed_information(rules.primary))
    if gain.high < 0:
        yield (
            f"First-turn resolution is {-100 * gain.estimate:.1f} points below the control's, and at least "
            f"{-100 * gain.high:.1f} however often one looks (n = {counts.candidate.issues} and "
            f"{counts.control.issues} issues)."
        )
