"""Which tools were called, with what; an assistant without tools is neither praised nor blamed for it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from shipmate.evals.cases import ToolUse
from shipmate.evals.outcome import Outcome

__all__ = ["NO_TOOLS", "called", "calls_any", "tool_f1"]

NO_TOOLS = "The assistant has no tools yet."


def called(outcome: Outcome, value: Any) -> tuple[float | None, str]:
    """Return the share of the wanted calls that were made, in the wanted mode: 0 where that is broken."""
    if outcome.tools is None:
        return None, NO_TOOLS
    wanted = [ToolUse(name=tool["name"], args=tool.get("args", {})) for tool in value["tools"]]
    places = _places(wanted, outcome.tools)
    made = [place for place in places if place is not None]
    if value["mode"] == "exact" and len(outcome.tools) != len(made):
        return 0.0, "Others were called too."
    if value["mode"] == "sequence" and made != sorted(made):
        return 0.0, "They were called in another order."
    return (len(made) / len(wanted) if wanted else 1.0), ""


def tool_f1(outcome: Outcome, value: Any) -> tuple[float | None, str]:
    """Return the harmonic mean of precision and recall of the names that were called."""
    if outcome.tools is None:
        return None, NO_TOOLS
    wanted, made = Counter(value), Counter(tool.name for tool in outcome.tools)
    if not wanted and not made:
        return 1.0, ""
    return 2 * (wanted & made).total() / (wanted.total() + made.total()), ""


def calls_any(outcome: Outcome, value: Any) -> tuple[float | None, str]:
    """Tell whether one of these tools was called."""
    if outcome.tools is None:
        return None, NO_TOOLS
    made = {tool.name for tool in outcome.tools} & set(value)
    return float(bool(made)), f"Called: {', '.join(sorted(made))}." if made else ""


def _places(wanted: Sequence[ToolUse], made: Sequence[ToolUse]) -> list[int | None]:
    """Return for each wanted call the place of a call that was made and serves no other."""
    free = dict(enumerate(made))
    places: list[int | None] = []
    for want in wanted:
        place = next((n for n, call in free.items() if call.name == want.name and _holds(call.args, want.args)), None)
        if place is not None:
            del free[place]
        places.append(place)
    return places


def _holds(args: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(name in args and args[name] == value for name, value in wanted.items())
