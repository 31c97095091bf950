"""The rules of a trial, with the defaults of a `canary.yml` that names none."""

from typing import Literal

from shipmate.messages import Record

__all__ = ["DAY_S", "HARMS", "Guardrails", "Hallucination", "Harm", "Primary", "Rules", "Step"]

DAY_S = 86_400.0
HARMS = ("hallucination_flag", "error", "sandbox_kill", "thumbs_down", "handoff_request", "injection_block")


class Step(Record, frozen=True, kw_only=True):
    """A share of the traffic, and how long it is held before the next step; the last one until it is decided."""

    # 0-1.
    share: float
    hold_s: float = 0.0
    # The candidate may be taken back while it lasts, and not promoted.
    is_watch: bool = False


class Primary(Record, frozen=True, kw_only=True):
    """What a candidate must win on: first-turn resolution, looked at once a day."""

    alpha: float = 0.05
    # What is worth having; a candidate that can no longer reach it is dropped.
    min_effect: float = 0.015
    # Effective ones in each arm, before anything is promoted.
    min_issues: float = 200.0


class Hallucination(Record, frozen=True, kw_only=True):
    """What a candidate must not lose on.

    Under `not_worse` it may be worse by less than the margin; under `beat` its rate must moreover be the lower one.
    """

    rule: Literal["beat", "not_worse"] = "beat"
    margin: float = 0.006
    alpha: float = 0.05
    # Turns of each arm that the judge has seen.
    min_judged: int = 500
    # Of both arms together.
    min_human_labels: int = 150
    # The judge may decide nothing while its specificity may be lower.
    min_specificity: float = 0.97


class Harm(Record, frozen=True, kw_only=True):
    """What ends a trial at any moment."""

    alpha: float = 0.01
    events: tuple[str, ...] = HARMS
    # The judge or the journal has said nothing for so long: who cannot see cannot try.
    blind_s: float = 900.0


class Guardrails(Record, frozen=True, kw_only=True):
    """What may become worse by so much at most, and what may never be exceeded."""

    latency_p95_max_s: float = 2.5
    # Of the control's.
    latency_p95_margin: float = 0.10
    cost_per_1k_max_usd: float = 0.25
    cost_margin: float = 0.10
    refusal_margin: float = 0.02
    silence_margin: float = 0.03
    alpha: float = 0.05
    # Silence that differs more than chance would have it holds until so many issues of each arm were audited.
    min_audits: int = 100


class Rules(Record, frozen=True, kw_only=True):
    """The rules of one trial."""

    steps: tuple[Step, ...] = (
        Step(share=0.05, hold_s=DAY_S, is_watch=True),
        Step(share=0.25, hold_s=2 * DAY_S),
        Step(share=0.50),
    )
    max_days: float = 14.0
    # Between two looks at which something may be promoted.
    look_s: float = DAY_S
    # With more turns a day, a day would do for the figures, but not for the kinds of day: so many days at least.
    busy_turns: float = 50_000.0
    busy_days: float = 3.0
    primary: Primary = Primary()
    hallucination: Hallucination = Hallucination()
    harm: Harm = Harm()
    guardrails: Guardrails = Guardrails()
    # Of a split that is not the one that was set.
    srm_alpha: float = 0.001
