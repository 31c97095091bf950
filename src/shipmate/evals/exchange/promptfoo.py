"""promptfoo's tests: `tests[]` in YAML or JSON, and tables with `__expected`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from shipmate.errors import Problem, ProjectError
from shipmate.evals.cases import AnswerCase, Case, Check
from shipmate.evals.checks import checks_of
from shipmate.evals.exchange.asserts import assertion_of, check_of, rendered, why_aside
from shipmate.evals.exchange.promptfoo_table import test_of
from shipmate.evals.exchange.records import OWN, Exported, Imported, Row, as_case, case_fields, named, note
from shipmate.evals.exchange.rows import document, rows

__all__ = ["FILE", "read", "tests_of", "write"]

FILE = "promptfooconfig.yaml"
# Where a case keeps what promptfoo knows of it.
ASIDE = "promptfoo"
# The scorer of what is not scored here.
UNSCORED = "aside"
# Which variable holds the question, the first that is there; a single one does in any case.
QUESTIONS = ("question", "query", "input", "prompt", "message", "user_input", "text")
UNDERSTOOD = {"description", "vars", "assert", "threshold", "metadata"}
OUTSIDE = {"scenarios", "derivedMetrics", "outputPath", "evaluateOptions", "transform", "nunjucksFilters"}


def read(path: Path) -> Imported:
    """Return the cases of a file; raises `ProjectError` where it does not read."""
    if path.suffix in {".csv", ".tsv"}:
        return _imported(path.name, [row._replace(data=test_of(row.data)) for row in rows(path)], ())
    whole = document(path)
    if path.suffix in {".json", ".jsonl", ".ndjson"} and isinstance(whole.data, list):
        return _imported(path.name, whole.data, ())
    shared = whole.data.get("defaultTest") if isinstance(whole.data, dict) else None
    notes = list(_of_config(path.name, whole))
    return _imported(path.name, [row._replace(data=_with(shared, row.data)) for row in rows(path)], notes)


def _of_config(file: str, whole: Row) -> Iterator[Problem]:
    """Name what of a whole configuration says more than its tests."""
    if not isinstance(whole.data, dict):
        return
    for key in sorted(set(whole.data) & OUTSIDE):
        yield note(file, whole.at(key), f"`{key}` is not read.", "Nothing of it is kept: keep this file.")
    if isinstance(whole.data.get("defaultTest"), str):
        what = "`defaultTest` names another file, which is not read."
        yield note(file, whole.at("defaultTest"), what, "Write it here.")


def _with(shared: Any, test: Any) -> Any:
    """Return a test with what all have in common."""
    if not isinstance(shared, dict) or not isinstance(test, dict):
        return test
    both = {**shared, **test}
    for name in ("vars", "metadata", "options"):
        if isinstance(shared.get(name), dict):
            both[name] = {**shared[name], **(test.get(name) or {})}
    if shared.get("assert"):
        both["assert"] = [*shared["assert"], *(test.get("assert") or [])]
    return both


def _imported(file: str, tests: Sequence[Row], notes: Iterable[Problem]) -> Imported:
    wishes = [(_own_id(row.data), _words(row.data)) for row in tests]
    cases, told, wrong = [], list(notes), []
    for row, name in zip(tests, named(wishes), strict=True):
        made = _case(file, row, name, told)
        if isinstance(made, Problem):
            wrong.append(made)
        else:
            cases.append(made)
    if wrong:
        raise ProjectError(wrong)
    return Imported(cases=tuple(cases), notes=tuple(told))


def _own(test: Any) -> dict[str, Any]:
    metadata = test.get("metadata") if isinstance(test, dict) else None
    own = metadata.get(OWN) if isinstance(metadata, dict) else None
    return own if isinstance(own, dict) else {}


def _own_id(test: Any) -> str:
    return str(_own(test).get("id", ""))


def _words(test: Any) -> str:
    if not isinstance(test, dict):
        return ""
    return str(test.get("description") or _question(test.get("vars"))[1] or "")


def _question(variables: Any) -> tuple[str, str]:
    """Return the variable that holds the question, and the question; empty where there is none."""
    if not isinstance(variables, dict):
        return "", ""
    texts = {key: value for key, value in variables.items() if isinstance(value, str) and value.strip()}
    name = next((name for name in QUESTIONS if name in texts), next(iter(texts), "") if len(texts) == 1 else "")
    return name, texts.get(name, "")


def _case(file: str, row: Row, name: str, notes: list[Problem]) -> Case | Problem:
    test = row.data
    if not isinstance(test, dict):
        return Problem(file=file, line=row.line, what="This test is no mapping.", do="Write `vars:` and `assert:`.")
    variable, question = _question(test.get("vars"))
    if not question and not _own(test):
        do = f"Call it one of {', '.join(QUESTIONS)}, or write it out: files and lists are not opened."
        return Problem(file=file, line=row.at("vars"), what="No variable of this test holds the question.", do=do)
    reading = _Reading(file, row, name, notes)
    try:
        return as_case(reading.fields(variable, question))
    except msgspec.ValidationError as error:
        return Problem(file=file, line=row.line, what=f"The test `{name}` is no case: {error}.", do="Mend it.")


class _Reading:
    """Reads one test."""

    def __init__(self, file: str, row: Row, name: str, notes: list[Problem]) -> None:
        self._file = file
        self._row = row
        self._test: dict[str, Any] = row.data
        self._name = name
        self._notes = notes
        self._variables = self._test.get("vars") or {}

    def fields(self, variable: str, question: str) -> dict[str, Any]:
        """Return the fields of the case."""
        own = _own(self._test)
        fields = {"id": self._name, "kind": "answer", **({"input": question} if question else {}), **own}
        left_by_us = fields.pop("left", ())
        aside = self._aside(variable)
        asserts = self._test.get("assert") or []
        derived = _derived(fields)
        skipped = len(derived) if derived and asserts[: len(derived)] == derived else 0
        if derived and not skipped:
            # Somebody has changed what stood for `expect`: what stands there now counts.
            fields.pop("expect", None)
        checks, kept = self._checks(asserts[skipped:], skipped)
        for place, check in left_by_us:
            checks.insert(place, msgspec.convert(check, Check))
        metadata = {key: value for key, value in (self._test.get("metadata") or {}).items() if key != OWN}
        if aside | kept:
            metadata[ASIDE] = aside | kept
        said = {
            "description": self._test.get("description", ""),
            "threshold": self._test.get("threshold"),
            "metadata": metadata,
            "checks": msgspec.to_builtins(checks),
        }
        return fields | {key: value for key, value in said.items() if value not in ("", None, {}, [])}

    def _aside(self, variable: str) -> dict[str, Any]:
        """Return what no field of a case holds: the variables' names, and keys that are not heeded."""
        aside: dict[str, Any] = {} if _own(self._test) else {"id": self._name}
        if variable and variable != "input":
            aside["variable"] = variable
        if more := {key: value for key, value in self._variables.items() if key != variable}:
            aside["vars"] = more
        for key in sorted(set(self._test) - UNDERSTOOD):
            aside.setdefault("test", {})[key] = self._test[key]
            self._note(f"`{key}` is not heeded here", key)
        return aside

    def _checks(self, asserts: Sequence[Any], skipped: int) -> tuple[list[Check], dict[str, Any]]:
        """Return the checks, and which assertions were written otherwise; one that is not scored here stays one that is not."""
        checks: list[Check] = []
        written: dict[str, Any] = {}
        for place, assertion in enumerate(asserts):
            filled = rendered(assertion, self._variables)
            check = check_of(filled)
            if check is None:
                self._note(why_aside(filled), "assert", place + skipped)
                check = _unscored(assertion)
            elif assertion_of(check) != assertion:
                written[str(len(checks))] = assertion
            checks.append(check)
        return checks, {"written": written} if written else {}

    def _note(self, what: str, *path: str | int) -> None:
        self._notes.append(note(self._file, self._row.at(*path), f"{what} (test `{self._name}`)."))


