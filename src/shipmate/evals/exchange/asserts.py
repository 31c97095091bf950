"""promptfoo's assertions and the checks of a case: which is which, both ways."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from shipmate.evals.amiss import amiss
from shipmate.evals.cases import AnswerCase, Check

__all__ = ["assertion_of", "check_of", "rendered", "why_aside"]

NEGATION = "not-"
SET = "assert-set"
# What an assertion may hold; anything else, such as a provider of its own, is not understood here.
KEYS = {"type", "value", "threshold", "weight", "metric"}
PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
MS_PER_S = 1000


class Kind(NamedTuple):
    """How a type of assertion is read as a scorer's value, and that value as the assertion's again; None: not so."""

    scorer: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]
    # The limit stands in `threshold`, and there is no `value`.
    is_limit: bool = False


def _text(value: Any) -> Any:
    return value if isinstance(value, str) and value and "file://" not in value else None


def _texts(value: Any) -> Any:
    fits = isinstance(value, list) and value and all(isinstance(one, str) and one for one in value)
    return list(value) if fits else None


def _nothing(value: Any) -> Any:
    return msgspec.UNSET if value is None else None


def _schema(value: Any) -> Any:
    return msgspec.UNSET if value is None else value if isinstance(value, dict) else None


def _seconds(value: Any) -> Any:
    return value / MS_PER_S if isinstance(value, int | float) and value > 0 else None


def _milliseconds(value: Any) -> Any:
    if not isinstance(value, int | float):
        return None
    whole = round(value * MS_PER_S)
    return whole if abs(whole - value * MS_PER_S) < 1e-6 else value * MS_PER_S


def _amount(value: Any) -> Any:
    return value if isinstance(value, int | float) and value >= 0 else None


def _refusal(value: Any) -> Any:
    return ["refuse"] if value is None else None


def _bare_refusal(value: Any) -> Any:
    return msgspec.UNSET if value == ["refuse"] else None


def _tool_used(value: Any) -> Any:
    names = [value] if isinstance(value, str) else value
    return {"tools": [{"name": name} for name in names], "mode": "subset"} if _texts(names) else None


def _used_tool(value: Any) -> Any:
    names = _plain_names(value, "subset")
    return names and (names[0] if len(names) == 1 else names)


def _tool_called(value: Any) -> Any:
    if not isinstance(value, dict) or set(value) != {"name", "args"} or not isinstance(value["args"], dict):
        return None
    return {"tools": [{"name": value["name"], "args": value["args"]}], "mode": "subset"} if value["args"] else None


def _called_tool(value: Any) -> Any:
    tools = value.get("tools") if isinstance(value, dict) else None
    fits = isinstance(tools, list) and len(tools) == 1 and value.get("mode") == "subset" and tools[0].get("args")
    return {"name": tools[0]["name"], "args": tools[0]["args"]} if fits and tools else None


def _tool_sequence(value: Any) -> Any:
    return {"tools": [{"name": name} for name in value], "mode": "sequence"} if _texts(value) else None


def _sequence_of_tools(value: Any) -> Any:
    return _plain_names(value, "sequence")


def _plain_names(value: Any, mode: str) -> list[str] | None:
    tools = value.get("tools") if isinstance(value, dict) else None
    if not isinstance(tools, list) or not tools or value.get("mode") != mode or any(tool.get("args") for tool in tools):
        return None
    return [tool["name"] for tool in tools]


TYPES: dict[str, Kind] = {
    "equals": Kind("equals", _text, _text),
    "contains": Kind("contains", _text, _text),
    "contains-all": Kind("contains", _texts, _texts),
    "contains-any": Kind("contains_any", _texts, _texts),
    "icontains": Kind("icontains", _text, _text),
    "icontains-all": Kind("icontains", _texts, _texts),
    "icontains-any": Kind("icontains_any", _texts, _texts),
    "regex": Kind("regex", _text, _text),
    "is-json": Kind("json_schema", _schema, _schema),
    "llm-rubric": Kind("rubric", _text, _text),
    "factuality": Kind("reference", _text, _text),
    "similar": Kind("similar", _text, _text),
    "context-faithfulness": Kind("grounded", _nothing, _nothing),
    "context-recall": Kind("context_recall", _text, _text),
    "context-relevance": Kind("context_relevance", _nothing, _nothing),
    "latency": Kind("latency_p95_s", _seconds, _milliseconds, is_limit=True),
    "cost": Kind("cost_usd", _amount, _amount, is_limit=True),
    "is-refusal": Kind("kind", _refusal, _bare_refusal),
    "tool-call-f1": Kind("tool_f1", _texts, _texts),
    "trajectory:tool-used": Kind("tools", _tool_used, _used_tool),
    "trajectory:tool-args-match": Kind("tools", _tool_called, _called_tool),
    "trajectory:tool-sequence": Kind("tools", _tool_sequence, _sequence_of_tools),
    "trajectory:goal-success": Kind("goal", _text, _text),
}


def check_of(assertion: Any) -> Check | None:
    """Return the check that an assertion comes to; None where it comes to none."""
    if not isinstance(assertion, dict) or not isinstance(assertion.get("type"), str):
        return None
    if assertion["type"] == SET:
        return _set_of(assertion)
    name = assertion["type"].removeprefix(NEGATION)
    kind = TYPES.get(name)
    if kind is None or not set(assertion) <= KEYS:
        return None
    limit = assertion.get("threshold") if kind.is_limit else None
    value = kind.read(limit if kind.is_limit else assertion.get("value"))
    if value is None or (kind.is_limit and "value" in assertion):
        return None
    rest = _rest(assertion, without="threshold" if kind.is_limit else "")
    return _made(scorer=kind.scorer, value=value, negate=assertion["type"] != name, rest=rest)


def _set_of(assertion: Mapping[str, Any]) -> Check | None:
    inner = assertion.get("assert")
    if not set(assertion) <= {*KEYS, "assert"} - {"value"} or not isinstance(inner, list) or not inner:
        return None
    checks = [check_of(one) for one in inner]
    return _made(scorer="set", checks=checks, rest=_rest(assertion)) if all(checks) else None


def _rest(assertion: Mapping[str, Any], without: str = "") -> dict[str, Any]:
    return {key: assertion[key] for key in ("threshold", "weight", "metric") if key in assertion and key != without}


def _made(*, rest: Mapping[str, Any], value: Any = msgspec.UNSET, **fields: Any) -> Check | None:
    """Return a check that a suite may hold, or None."""
    own = {**fields, **rest} | ({} if value is msgspec.UNSET else {"value": value})
    try:
        check = msgspec.convert(own, Check, from_attributes=True)
    except msgspec.ValidationError:
        return None
    return None if any(amiss(AnswerCase(id="a", input="a", checks=(check,)))) else check


def assertion_of(check: Check) -> dict[str, Any] | None:
    """Return the assertion that a check comes to; None where promptfoo has none."""
    if check.scorer == "set":
        inner = [assertion_of(one) for one in check.checks]
        fits = not check.negate and inner and all(one is not None for one in inner)
        return {"type": SET, "assert": inner, **_settings(check)} if fits else None
    found = ((name, kind, kind.write(check.value)) for name, kind in TYPES.items() if kind.scorer == check.scorer)
    name, kind, value = next((one for one in found if one[2] is not None), ("", None, None))
    if kind is None or (kind.is_limit and check.threshold is not None):
        return None
    made: dict[str, Any] = {"type": NEGATION * check.negate + name}
    if value is not msgspec.UNSET:
        made["threshold" if kind.is_limit else "value"] = value
    return made | _settings(check)


def _settings(check: Check) -> dict[str, Any]:
    said = {"threshold": check.threshold, "weight": check.weight, "metric": check.metric}
    return {key: value for key, value in said.items() if value != {"threshold": None, "weight": 1, "metric": ""}[key]}


def rendered(assertion: Any, variables: Mapping[str, Any]) -> Any:
    """Return an assertion with `{{name}}` filled in, as far as the names are known."""
    match assertion:
        case str():
            return PLACE.sub(lambda place: str(variables.get(place[1], place[0])), assertion)
        case list():
            return [rendered(one, variables) for one in assertion]
        case dict():
            return {key: rendered(value, variables) for key, value in assertion.items()}
    return assertion


def why_aside(assertion: Any) -> str:
    """Say why an assertion comes to no check."""
    if not isinstance(assertion, dict) or not isinstance(assertion.get("type"), str):
        return "This is no assertion: it has no `type`."
    name = assertion["type"]
    if name == SET:
        inner = assertion.get("assert")
        lacking = next((one for one in inner if check_of(one) is None), None) if isinstance(inner, list) else None
        return why_aside(lacking) if lacking is not None else f"This `{SET}` is not scored here."
    if name.removeprefix(NEGATION) not in TYPES:
        return f"The assertion `{name}` is not scored here."
    if unknown := sorted(set(assertion) - KEYS):
        return f"`{unknown[0]}` of the assertion `{name}` is not heeded here, so it is not scored."
    return f"The assertion `{name}` is not scored with this value."
