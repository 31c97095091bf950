"""A shadow run: the candidate answers what the control was asked, nobody sees it, and both are judged."""

from collections.abc import Iterable, Sequence
from itertools import islice
from math import sqrt
from typing import Any

import msgspec
import numpy as np

from shipmate.messages import Entry, Event, Record
from shipmate.release.canary.decision import Decision, Figure, Reason, Verdict
from shipmate.release.canary.run import Run
from shipmate.statistics.always_valid import share_evidence
from shipmate.statistics.intervals import NORMAL

__all__ = ["SHADOWED", "ShadowTally", "Shadowed", "shadowed_event"]

SHADOWED = "canary.shadowed"
TURN = "assistant.turn.completed"
CONFIDENCE = 0.975


class Shadowed(Record, frozen=True, kw_only=True):
    """One question, answered by both; without a word of it."""

    turn_id: str
    control_kind: str
    kind: str
    # A claim that nothing supports.
    control_is_bad: bool
    is_bad: bool
    control_latency_s: float
    latency_s: float
    control_cost_usd: float
    cost_usd: float
    # The model failed.
    is_faulty: bool = False


def shadowed_event(run: Run, shadowed: Shadowed, at: float, event_id: str) -> Event:
    """Return the journal's event of a question that both have answered."""
    data: dict[str, Any] = msgspec.to_builtins(shadowed)
    return Event(
        name=SHADOWED,
        ts=at,
        event_id=event_id,
        turn_id=shadowed.turn_id,
        release=run.release,
        flag_key=run.run,
        data=data,
    )


class ShadowTally:
    """What a shadow run has seen so far, and what is still to be asked."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._waiting: dict[str, str] = {}
        self._pairs: dict[str, Shadowed] = {}
        self._gone: set[str] = set()

    def take(self, entries: Iterable[Entry]) -> None:
        """Read on; what comes twice counts once."""
        for _, event in entries:
            if event.name == TURN:
                self._turn(event)
            elif event.name == SHADOWED and event.flag_key == self._run.run:
                try:
                    self._pairs.setdefault(event.turn_id, msgspec.convert(event.data, Shadowed))
                except msgspec.ValidationError:
                    self._gone.add(event.turn_id)
                self._waiting.pop(event.turn_id, None)

    def waiting(self, limit: int) -> dict[str, str]:
        """Return turns that the candidate has not answered yet, each with the hash of its user, the oldest first."""
        wanted = max(0, self._run.shadow_turns - len(self._pairs))
        return dict(islice(self._waiting.items(), min(limit, wanted)))

    def forget(self, turn_ids: Iterable[str]) -> None:
        """Let turns go whose words nobody keeps any more."""
        for turn in turn_ids:
            self._gone.add(turn)
            self._waiting.pop(turn, None)

    def decision(self, at: float) -> Decision:
        """Return what the pairs say: a shadow takes a candidate back or holds it, and never promotes it."""
        pairs = list(self._pairs.values())
        figures = _figures(pairs)
        # Of the questions on which the two differ, half are the candidate's where it is no worse.
        for rule, told, ours, theirs in _differences(pairs):
            evidence = share_evidence([(0.5, ours, theirs)])
            if evidence >= len(RULES) / self._run.rules.harm.alpha:
                text = (
                    f"{told}: {ours} questions where only the candidate does, and {theirs} where only the control does."
                )
                reason = Reason(rule="harm", verdict=Verdict.ROLLBACK, text=f"{text} ({rule}, n = {len(pairs)})")
                return Decision(at=at, verdict=Verdict.ROLLBACK, ended=True, reasons=(reason,), figures=figures)
        is_over = len(pairs) >= self._run.shadow_turns
        text = (
            f"{len(pairs)} of {self._run.shadow_turns} questions were answered by both. "
            + ("Nothing speaks against a trial on live traffic." if is_over else "More are waited for.")
        )  # fmt: skip
        reason = Reason(rule="shadow", verdict=Verdict.HOLD, text=text)
        return Decision(at=at, verdict=Verdict.HOLD, ended=is_over, reasons=(reason,), figures=figures)

    def _turn(self, event: Event) -> None:
        turn, data = event.turn_id, event.data
        is_ours = event.ts >= self._run.started_at and event.flag_key in {"", self._run.run}
        if is_ours and not data.get("abandoned") and turn not in self._pairs and turn not in self._gone:
            self._waiting.setdefault(turn, event.user_hash)


RULES = ("hallucination_flag", "refusal_rate", "error")


def _differences(pairs: Sequence[Shadowed]) -> list[tuple[str, str, int, int]]:
    def apart(ours: Sequence[bool], theirs: Sequence[bool]) -> tuple[int, int]:
        both = list(zip(ours, theirs, strict=True))
        return sum(a and not b for a, b in both), sum(b and not a for a, b in both)

    bad = apart([one.is_bad for one in pairs], [one.control_is_bad for one in pairs])
    refused = apart([one.kind == "refuse" for one in pairs], [one.control_kind == "refuse" for one in pairs])
    faulty = (sum(one.is_faulty for one in pairs), 0)
    told = ("It says what nothing supports", "It refuses", "Its model fails")
    return [(rule, text, *counts) for rule, text, counts in zip(RULES, told, (bad, refused, faulty), strict=True)]


def _figures(pairs: Sequence[Shadowed]) -> tuple[Figure, ...]:
    return (
        _paired(
            "flag_rate",
            "answers that the judge flags as hallucinated, of the same questions",
            [(float(one.is_bad), float(one.control_is_bad)) for one in pairs],
        ),
        _paired(
            "refusal_rate",
            "questions that were refused, of the same ones",
            [(float(one.kind == "refuse"), float(one.control_kind == "refuse")) for one in pairs],
        ),
        _paired(
            "cost_usd",
            "US dollars for an answer to the same question",
            [(one.cost_usd, one.control_cost_usd) for one in pairs],
        ),
        _slow(pairs),
    )


def _paired(name: str, definition: str, rows: Sequence[tuple[float, float]]) -> Figure:
    n = len(rows)
    if n < 2:
        return Figure(name=name, definition=definition, n_candidate=n, n_control=n)
    table = np.asarray(rows)
    gaps = table[:, 0] - table[:, 1]
    reach = NORMAL.inv_cdf(CONFIDENCE) * float(gaps.std(ddof=1)) / sqrt(n)
    mean = float(gaps.mean())
    # Where no pair differed, up to three in n may differ all the same: no interval is empty.
    reach = reach or 3 / n
    return Figure(
        name=name,
        definition=definition,
        candidate=float(table[:, 0].mean()),
        control=float(table[:, 1].mean()),
        difference=mean,
        low=mean - reach,
        high=mean + reach,
        n_candidate=n,
        n_control=n,
    )


def _slow(pairs: Sequence[Shadowed]) -> Figure:
    ours, theirs = ([one.latency_s for one in pairs], [one.control_latency_s for one in pairs])
    return Figure(
        name="latency_p95_s",
        definition="seconds within which 95 of 100 answers are there; the shadow waits for nothing, so compare with care",
        candidate=float(np.quantile(ours, 0.95)) if ours else None,
        control=float(np.quantile(theirs, 0.95)) if theirs else None,
        n_candidate=len(ours),
        n_control=len(theirs),
    )
