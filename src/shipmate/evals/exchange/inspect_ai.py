"""inspect_ai's samples: JSON, JSON Lines or CSV, and a task that runs them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from shipmate.errors import Problem, ProjectError
from shipmate.evals.cases import AnswerCase, Case, Check
from shipmate.evals.exchange.records import OWN, Exported, Imported, Row, as_case, case_fields, named, note
from shipmate.evals.exchange.rows import rows

__all__ = ["SAMPLES", "TASK", "read", "samples_of", "write"]

SAMPLES = "samples.jsonl"
TASK = "task.py"
# Where a case keeps what inspect_ai knows of it.
ASIDE = "inspect_ai"
# Parts of a sample that a case has no words for, or that nothing runs here.
UNHEEDED = ("choices", "sandbox", "files", "setup", "checkpoint")
KNOWN = {"input", "target", "id", "description", "metadata", *UNHEEDED}
# In a table these cells hold JSON.
ENCODED = ("target", "choices", "metadata", "files", "sandbox", "input")
SCORER = "icontains_any"
TASK_TEXT = '''\
"""The cases of a Shipmate assistant, to be run with: inspect eval task.py --model MODEL"""

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import includes
from inspect_ai.solver import generate


@task
def shipmate() -> Task:
    return Task(dataset=json_dataset(str(Path(__file__).with_name("samples.jsonl"))), solver=generate(), scorer=includes())
'''


def read(path: Path) -> Imported:
    """Return the cases of a file; raises `ProjectError` where it does not read."""
    table = path.suffix in {".csv", ".tsv"}
    found = [row._replace(data=_decoded(row.data)) if table else row for row in rows(path)]
    wishes = [(_wish(row.data), str(row.data.get("input", "")) if isinstance(row.data, dict) else "") for row in found]
    cases: list[Case] = []
    notes: list[Problem] = []
    wrong: list[Problem] = []
    for row, name in zip(found, named(wishes), strict=True):
        try:
            cases.append(as_case(_fields(path.name, row, name, notes)))
        except (msgspec.ValidationError, ValueError, TypeError, AttributeError, KeyError) as error:
            do = "Give it an `input`: a text, or messages that end with the user's."
            wrong.append(Problem(file=path.name, line=row.line, what=f"This sample is no case: {error}.", do=do))
    if wrong:
        raise ProjectError(wrong)
    return Imported(cases=tuple(cases), notes=tuple(notes))


def _wish(sample: Any) -> str:
    return str(sample.get("id") if isinstance(sample, dict) and sample.get("id") is not None else "")


def _decoded(record: Mapping[str, str]) -> dict[str, Any]:
    """Return a table's row as a sample: cells that hold JSON, read; empty ones left out."""
    made: dict[str, Any] = {}
    for key, cell in record.items():
        if cell:
            made[key] = json.loads(cell) if key in ENCODED and cell[0] in "[{" else cell
    return made


def _fields(file: str, row: Row, name: str, notes: list[Problem]) -> dict[str, Any]:
    sample = row.data
    if not isinstance(sample, dict):
        raise ValueError("it is no mapping")  # noqa: TRY004 - one kind of error for every unfit sample
    metadata = dict(sample.get("metadata") or {})
    own = metadata.pop(OWN, {})
    aside: dict[str, Any] = {} if own else {"id": name}
    if "id" in sample and sample["id"] != name:
        aside["own_id"] = sample["id"]
    if "id" not in sample:
        aside["unnamed"] = True
    asks = own.get("kind", "answer") == "answer"
    said = _said(sample.get("input"), aside) if asks else {}
    fields: dict[str, Any] = {"id": name, "kind": "answer", **said}
    if isinstance(metadata.get("intent"), str):
        fields["intent"] = metadata.pop("intent")
    if sample.get("description"):
        fields["description"] = sample["description"]
    for key in sorted(set(sample) - KNOWN | {key for key in UNHEEDED if sample.get(key) is not None}):
        aside.setdefault("sample", {})[key] = sample[key]
        notes.append(note(file, row.line, f"`{key}` of the sample `{name}` is not heeded here."))
    checks = [msgspec.to_builtins(check) for check in _checks(sample.get("target"))]
    own = dict(own)
    if checks and own and checks[0].get("value") == _target(fields | own):
        checks = []
    checks += own.pop("checks", [])
    if aside:
        metadata[ASIDE] = aside
    return fields | own | {key: value for key, value in (("checks", checks), ("metadata", metadata)) if value}


