"""What a run is, and the journal's events of it: when it began, each step of its share, and each verdict."""

from collections.abc import Iterable
from functools import reduce
from typing import Any, Literal

import msgspec

from shipmate.live import BUCKETS, bucket
from shipmate.messages import Entry, Event, Record
from shipmate.release.canary.decision import Decision, Look, Verdict
from shipmate.release.canary.rules import DAY_S, Guardrails, Hallucination, Harm, Primary, Rules, Step
from shipmate.trial import CanaryFile, fraction, ramp, seconds

__all__ = [
    "CHANGED",
    "FROZEN_S",
    "STARTED",
    "STEP",
    "VERDICT",
    "Ended",
    "Evidence",
    "Logbook",
    "Run",
    "begun_at",
    "changed_event",
    "decision_of",
    "rules_of",
    "run_of",
    "started_event",
    "step_event",
    "verdict_event",
]

STARTED = "canary.started"
STEP = "canary.step"
VERDICT = "canary.verdict"
# Something changed under a run, by one line in `reason`.
CHANGED = "canary.changed"
# For so long, what was taken back for harm is not tried again.
FROZEN_S = DAY_S
# How an id is written: its first letters are its time.
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
TIME_LETTERS, ID_LETTERS = 10, 26
Evidence = Literal["replay", "shadow", "live"]


class Run(Record, frozen=True, kw_only=True):
    """One trial: who is in it, what is tried, and by which rules."""

    run: str
    started_at: float
    # The arms' names, as events carry them.
    control: str
    candidate: str
    # What answers in each arm: a built release, or an empty one for the folder as it is.
    control_release: str
    release: str
    # Who is in which arm; used once.
    salt: str
    # A hash of what the candidate has otherwise than the control.
    change: str
    # SHA-256 of the candidate's prompt; empty where it has the control's.
    prompt: str = ""
    # Of the control's turns, so many does the judge see; of the candidate's, all.
    judged_control: float = 1.0
    evidence: Evidence = "live"
    # The id of the gate's report that let it begin; empty where somebody began it without one.
    gate: str = ""
    # The information that was planned for; 0: what the smallest effect worth having needs.
    planned: float = 0.0
    # Of a shadow run: so many questions are asked of both.
    shadow_turns: int = 0
    rules: Rules = Rules()

    def draws(self, turn: str, *, is_candidate: bool) -> bool:
        """Return whether the judge sees a turn: each of the candidate's, and of the control's a random part."""
        return is_candidate or bucket(self.run, turn) < round(self.judged_control * BUCKETS)


class Ended(Record, frozen=True, kw_only=True):
    """How a run ended."""

    run: str
    at: float
    verdict: Verdict
    # Of the reasons, such as "harm" or "stopped".
    rules: tuple[str, ...] = ()


def rules_of(file: CanaryFile) -> Rules:
    """Return the rules that a `canary.yml` sets."""
    canary = file.canary
    rails = canary.guardrails
    return Rules(
        steps=tuple(Step(share=step.share, hold_s=step.hold_s, is_watch=step.is_watch) for step in ramp(file)),
        max_days=float(canary.max_days),
        primary=Primary(
            alpha=canary.primary.alpha,
            min_effect=fraction(canary.primary.min_effect),
            min_issues=float(canary.primary.min_issues),
        ),
        hallucination=Hallucination(
            rule=canary.hallucination.rule,
            margin=fraction(canary.hallucination.ni_margin),
            alpha=canary.hallucination.alpha,
            min_judged=canary.hallucination.min_judged,
            min_human_labels=canary.hallucination.min_human_labels,
        ),
        harm=Harm(alpha=canary.harm.alpha, events=canary.harm.events),
        guardrails=Guardrails(
            latency_p95_max_s=seconds(rails.latency_p95.max),
            latency_p95_margin=fraction(rails.latency_p95.ni),
            cost_per_1k_max_usd=rails.cost_per_1k.max,
            cost_margin=fraction(rails.cost_per_1k.ni),
            refusal_margin=fraction(rails.refusal_rate.ni),
            silence_margin=fraction(rails.silence_rate.ni),
        ),
        srm_alpha=canary.srm.alpha,
    )


