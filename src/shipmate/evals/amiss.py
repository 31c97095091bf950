"""What is wrong with a case that its form does not show."""

import re
from collections.abc import Iterator, Sequence

from shipmate.evals.cases import Case, Check, PerfCase, RedteamCase
from shipmate.evals.checks import checks_of
from shipmate.evals.json_shape import unknown_keywords

__all__ = ["amiss"]


def amiss(case: Case) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a case, each with what to do."""
    yield from _of_checks(case.checks)
    expect = getattr(case, "expect", None)
    if (pattern := getattr(expect, "regex", None)) and (fault := _unmatched(pattern)):
        yield fault, "Mend the pattern."
    if unknown := unknown_keywords(getattr(expect, "json_schema", None)):
        yield (
            f"`{min(unknown)}` of a JSON Schema is not heeded here.",
            "Leave it out, or check it in a scorer of yours.",
        )
    if isinstance(case, PerfCase) and bool(case.inputs.file) == bool(case.inputs.texts):
        yield "`inputs` needs a `file` or `texts`, and not both.", "Name what is asked."
    if isinstance(case, RedteamCase) and not (case.input or case.doc):
        yield "There is neither an `input` nor a `doc`.", "Say what the attack consists of."
    if not checks_of(case):
        yield "Nothing is expected.", "Say below `expect:` what must hold."
    if getattr(case, "turns", None) == () and getattr(case, "user", None) is None:
        yield "There are neither `turns` nor a `user`.", "Say what the person writes, or who a model is to play."


def _of_checks(checks: Sequence[Check]) -> Iterator[tuple[str, str]]:
    for check in _every(checks):
        if check.scorer == "set" and not check.checks:
            yield "A `set` holds no checks.", "Add `checks:` with what it is made of."
        if check.scorer != "set" and check.checks:
            yield f"`{check.scorer}` takes no `checks`.", "Only the scorer `set` does."
        if check.scorer == "regex" and (fault := _unmatched(str(check.value or ""))):
            yield fault, "Mend the pattern."


def _every(checks: Sequence[Check]) -> Iterator[Check]:
    for check in checks:
        yield check
        yield from _every(check.checks)


def _unmatched(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        return f"`{pattern}` is no pattern: {error}."
    return ""
