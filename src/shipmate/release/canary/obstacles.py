"""What stands against a promotion though the candidate resolves more: each is a reason to hold."""

from collections.abc import Iterator
from math import inf, sqrt

from shipmate.release.canary.counts import Arm, Counts
from shipmate.release.canary.decision import Reason, Verdict
from shipmate.release.canary.rules import Guardrails, Hallucination, Rules
from shipmate.statistics.clusters import Estimate, Pair, Sums, difference, rate, scaled
from shipmate.statistics.intervals import NORMAL
from shipmate.statistics.judged import Audited, Calibration, Stratum, calibration, corrected_mean, excess
from shipmate.statistics.quantiles import quantile_gap, quantile_of

__all__ = ["judge_of", "obstacles"]


def obstacles(counts: Counts, rules: Rules) -> tuple[Reason, ...]:
    """Return why a candidate that resolves more is not promoted yet; nothing where it may be."""
    found = [
        *(("hallucination", text) for text in _hallucinates(counts, rules.hallucination)),
        *(("silence", text) for text in _silence(counts, rules)),
        *(("guardrail", text) for text in _worse(counts, rules.guardrails)),
    ]
    return tuple(Reason(rule=rule, verdict=Verdict.HOLD, text=text) for rule, text in found)


def judge_of(counts: Counts) -> Calibration:
    """Return how far the judge is to be believed, by the labels of both arms: it does not know whose turn it reads."""
    both = _together(counts.flags)
    arms = (counts.candidate, counts.control)
    return calibration(
        rate(both),
        Stratum(sum(arm.flagged.labelled for arm in arms), sum(arm.flagged.hallucinated for arm in arms)),
        Stratum(sum(arm.unflagged.labelled for arm in arms), sum(arm.unflagged.hallucinated for arm in arms)),
    )


def _together(pair: Pair) -> Sums:
    one, other = pair.candidate, pair.control
    return Sums(*(a + b for a, b in zip(one, other, strict=True)))  # type: ignore[arg-type]


def _hallucinates(counts: Counts, rule: Hallucination) -> Iterator[str]:
    blind = list(_cannot_judge(counts, rule))
    if blind:
        yield from blind
        return
    judge = judge_of(counts)
    yield from _cannot_believe(judge, rule)
    gain = difference(counts.flags)
    n = f"(n = {counts.candidate.judged} and {counts.control.judged} judged turns)"
    over = excess(gain, Estimate(judge.power, _error_of_power(judge)), rule.margin)
    if over.value + NORMAL.inv_cdf(1 - rule.alpha) * over.error > 0:
        yield (
            f"It is not shown that the candidate hallucinates at most {100 * rule.margin:.1f} points more: the judge flags "
            f"{100 * gain.value:+.2f} points more, with an error of {100 * gain.error:.2f} {n}."
        )
    elif rule.rule == "beat" and gain.value >= 0:
        yield (
            f"The candidate is not worse, but has to be lower: the judge flags {100 * gain.value:+.2f} points more {n}. "
            "`rule: not_worse` asks only for the first."
        )


def _cannot_judge(counts: Counts, rule: Hallucination) -> Iterator[str]:
    judged = (counts.candidate.judged, counts.control.judged)
    if min(judged) < rule.min_judged:
        yield f"The judge has seen {judged[0]} and {judged[1]} turns of the arms, and {rule.min_judged} of each are needed."
    labels = sum(arm.flagged.labelled + arm.unflagged.labelled for arm in (counts.candidate, counts.control))
    if labels < rule.min_human_labels:
        yield f"People have labelled {labels} turns, and {rule.min_human_labels} are needed before the judge may decide."
    if set(counts.judge_versions) - {counts.calibrated_version}:
        seen = ", ".join(counts.judge_versions)
        yield f"The labels are of the judge {counts.calibrated_version or 'of no version'}, and {seen} has judged."


def _cannot_believe(judge: Calibration, rule: Hallucination) -> Iterator[str]:
    if judge.specificity.low < rule.min_specificity:
        yield (
            f"The judge's specificity may be as low as {judge.specificity.low:.3f}, and {rule.min_specificity:g} is needed "
            "before it may decide."
        )


