"""The figures of a tally, each with the definition by which it is read."""

from math import sqrt

import msgspec

from shipmate.charter import METRICS, Slo
from shipmate.insight.askers import Askers, Crowd
from shipmate.insight.evaluations import Evaluations
from shipmate.insight.labels import FAST, LATE, Window
from shipmate.insight.report import AtMost, Group, Measure, Part, status
from shipmate.insight.tally import Outcomes, Tally
from shipmate.insight.uptime import PROBE_EVERY_S
from shipmate.statistics.intervals import Interval, normal_interval, wilson

__all__ = ["GREY_BELOW", "group", "row_values"]

# Of fewer problems, a share is shown in grey.
GREY_BELOW = 30
THOUSAND = 1000
# A part is shown when there are so many, the largest first.
PARTS = 40
# A smaller design effect is not worth a word.
TOLD_FROM = 1.05

DEFINITIONS = {
    "ftr": "Of the problems that people came with, the share that the first answer solved, by the rules ftr/1. "
    "A problem counts 72 hours after it began. Greetings and right refusals do not count. The interval is Wilson's, "
    "widened by as much as people who come often make the share less sure; of fewer than ten people, each counts once.",
    "ftr_fast": "The same 30 minutes after the problem began: what a trial is decided by.",
    "ftr_confirmed": "Of all problems, the share that people said was solved: thumbs up, thanks, or use of the answer. "
    "The rest of the solved is assumed, from silence or another question.",
    "ftr_audited": "FTR of 30 minutes, which an audit is held against, corrected by what people found who read a random "
    "sample of the conversations: no silence is taken for a solution.",
    "resolution_rate": "The share that was solved without a person, in however many turns. A question back is no failure.",
    "latency_p95_s": "Seconds within which 95 % of the answers were complete, from the message to its last word.",
    "latency_p50_s": "Seconds within which half of the answers were complete.",
    "first_p95_s": "Seconds within which 95 % of the answers showed their first useful word.",
    "first_p50_s": "Seconds within which half of the answers showed their first useful word.",
    "hallucination_rate": "Of the answers, the share with a claim that neither the documents nor a tool bear out. The "
    "judge's flags are corrected by people's labels of flagged and of other answers.",
    "flag_rate": "Of the answers that the judge has read, the share that it flagged. It errs: see its sensitivity.",
    "sensitivity": "Of the unsupported answers, the share that the judge flags.",
    "specificity": "Of the supported answers, the share that the judge does not flag.",
    "agreement": "How far two raters of the same answer agree: Krippendorff's alpha, 1 for always, 0 for as by chance.",
    "cost_per_1k_usd": "US dollars for a thousand questions: what models were paid, and the share of the infrastructure. "
    "The interval is widened where some people ask often; the hours of machines are known.",
    "cost_marginal_per_1k_usd": "US dollars that models were paid for a thousand questions.",
    "uptime": "Of the probes that were due, every 15 seconds, the share that got a cited answer. The time after a crash "
    "counts as failed probes; stops that were asked for do not count. The interval takes each probe for itself, which is "
    "too narrow where it fails for long.",
}
TITLES = {
    "ftr": "First-turn resolution",
    "ftr_fast": "First-turn resolution, 30 min",
    "ftr_confirmed": "Confirmed as solved",
    "ftr_audited": "FTR, audited",
    "resolution_rate": "Resolution rate",
    "latency_p95_s": "Latency, p95",
    "latency_p50_s": "Latency, median",
    "first_p95_s": "First useful word, p95",
    "first_p50_s": "First useful word, median",
    "hallucination_rate": "Hallucination rate",
    "flag_rate": "Flagged by the judge",
    "sensitivity": "Judge's sensitivity",
    "specificity": "Judge's specificity",
    "agreement": "Agreement of raters",
    "cost_per_1k_usd": "Cost per 1,000 questions",
    "cost_marginal_per_1k_usd": "Cost of models per 1,000",
    "uptime": "Uptime",
}
UNPRICED = "a model's price is not known: set `input_usd_per_million` and `output_usd_per_million` in stack.yml"
PROBLEMS, QUESTIONS, ANSWERS = "problems", "questions", "answers"


