"""Datasets without a tool's scorers: OpenAI evals, Ragas, DeepEval's goldens, and the tasks of τ²."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from shipmate.errors import Problem, ProjectError
from shipmate.evals.exchange.records import Imported, as_case, named, note
from shipmate.evals.exchange.rows import rows

__all__ = ["deepeval", "openai_evals", "ragas", "tau2"]

Fields = dict[str, Any]


def openai_evals(path: Path) -> Imported:
    """Return the cases of JSON lines with `input` and `ideal`."""
    return _read(path, _of_openai, {"input", "ideal"})


def ragas(path: Path) -> Imported:
    """Return the cases of rows with `user_input` and `reference`."""
    return _read(path, _of_ragas, {"user_input", "reference"})


def deepeval(path: Path) -> Imported:
    """Return the cases of goldens with `input` and `expected_output`."""
    return _read(path, _of_golden, {"input", "expected_output", "expected_tools", "name"})


def tau2(path: Path) -> Imported:
    """Return the dialogues of `tasks.json`: how they have to end counts, not the way there."""
    return _read(path, _of_task, {"id", "description", "user_scenario", "evaluation_criteria"})


def _read(path: Path, made: Callable[[Mapping[str, Any]], Fields], heeded: set[str]) -> Imported:
    cases, notes, wrong = [], [], []
    found = rows(path)
    for row, name in zip(found, named((_wish(row.data), "") for row in found), strict=True):
        try:
            if not isinstance(row.data, dict):
                raise ValueError("it is no mapping")  # noqa: TRY004, TRY301 - one kind of error for every unfit row
            fields = {"id": name, **made(row.data)}
            aside = {key: value for key, value in row.data.items() if key not in heeded and value not in (None, "", [])}
            if aside:
                fields["metadata"] = {**fields.get("metadata", {}), **aside}
                told = ", ".join(f"`{key}`" for key in sorted(aside))
                notes.append(
                    note(path.name, row.line, f"{told} of `{name}` decides nothing here.", "It is kept as metadata.")
                )
            cases.append(as_case(fields))
        except (msgspec.ValidationError, ValueError, KeyError, AttributeError, TypeError) as error:
            what = f"This row is no case: {error}."
            wrong.append(
                Problem(file=path.name, line=row.line, what=what, do="See the how-to for the fields that it needs.")
            )
    if wrong:
        raise ProjectError(wrong)
    return Imported(cases=tuple(cases), notes=tuple(notes))


def _wish(row: Any) -> str:
    return str(row.get("id") or row.get("name") or "") if isinstance(row, dict) else ""


def _asked(given: Any) -> Fields:
    """Return a question, and what was said before it, of a text or of messages."""
    if isinstance(given, str):
        return {"input": given}
    said = [
        (one.get("role") or {"human": "user", "ai": "assistant"}.get(one.get("type", "")), one["content"])
        for one in given
    ]
    told = [(role, text) for role, text in said if role in {"user", "assistant"}]
    if not told or told[-1][0] != "user":
        raise ValueError("its messages do not end with the user's")
    history = [{"role": role, "text": text} for role, text in told[:-1]]
    system = [text for role, text in said if role not in {"user", "assistant"}]
    return {
        "input": told[-1][1],
        **({"history": history} if history else {}),
        **({"metadata": {"system": system}} if system else {}),
    }


def _of_openai(row: Mapping[str, Any]) -> Fields:
    ideal = row["ideal"]
    check = {"scorer": "contains_any", "value": [ideal] if isinstance(ideal, str) else ideal}
    return {"kind": "answer", **_asked(row["input"]), "checks": [check]}


def _of_ragas(row: Mapping[str, Any]) -> Fields:
    expect = {"expect": {"reference": row["reference"]}} if row.get("reference") else {}
    return {"kind": "answer", **_asked(row["user_input"]), **expect}


def _of_golden(row: Mapping[str, Any]) -> Fields:
    expect = {"expect": {"reference": row["expected_output"]}} if row.get("expected_output") else {}
    names = [tool["name"] for tool in row.get("expected_tools") or []]
    tools = {"checks": [{"scorer": "tool_f1", "value": names}]} if names else {}
    return {"kind": "answer", **_asked(row["input"]), **expect, **tools}


def _of_task(row: Mapping[str, Any]) -> Fields:
    scenario = row["user_scenario"]
    told = scenario.get("instructions") or {}
    if isinstance(told, str):
        told = {"task_instructions": told}
    criteria = row.get("evaluation_criteria") or {}
    knows = {key: told[key] for key in ("known_info", "unknown_info", "domain") if told.get(key)}
    goal = " ".join(filter(None, (told.get("reason_for_call"), told.get("task_instructions"))))
    about = row.get("description") or {}
    rest = {key: value for key, value in criteria.items() if key not in {"communicate_info", "nl_assertions"} and value}
    expect = {"says": criteria.get("communicate_info") or [], "claims": criteria.get("nl_assertions") or []}
    return {
        "kind": "dialogue",
        "description": (about.get("purpose") or "") if isinstance(about, dict) else str(about),
        "user": {"persona": scenario.get("persona") or "", "goal": goal, "knows": knows},
        "expect": {key: value for key, value in expect.items() if value},
        # One way to the end, as a reference: another that ends as well is as good.
        **({"metadata": {"reference": rest}} if rest else {}),
    }
