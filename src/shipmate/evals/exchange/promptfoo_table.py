"""promptfoo's tests as a table: a row for each test, its assertions in columns named `__expected`."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["table", "test_of"]

# Of a table's cells: `type(threshold): value`; without a type the whole cell is meant.
CELL = re.compile(r"(?P<type>(?:not-)?[a-z][a-z0-9:-]*)(?:\((?P<threshold>\d*\.?\d+)\))?:\s?(?P<value>.*)", re.DOTALL)
BARE = re.compile(
    r"(?P<type>(?:not-)?(?:is-json|is-refusal|context-faithfulness|context-relevance|latency|cost))(?:\((?P<threshold>\d*\.?\d+)\))?"
)
LISTED = ("contains-all", "contains-any", "icontains-all", "icontains-any")


def test_of(record: Mapping[str, str]) -> dict[str, Any]:
    """Return a table's row as a test."""
    test: dict[str, Any] = {"vars": {}}
    for key, cell in record.items():
        if not cell:
            continue
        name = key.strip()
        if re.fullmatch(r"__expected\d*", name):
            test.setdefault("assert", []).append(_of_cell(cell))
        elif name == "__description":
            test["description"] = cell
        elif name == "__threshold" and re.fullmatch(r"\d*\.?\d+", cell):
            test["threshold"] = float(cell)
        elif name.startswith("__metadata:"):
            test.setdefault("metadata", {})[name.removeprefix("__metadata:")] = _of_json(cell)
        elif name.startswith("__"):
            test[name] = cell
        else:
            test["vars"][name] = cell
    return test


def _of_cell(cell: str) -> dict[str, Any]:
    found = BARE.fullmatch(cell.strip()) or CELL.fullmatch(cell.strip())
    if found is None:
        return {"type": "equals", "value": cell}
    name, value = found["type"], found.groupdict().get("value")
    name = {"grade": "llm-rubric", "fn": "javascript", "eval": "javascript"}.get(name, name)
    made: dict[str, Any] = {"type": name}
    if value:
        made["value"] = [one.strip() for one in value.split(",")] if name.removeprefix("not-") in LISTED else value
    if found["threshold"]:
        made["threshold"] = float(found["threshold"])
    return made


def _of_json(cell: str) -> Any:
    try:
        return json.loads(cell) if cell[:1] in '{["' else cell
    except json.JSONDecodeError:
        return cell


def table(tests: Sequence[Mapping[str, Any]]) -> str:
    """Return tests as a table that promptfoo reads; raises `ValueError` for an assertion that no cell can hold."""
    widest = max((len(test.get("assert", ())) for test in tests), default=0)
    names = list(dict.fromkeys(name for test in tests for name in test["vars"]))
    held = list(dict.fromkeys(name for test in tests for name in test.get("metadata", {})))
    columns = [
        *names,
        *(f"__expected{number + 1}" for number in range(widest)),
        "__description",
        "__threshold",
        *(f"__metadata:{name}" for name in held),
    ]
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, restval="")
    writer.writeheader()
    for test in tests:
        cells = {f"__expected{number + 1}": _cell(made) for number, made in enumerate(test.get("assert", ()))}
        told = {
            f"__metadata:{name}": value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in test.get("metadata", {}).items()
        }
        limits = {"__description": test.get("description", ""), "__threshold": test.get("threshold", "")}
        writer.writerow({**test["vars"], **cells, **told, **limits})
    return out.getvalue()


def _cell(assertion: Mapping[str, Any]) -> str:
    value = assertion.get("value")
    text = ",".join(value) if isinstance(value, list) else value
    limit = f"({assertion['threshold']:g})" if "threshold" in assertion else ""
    cell = f"{assertion['type']}{limit}" + (f":{text}" if text is not None else "")
    if _of_cell(cell) != assertion:
        raise ValueError(f"no cell holds {assertion}")
    return cell
