"""Scores a case: each of its checks by its scorer, and all of them together."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import cache, partial
from importlib.metadata import entry_points
from typing import Any, NamedTuple

from shipmate.errors import UsageError
from shipmate.evals.cases import Case, Check
from shipmate.evals.checks import checks_of
from shipmate.evals.judge import SAME, Judge
from shipmate.evals.outcome import Outcome, Score
from shipmate.evals.scorers import foreign, judged, measures, places, texts, tools
from shipmate.messages import Record
from shipmate.shape import did_you_mean

__all__ = ["ANY", "GROUP", "SCORERS", "SCORER_VERSION", "Scored", "Scorer", "score_case", "scorer_named", "uses_judge"]

# Entry points under this name are scorers of your own: called with the outcome and the check's value.
GROUP = "shipmate.scorers"
# It goes up when a scorer comes to another score: then old scores are not compared with new ones.
SCORER_VERSION = 2
# Of several, one is enough.
ANY = 1e-9

# A score from 0 to 1, or nothing where it cannot be told; with it a reason.
Result = float | bool | None | tuple[float | None, str]


class Scorer(NamedTuple):
    """How a check is scored."""

    run: Callable[..., Result | Awaitable[Result]]
    # From this score on it passes, where the check says nothing.
    threshold: float = 1.0
    needs_judge: bool = False
    # It tells of a deed: one that the assistant has no means to do, it has not done.
    is_deed: bool = False


SCORERS: dict[str, Scorer] = {
    "equals": Scorer(texts.equal),
    "contains": Scorer(partial(texts.contained, folded=False)),
    "icontains": Scorer(partial(texts.contained, folded=True)),
    "contains_any": Scorer(partial(texts.contained, folded=False), threshold=ANY),
    "icontains_any": Scorer(partial(texts.contained, folded=True), threshold=ANY),
    "regex": Scorer(texts.matches),
    "json_schema": Scorer(texts.fits_schema),
    "language": Scorer(texts.written_in),
    "leak": Scorer(texts.leaked),
    "recall": Scorer(places.recall),
    "precision": Scorer(places.precision),
    "mrr": Scorer(places.mrr),
    "ndcg": Scorer(places.ndcg),
    "citation_recall": Scorer(places.citation_recall),
    "citation_precision": Scorer(places.citation_precision),
    "kind": Scorer(measures.is_kind, is_deed=True),
    "intent": Scorer(measures.is_intent),
    "out_of_scope": Scorer(measures.is_out_of_scope),
    "state": Scorer(measures.holds_in_the_end),
    "says": Scorer(measures.says),
    "says_any": Scorer(measures.says, threshold=ANY),
    "tools": Scorer(tools.called),
    "tool_f1": Scorer(tools.tool_f1),
    "calls_any": Scorer(tools.calls_any, is_deed=True),
    "latency_p95_s": Scorer(measures.latency_p95_s),
    "ttft_p95_s": Scorer(measures.ttft_p95_s),
    "cost_usd": Scorer(measures.cost_usd),
    "cost_per_1k_usd": Scorer(measures.cost_per_1k_usd),
    "tokens": Scorer(measures.tokens),
    "claims": Scorer(judged.claims, needs_judge=True),
    "said_claims": Scorer(judged.said_claims, needs_judge=True),
    "grounded": Scorer(judged.grounded, needs_judge=True),
    "reference": Scorer(judged.reference, threshold=SAME, needs_judge=True),
    "aside": Scorer(foreign.aside),
    "rubric": Scorer(foreign.rubric, needs_judge=True),
    "goal": Scorer(foreign.rubric, needs_judge=True),
    "similar": Scorer(foreign.similar, threshold=SAME),
    "context_recall": Scorer(foreign.context_recall, threshold=SAME, needs_judge=True),
    "context_relevance": Scorer(foreign.context_relevance, threshold=SAME),
}


class Scored(Record, frozen=True, kw_only=True):
    """What all checks of a case came to."""

    # The weighted mean of what could be told; None: nothing could.
    value: float | None
    passed: bool | None
    scores: tuple[Score, ...]


async def score_case(case: Case, outcome: Outcome, judge: Judge) -> Scored:
    """Score an outcome. A case of which a part cannot be told may fail by the others, and never passes by them.

    Raises `UsageError` for a scorer that there is none of, and what a scorer of yours raises.
    """
    checks = checks_of(case)
    scores = [await _score(check, outcome, judge) for check in checks]
    told = [score for score in scores if score.value is not None]
    if not told:
        return Scored(value=None, passed=None, scores=tuple(scores))
    value = _mean(told)
    passed = value >= case.threshold if case.threshold is not None else _all_pass(told)
    if passed and _has_open(checks, scores):
        return Scored(value=None, passed=None, scores=tuple(scores))
    return Scored(value=value, passed=passed, scores=tuple(scores))


def scorer_named(name: str) -> Scorer:
    """Return a scorer; raise `UsageError` with the nearest name."""
    found = SCORERS.get(name) or _own(name)
    if found is None:
        raise UsageError(f"There is no scorer `{name}`.", do=did_you_mean(name, {*SCORERS, *_entries(), "set"}))
    return found


def uses_judge(case: Case) -> bool:
    """Tell whether a case needs the opinion of a judge; raise `UsageError` for a scorer that there is none of."""
    needs = [_uses_judge(check) for check in checks_of(case)]
    return any(needs)


def _uses_judge(check: Check) -> bool:
    if check.scorer == "set":
        needs = [_uses_judge(inner) for inner in check.checks]
        return any(needs)
    return scorer_named(check.scorer).needs_judge


def _has_open(checks: Sequence[Check], scores: Sequence[Score]) -> bool:
    """Tell whether a check that counts could not be told; what there are no means to do was not done."""
    untold = [check for check, score in zip(checks, scores, strict=True) if score.value is None and check.weight]
    return any(check.scorer == "set" or not (check.negate and scorer_named(check.scorer).is_deed) for check in untold)


async def _score(check: Check, outcome: Outcome, judge: Judge) -> Score:
    if check.scorer == "set":
        return await _score_set(check, outcome, judge)
    scorer = scorer_named(check.scorer)
    given = (outcome, check.value, judge) if scorer.needs_judge else (outcome, check.value)
    result = scorer.run(*given)
    value, reason = _told(await result if inspect.isawaitable(result) else result)
    threshold = scorer.threshold if check.threshold is None else check.threshold
    return _decided(check, value, reason, threshold)


async def _score_set(check: Check, outcome: Outcome, judge: Judge) -> Score:
    """Score checks as one: all must pass, or from a threshold on their weighted mean."""
    scores = [await _score(inner, outcome, judge) for inner in check.checks]
    told = [score for score in scores if score.value is not None]
    value = _mean(told) if told else None
    if value is not None and check.threshold is None and not _all_pass(told):
        value = 0.0
    reason = " ".join(score.reason for score in scores if score.reason)
    threshold = 1.0 if check.threshold is None else check.threshold
    if value is not None and value >= threshold and _has_open(check.checks, scores):
        value = None
    return _decided(check, value, reason, threshold)


def _decided(check: Check, value: float | None, reason: str, threshold: float) -> Score:
    passed = None if value is None else (value >= threshold) is not check.negate
    if value is not None and check.negate:
        value = 1 - value
    return Score(
        scorer=f"not {check.scorer}" if check.negate else check.scorer,
        value=value,
        passed=passed,
        reason=reason if not passed else "",
        weight=check.weight,
        metric=check.metric,
    )


def _told(result: Result) -> tuple[float | None, str]:
    value, reason = result if isinstance(result, tuple) else (result, "")
    return (None if value is None else min(1.0, max(0.0, float(value)))), reason


def _mean(scores: Sequence[Score]) -> float:
    """Return the weighted mean; where nothing has weight, nothing is wrong."""
    weight = sum(score.weight for score in scores)
    return sum((score.value or 0.0) * score.weight for score in scores) / weight if weight else 1.0


def _all_pass(scores: Sequence[Score]) -> bool:
    return all(score.passed for score in scores if score.weight)


def _own(name: str) -> Scorer | None:
    entry = _entries().get(name)
    return Scorer(_guarded(name, entry.load())) if entry else None


def _guarded(name: str, function: Callable[..., Any]) -> Callable[..., Awaitable[Result]]:
    """Return a scorer of yours so that what it raises says whose mistake it is."""

    async def guarded(outcome: Outcome, value: Any) -> Result:
        try:
            result = function(outcome, value)
            told: Result = await result if inspect.isawaitable(result) else result
        except Exception as error:
            raise UsageError(f"The scorer `{name}` failed: {error!r}.", do="Mend it: it is code of yours.") from error
        return told

    return guarded


@cache
def _entries() -> dict[str, Any]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
