"""What a folder's cases are about, as far as the charter's lint asks."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from shipmate.charter import Tally
from shipmate.errors import Missing, Problem, ProjectError
from shipmate.evals.cases import AnswerCase, Case, DialogueCase, IntentCase, PerfCase, RefusalCase
from shipmate.evals.suite import read

__all__ = ["tally", "tally_of"]


def tally_of(folder: Path) -> tuple[Tally | None, Iterable[Problem]]:
    """Return what the cases of a folder are about, or None and what is wrong with them."""
    try:
        return tally(read(folder).cases), ()
    except Missing:
        return Tally(), ()
    except ProjectError as error:
        return None, error.problems


def tally(cases: Iterable[Case]) -> Tally:
    """Count cases by intent and by language, and note which topics are refused and which rules hand over."""
    asked = [case for case in cases if not isinstance(case, PerfCase)]
    return Tally(
        intents=Counter(intent for case in asked if (intent := _intent(case))),
        languages=Counter(case.lang for case in asked),
        refused={topic for case in asked if (topic := _refused(case))},
        handed_off={case.description for case in asked if _hands_over(case)},
    )


def _intent(case: Case) -> str:
    return case.intent or (case.expect.intent if isinstance(case, IntentCase) else None) or ""


def _refused(case: Case) -> str:
    match case:
        case RefusalCase(expect="refuse"):
            return case.topic
        case IntentCase():
            return case.expect.out_of_scope
    return ""


def _hands_over(case: Case) -> bool:
    match case:
        case DialogueCase():
            return case.expect.handoff is True
        case AnswerCase():
            return case.expect.kind == "handoff"
    return False