def started_event(run: Run, event_id: str) -> Event:
    """Return the event with which a run begins: it holds all that the run is."""
    return _event(STARTED, run, run.started_at, event_id, msgspec.to_builtins(run))


def step_event(run: Run, at: float, event_id: str, *, share: float, reason: str) -> Event:
    """Return the event of a share that holds from now on; 0: the candidate answers nobody."""
    return _event(STEP, run, at, event_id, {"run": run.run, "share": share, "reason": reason})


def changed_event(run: Run, at: float, event_id: str, *, reason: str) -> Event:
    """Return the event of something that changed under a run, which proves nothing any more."""
    return _event(CHANGED, run, at, event_id, {"run": run.run, "reason": reason})


def verdict_event(run: Run, decision: Decision, event_id: str, *, signature: str = "") -> Event:
    """Return the event of a verdict, with what it rests on."""
    data: dict[str, Any] = {"run": run.run, "evidence": run.evidence, **msgspec.to_builtins(decision)}
    return _event(VERDICT, run, decision.at, event_id, data | {"signature": signature})


def run_of(event: Event) -> Run | None:
    """Return the run that an event begins; nothing for one that does not read as a run."""
    try:
        return msgspec.convert(event.data, Run)
    except msgspec.ValidationError:
        return None


def begun_at(run: str) -> float | None:
    """Return when a run began, as its id tells to the millisecond; nothing for an id that does not."""
    digits = [DIGITS.find(letter) for letter in run[:TIME_LETTERS]]
    if len(run) != ID_LETTERS or min(digits) < 0:
        return None
    return reduce(lambda ms, digit: ms * len(DIGITS) + digit, digits) / 1000


def decision_of(event: Event) -> Decision | None:
    """Return the decision that an event tells of; nothing for one that does not read as a decision."""
    try:
        return msgspec.convert(event.data, Decision)
    except msgspec.ValidationError:
        return None


def _event(name: str, run: Run, at: float, event_id: str, data: dict[str, Any]) -> Event:
    return Event(name=name, ts=at, event_id=event_id, release=run.release, flag_key=run.run, data=data)


class Logbook:
    """The runs that a journal tells of: which one is open, how the others ended, and what may not be tried again."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.ended: dict[str, Ended] = {}
        self.looks: dict[str, dict[float, Look]] = {}

    def take(self, entries: Iterable[Entry]) -> None:
        """Read on; what comes twice counts once."""
        for _, event in entries:
            if event.name == STARTED:
                run = run_of(event)
                if run:
                    self.runs.setdefault(run.run, run)
            elif event.name == VERDICT:
                self._verdict(event)

    @property
    def open(self) -> Run | None:
        """Return the run that has not ended."""
        going = [run for run in self.runs.values() if run.run not in self.ended]
        return max(going, key=lambda run: run.started_at, default=None)

    def salts(self) -> frozenset[str]:
        """Return the salts that were used."""
        return frozenset(run.salt for run in self.runs.values())

    def frozen_until(self, change: str) -> float:
        """Return until when a change is not tried again, because it was taken back for harm; 0 when it may be."""
        until = (
            ended.at + FROZEN_S
            for ended in self.ended.values()
            if ended.verdict is Verdict.ROLLBACK and "harm" in ended.rules and self.runs[ended.run].change == change
        )
        return max(until, default=0.0)

    def _verdict(self, event: Event) -> None:
        decision, run = decision_of(event), str(event.data.get("run", ""))
        if decision is None or run not in self.runs:
            return
        if decision.look:
            self.looks.setdefault(run, {}).setdefault(decision.look.at, decision.look)
        if decision.ended:
            rules = tuple(reason.rule for reason in decision.reasons if reason.verdict is decision.verdict)
            self.ended.setdefault(run, Ended(run=run, at=decision.at, verdict=decision.verdict, rules=rules))