def _said(given: Any, aside: dict[str, Any]) -> dict[str, Any]:
    """Return the question, and what was said before it; messages that a case cannot hold stand aside."""
    if isinstance(given, str):
        return {"input": given}
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise ValueError("its input is neither a text nor a list of messages")
    told = [one for one in given if one.get("role") in {"user", "assistant"} and isinstance(one.get("content"), str)]
    if not told or told[-1]["role"] != "user":
        raise ValueError("its messages do not end with the user's")
    aside["input"] = given
    history = [{"role": one["role"], "text": one["content"]} for one in told[:-1] if one["content"]]
    return {"input": told[-1]["content"], **({"history": history} if history else {})}


def _checks(target: Any) -> list[Check]:
    texts = [target] if isinstance(target, str) else target
    if not texts or not any(texts):
        return []
    if not all(isinstance(one, str) for one in texts):
        raise ValueError("its target is no text")
    return [Check(scorer=SCORER, value=target if isinstance(target, str) else list(texts))]


def _target(fields: Mapping[str, Any]) -> Any:
    """Return the target that stands for what `expect` says: one of these texts has to stand in the reply."""
    expect = fields.get("expect")
    if not isinstance(expect, dict) or fields.get("kind") != "answer":
        return ""
    for name in ("equals", "contains", "reference"):
        if value := expect.get(name):
            return value if isinstance(value, str) else value[0]
    any_of = expect.get("contains_any")
    return list(any_of) if any_of else ""


def samples_of(cases: Iterable[Case], notes: list[Problem]) -> list[dict[str, Any]]:
    """Return cases as samples; what the scorer `includes` cannot tell is noted, and stands in their metadata."""
    return [_sample(case, notes) for case in cases]


def _sample(case: Case, notes: list[Problem]) -> dict[str, Any]:
    fields = case_fields(case)
    metadata = dict(fields.pop("metadata", {}))
    aside = metadata.pop(ASIDE, {})
    checks = fields.pop("checks", [])
    sample: dict[str, Any] = {"input": aside.get("input", getattr(case, "input", "") or _opening(case))}
    first = case.checks[0] if case.checks else None
    if first is not None and first == Check(scorer=SCORER, value=first.value) and not fields.get("expect"):
        sample["target"], checks = first.value, checks[1:]
    elif target := _target(fields):
        sample["target"] = target
    notes += [note(f"case {case.id}", 0, f"inspect_ai's `includes` does not tell `{one['scorer']}`.") for one in checks]
    if not isinstance(case, AnswerCase):
        notes.append(note(f"case {case.id}", 0, f"inspect_ai has no samples of the kind `{case.kind}`."))
    sample["id"] = aside.get("own_id", case.id)
    if case.description:
        sample["description"] = fields.pop("description")
    if isinstance(case, AnswerCase) and case.intent:
        metadata["intent"] = fields.pop("intent")
    own = _own(fields, checks, aside)
    if own:
        metadata[OWN] = own
    if metadata:
        sample["metadata"] = metadata
    if aside.get("unnamed"):
        del sample["id"]
    sample |= aside.get("sample", {})
    return sample


def _own(fields: dict[str, Any], checks: list[Any], aside: Mapping[str, Any]) -> dict[str, Any]:
    """Return what only Shipmate knows; nothing for a sample that was inspect_ai's own."""
    told = "input" if fields["kind"] == "answer" else ""
    own = {key: value for key, value in fields.items() if key != told} | ({"checks": checks} if checks else {})
    if "input" in aside:
        own.pop("history", None)
    return {} if own == {"id": aside.get("id"), "kind": "answer"} else own


def _opening(case: Case) -> str:
    """Return what stands for the input of a case that asks more than one thing, or none."""
    return str(next(iter(getattr(case, "turns", ())), "") or case.id)


def write(cases: Sequence[Case]) -> Exported:
    """Return cases as samples, and a task that runs them."""
    notes: list[Problem] = []
    samples = samples_of(cases, notes)
    text = "".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples)
    return Exported(files={SAMPLES: text, TASK: TASK_TEXT}, notes=tuple(notes))