def _unscored(assertion: Any) -> Check:
    """Return what keeps a case from passing by the other assertions, unless this one counts for nothing there either."""
    is_weightless = isinstance(assertion, dict) and assertion.get("weight") == 0
    return Check(scorer=UNSCORED, value=assertion, weight=0 if is_weightless else 1)


def _derived(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the assertions that stand for what `expect` says."""
    try:
        case = as_case({key: value for key, value in fields.items() if key not in {"checks", "left"}})
    except msgspec.ValidationError:
        return []
    return _expectations(case)


def _expectations(case: Case) -> list[dict[str, Any]]:
    bare = msgspec.structs.replace(case, checks=())
    if isinstance(bare, AnswerCase) and bare.expect == type(bare.expect)():
        return []
    return [made for check in checks_of(bare) if (made := assertion_of(check)) is not None]


def tests_of(cases: Iterable[Case], notes: list[Problem]) -> list[dict[str, Any]]:
    """Return cases as promptfoo's tests; what it cannot score is noted, and stands in their metadata."""
    return [_test(case, notes) for case in cases]


def _test(case: Case, notes: list[Problem]) -> dict[str, Any]:
    metadata = dict(case.metadata)
    aside = metadata.pop(ASIDE, {})
    asserts, unsaid = _assertions(case, aside, notes)
    own = {
        key: value
        for key, value in case_fields(case).items()
        if key not in {"checks", "metadata", "description", "threshold"}
    }
    question = own.pop("input", "")
    if unsaid:
        own["left"] = unsaid
    if own == {"id": aside.get("id"), "kind": "answer"}:
        # The name was made up for a test that says nothing of itself.
        own = {}
    variables = (
        {aside.get("variable", "input"): question, **aside.get("vars", {})} if question else aside.get("vars", {})
    )
    test: dict[str, Any] = {"description": case.description} if case.description else {}
    test["vars"] = variables
    if asserts:
        test["assert"] = asserts
    if case.threshold is not None:
        test["threshold"] = case.threshold
    if metadata or own:
        test["metadata"] = {**metadata, **({OWN: own} if own else {})}
    test |= aside.get("test", {})
    return test


def _assertions(case: Case, aside: Mapping[str, Any], notes: list[Problem]) -> tuple[list[Any], list[Any]]:
    """Return the assertions of a case, and the checks that there are none for, each with its place."""
    made: list[Any] = []
    unsaid: list[Any] = []
    written = aside.get("written", {})
    variables = {aside.get("variable", "input"): getattr(case, "input", ""), **aside.get("vars", {})}
    for place, check in enumerate(case.checks):
        assertion = check.value if check.scorer == UNSCORED else assertion_of(check)
        before = written.get(str(place))
        if before is not None and check_of(rendered(before, variables)) == check:
            assertion = before
        if assertion is None:
            unsaid.append([place, msgspec.to_builtins(check)])
            notes.append(note(f"case {case.id}", 0, f"promptfoo has no assertion for the scorer `{check.scorer}`."))
        else:
            made.append(assertion)
    return [*_expectations(case), *made], unsaid


class _Plain(yaml.SafeDumper):
    """Writes each value out, however often it comes."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - as yaml calls it
        """Return that nothing is an alias."""
        return True


def write(cases: Sequence[Case]) -> Exported:
    """Return cases as a configuration that promptfoo runs; its provider only echoes until another is named."""
    notes: list[Problem] = []
    tests = tests_of(cases, notes)
    config = {
        "description": "Cases of a Shipmate assistant",
        "prompts": ["{{input}}"],
        "providers": ["echo"],
        "tests": tests,
    }
    text = yaml.dump(config, Dumper=_Plain, allow_unicode=True, sort_keys=False, width=1000)
    return Exported(files={FILE: text}, notes=tuple(notes))