def _error_of_power(judge: Calibration) -> float:
    """Return how much less than it seems the judge may be worth, as a standard error."""
    reach = NORMAL.inv_cdf(0.975)
    return sqrt(sum((part.estimate - part.low) ** 2 for part in (judge.sensitivity, judge.specificity))) / reach


def _silence(counts: Counts, rules: Rules) -> Iterator[str]:
    """Doubt a gain that may only be that unhappy users left without a word; fewer silent ones cannot fake a gain."""
    gap = difference(counts.silence)
    if gap.value <= NORMAL.inv_cdf(0.975) * gap.error:
        return
    audited = (counts.candidate.audits.issues, counts.control.audits.issues)
    least = rules.guardrails.min_audits
    told = f"Users of the candidate end in silence {100 * gap.value:+.1f} points more often"
    if min(audited) < least:
        yield f"{told}, so its gain may be a seeming one: {audited[0]} and {audited[1]} issues are audited, and {least} of each are needed."
        return
    gain = _audited_gain(counts)
    if gain.value < NORMAL.inv_cdf(1 - rules.primary.alpha) * gain.error:
        yield (
            f"{told}, and with the audited issues its gain is {100 * gain.value:+.1f} points with an error of "
            f"{100 * gain.error:.1f}: not shown (n = {audited[0]} and {audited[1]} audited)."
        )


def _audited_gain(counts: Counts) -> Estimate:
    gain = difference(counts.ftr)
    ours, theirs = (_bias(arm) for arm in (counts.candidate, counts.control))
    return Estimate(gain.value + ours.value - theirs.value, sqrt(gain.error**2 + ours.error**2 + theirs.error**2))


def _bias(arm: Arm) -> Estimate:
    return corrected_mean(Estimate(0.0, 0.0), Audited(arm.audits.issues, arm.audits.total, arm.audits.squares))


def _worse(counts: Counts, rule: Guardrails) -> Iterator[str]:
    reach = NORMAL.inv_cdf(1 - rule.alpha)
    for name, pair, margin in (
        ("Silence", counts.silence, rule.silence_margin),
        ("Refusals", counts.refusals, rule.refusal_margin),
    ):
        gap = difference(pair)
        if gap.value + reach * gap.error > margin:
            yield (
                f"{name}: {_told(100 * gap.value, 100 * reach * gap.error, 'points')}, and less than "
                f"{100 * margin:g} points more is to be shown."
            )
    dearer = difference(scaled(counts.cost, 1 + rule.cost_margin))
    if dearer.value + reach * dearer.error > 0:
        yield f"Cost: not shown to be at most {100 * rule.cost_margin:g} % above the control's."
    spent = rate(counts.cost.candidate)
    if spent.error < inf and 1000 * spent.value > rule.cost_per_1k_max_usd:
        yield f"Cost: {1000 * spent.value:.3f} USD for 1,000 turns, and {rule.cost_per_1k_max_usd:g} is the maximum."
    yield from _slower(counts, rule)


def _slower(counts: Counts, rule: Guardrails) -> Iterator[str]:
    ours = counts.candidate.latencies_s
    margin = f"at most {100 * rule.latency_p95_margin:g} % above the control's"
    gap = quantile_gap(
        ours, counts.control.latencies_s, scale=1 + rule.latency_p95_margin, confidence=1 - 2 * rule.alpha
    )
    if gap is None:
        yield f"Latency: not known of both arms, and p95 is to be {margin}."
        return
    slow_s = quantile_of(ours, 0.95) or 0.0
    if gap.high > 0:
        yield f"Latency: p95 is {slow_s:.2f} s, and not shown to be {margin}."
    if slow_s > rule.latency_p95_max_s:
        yield f"Latency: p95 is {slow_s:.2f} s, and {rule.latency_p95_max_s:g} s is the maximum."


def _told(value: float, reach: float, unit: str) -> str:
    if reach == inf:
        return "not known of both arms"
    return str(f"{value:+.1f} {unit}, up to {value + reach:+.1f}")