def group(
    tally: Tally, said: Evaluations, crowd: Crowd, slo: Slo, *, usd_per_h: float | None, release: str = ""
) -> Group:
    """Return the figures of a release, or with no release those of all."""
    window = _counted(tally)
    return Group(
        release=release,
        turns=tally.turns,
        rows=(
            _solved("ftr", tally.outcomes[LATE], crowd.solved[LATE], slo.ftr),
            _quantile("latency_p95_s", tally, 0.95, slo.latency_p95_s),
            _hallucinations(said, slo),
            _cost(tally, crowd.cost, usd_per_h, slo),
            _uptime(tally, slo),
        ),
        details=tuple(_details(tally, said, crowd)),
        parts=_parts(tally.outcomes[window], crowd.solved[window].design_effect),
        purposes=dict(sorted(tally.purposes.items())),
    )


def row_values(tally: Tally, usd_per_h: float | None) -> dict[str, float]:
    """Return what is known of a day, without its intervals."""
    slo, nobody = Slo(), Askers()
    figures = (
        _solved("ftr", tally.outcomes[_counted(tally)], nobody, slo.ftr),
        _quantile("latency_p95_s", tally, 0.95, slo.latency_p95_s),
        _cost(tally, nobody, usd_per_h, slo),
        _uptime(tally, slo),
    )
    return {figure.name: figure.value for figure in figures if figure.value is not None}


def _figure(
    name: str,
    found: Interval | None,
    n: int,
    of: str,
    *,
    target: float | None = None,
    unit: str = "share",
    note: str = "",
) -> Measure:
    side: AtMost = "" if target is None else "at least" if METRICS[name].rising else "at most"
    return Measure(
        name=name,
        title=TITLES[name],
        definition=DEFINITIONS[name],
        unit="s" if unit == "s" else "usd" if unit == "usd" else "score" if unit == "score" else "share",
        target=target,
        side=side,
        n=n,
        of=of,
        value=None if found is None else found.estimate,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
        status="unknown" if target is None else status(found, target, side),
        note=note,
    )


def _counted(tally: Tally) -> Window:
    """Return the window whose labels are shown where one is: the late one as soon as it has any."""
    return LATE if tally.outcomes[LATE].n else FAST


def _share(hits: float, of: float, effect: float) -> Interval | None:
    """Return a share with Wilson's interval, of as many independent ones as would tell as much."""
    return wilson(hits / effect, of / effect) if of else None


def _solved(name: str, outcomes: Outcomes, askers: Askers, target: float | None = None) -> Measure:
    effect = askers.design_effect
    found = _share(outcomes.solved, outcomes.n, effect)
    note = _widened(effect) if outcomes.n else "no problem has been over for long enough"
    return _figure(name, found, outcomes.n, PROBLEMS, target=target, note=note)


def _widened(effect: float) -> str:
    return f"people who ask often widen it: design effect {effect:.2f}" if effect >= TOLD_FROM else ""


def _quantile(name: str, tally: Tally, q: float, target: float | None = None) -> Measure:
    sketch = tally.first_s if name.startswith("first") else tally.whole_s
    found = sketch.quantile(q)
    note = "" if found else "too few answers to tell" if sketch.n else "nothing was answered"
    return _figure(name, found, sketch.n, ANSWERS, target=target, unit="s", note=note)


def _hallucinations(said: Evaluations, slo: Slo) -> Measure:
    judged = said.hallucinations()
    return _figure(
        "hallucination_rate", judged.rate, judged.turns, ANSWERS, target=slo.hallucination_rate, note=judged.lacks
    )


def _marginal(tally: Tally, askers: Askers) -> Interval | None:
    """Return what models cost for a thousand questions; nothing where a model has no price."""
    if tally.turns < 2 or tally.unpriced_tokens:
        return None
    mean = tally.costs / tally.turns
    spread = max(0.0, tally.squared_costs / tally.turns - mean * mean)
    exact = normal_interval(mean, sqrt(askers.design_effect * spread / tally.turns))
    return Interval(*(max(0.0, THOUSAND * bound) for bound in exact))


