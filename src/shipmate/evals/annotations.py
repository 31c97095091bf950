"""What a gate found, as GitHub shows it beside the lines of a change; and whether a check's success is still worth something."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from shipmate.messages import Record

__all__ = ["FRESH_S", "MOST", "Remark", "annotations", "beyond_promotion", "stale"]

# So many errors, and so many warnings, are shown of one step.
MOST = 10
# How old the evaluation may be by which something is promoted.
FRESH_S = 24 * 3600.0
# GitHub names no more files of a request than these.
MOST_FILES = 300
# What a promotion changes of an assistant: its prompt, what was on trial, and the verdict.
PROMOTED = re.compile(r"prompts/[^/]+\.md|canary\.yml|promotions/[^/]+\.json")
PLACE = re.compile(r"(?P<file>.+):(?P<line>\d+)")


class Remark(Record, frozen=True, kw_only=True):
    """One case that did not pass."""

    case: str
    reason: str
    # Whether it stands in the way, or is only to be known.
    is_error: bool
    # Where the case is written, such as "evals/core.yml:12".
    place: str = ""


def annotations(remarks: Iterable[Remark]) -> Iterator[str]:
    """Yield a workflow command for each remark, errors first; those that are too many are counted in the last one."""
    told = list(remarks)
    for command, found in (
        ("error", [remark for remark in told if remark.is_error]),
        ("warning", [remark for remark in told if not remark.is_error]),
    ):
        fits = found if len(found) <= MOST else found[: MOST - 1]
        yield from (_command(command, remark) for remark in fits)
        if len(found) > len(fits):
            yield f"::{command}::and {len(found) - len(fits)} more: see the report"


def _command(command: str, remark: Remark) -> str:
    found = PLACE.fullmatch(remark.place)
    place = f" file={_property(found['file'])},line={found['line']}" if found else ""
    return f"::{command}{place}::{_data(f'{remark.case}: {remark.reason}')}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def beyond_promotion(names: Collection[str], assistant: str) -> list[str]:
    """Return which of the files that a request changes were no part of the trial, and so wait for a person."""
    if not 0 < len(names) < MOST_FILES:
        return [f"{len(names)} files"]
    prefix = "" if assistant in {"", "."} else f"{assistant}/"
    return sorted(
        name for name in names if not name.startswith(prefix) or not PROMOTED.fullmatch(name.removeprefix(prefix))
    )


def stale(checks: Mapping[str, Any], compared: Mapping[str, Any], now: float) -> str:
    """Return why an evaluation permits no promotion; empty when it does.

    `checks` are GitHub's check runs of the commit, `compared` its comparison with the main branch: a commit that holds
    all of that is the same as what the merge will make.
    """
    if compared.get("behind_by") != 0:
        return "The request does not hold all of the main branch, so the merge was not evaluated: bring it up to date."
    runs = [run for run in checks.get("check_runs", ()) if run.get("name") == "shipmate/eval" and _is_workflow(run)]
    if not runs:
        return "The request's head has no check `shipmate/eval`."
    last = max(runs, key=lambda run: str(run.get("started_at") or ""))
    if last.get("conclusion") != "success":
        return f"The check `shipmate/eval` ended with {last.get('conclusion') or 'nothing yet'}: success alone counts."
    ended = datetime.fromisoformat(str(last.get("completed_at"))).timestamp()
    if not 0 <= now - ended <= FRESH_S:
        return f"The check `shipmate/eval` is {(now - ended) / 3600:.0f} hours old; run it again."
    return ""


def _is_workflow(run: Mapping[str, Any]) -> bool:
    """Return whether a check comes of a workflow: any other app may give one the same name."""
    app = run.get("app")
    return isinstance(app, dict) and app.get("slug") == "github-actions"