def _cost(tally: Tally, askers: Askers, usd_per_h: float | None, slo: Slo) -> Measure:
    found, note = _marginal(tally, askers), ""
    if tally.unpriced_tokens:
        note = UNPRICED
    elif usd_per_h is None:
        note = "models alone: set `cost.infrastructure_usd_per_h` in stack.yml to count the machines too"
    elif not tally.due:
        found, note = None, "the hours in which it served are not known: it was not probed"
    elif found:
        hours = tally.due * PROBE_EVERY_S / 3600
        share = THOUSAND * usd_per_h * hours / tally.turns
        found = Interval(*(bound + share for bound in found))
        note = f"models and {hours:.1f} h of infrastructure at {usd_per_h:g} USD"
    figure = _figure(
        "cost_per_1k_usd", found, tally.turns, QUESTIONS, target=slo.cost_per_1k_usd, unit="usd", note=note
    )
    # What the machines cost may be too much.
    is_half = usd_per_h is None and figure.status == "met"
    return msgspec.structs.replace(figure, status="unknown") if is_half else figure


def _uptime(tally: Tally, slo: Slo) -> Measure:
    due = round(tally.due)
    stopped = f"stopped on purpose for {tally.stopped_s / 3600:.1f} h, which is not counted" if tally.stopped_s else ""
    found = wilson(tally.good, tally.due) if due else None
    note = stopped if due else "it was not probed: `shipmate serve` does it"
    return _figure("uptime", found, due, "probes", target=slo.uptime, note=note)


def _details(tally: Tally, said: Evaluations, crowd: Crowd) -> list[Measure]:
    window, fast = _counted(tally), tally.outcomes[FAST]
    counted, effect = tally.outcomes[window], crowd.solved[window].design_effect
    of_fast = crowd.solved[FAST].design_effect
    shares = {
        "ftr_confirmed": counted.confirmed,
        "resolution_rate": counted.resolved,
    }
    audits, corrected = said.corrected(wilson(fast.solved, fast.n), fast.n / of_fast)
    judged = said.hallucinations()
    agreement = said.agreement
    lacking = "" if corrected else "an audit of a random sample is missing: `shipmate audit`"
    return [
        _solved("ftr_fast", fast, crowd.solved[FAST]),
        *(_figure(name, _share(hits, counted.n, effect), counted.n, PROBLEMS) for name, hits in shares.items()),
        _figure("ftr_audited", corrected, audits, "audited problems", note=lacking),
        _quantile("latency_p50_s", tally, 0.5),
        _quantile("first_p50_s", tally, 0.5),
        _quantile("first_p95_s", tally, 0.95),
        _figure(
            "flag_rate",
            wilson(judged.flagged, judged.turns) if judged.turns else None,
            judged.turns,
            ANSWERS,
            note=", ".join(judged.judge_versions),
        ),
        _figure("sensitivity", judged.sensitivity, judged.labels, "labels"),
        _figure("specificity", judged.specificity, judged.labels, "labels"),
        _figure(
            "agreement",
            None if agreement is None else Interval(agreement, agreement, agreement),
            judged.labels + audits,
            "labels",
            unit="score",
            note="no two people rated the same" if agreement is None else "",
        ),
        _figure(
            "cost_marginal_per_1k_usd",
            _marginal(tally, crowd.cost),
            tally.turns,
            QUESTIONS,
            unit="usd",
            note=UNPRICED if tally.unpriced_tokens else "",
        ),
    ]


def _parts(outcomes: Outcomes, effect: float) -> tuple[Part, ...]:
    parts = [
        Part(
            by=by,
            value=value,
            n=n,
            share=found.estimate,
            low=found.low,
            high=found.high,
            is_grey=n < GREY_BELOW,
        )
        for (by, value), (n, solved) in outcomes.parts.items()
        if n and value
        for found in (wilson(solved / effect, n / effect),)
    ]
    return tuple(sorted(parts, key=lambda part: (part.by, -part.n, part.value)))[:PARTS]
