"""Which formats there are, and which of them a file is in."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from shipmate.errors import UsageError
from shipmate.evals.cases import Case
from shipmate.evals.exchange import datasets, inspect_ai, promptfoo
from shipmate.evals.exchange.records import Exported, Imported, case_fields
from shipmate.evals.exchange.rows import rows

__all__ = ["READERS", "WRITERS", "as_lines", "detected"]

READERS: dict[str, Callable[[Path], Imported]] = {
    "promptfoo": promptfoo.read,
    "inspect": inspect_ai.read,
    "openai": datasets.openai_evals,
    "ragas": datasets.ragas,
    "deepeval": datasets.deepeval,
    "tau2": datasets.tau2,
}
WRITERS: dict[str, Callable[[Sequence[Case]], Exported]] = {"promptfoo": promptfoo.write, "inspect": inspect_ai.write}
# By which keys of a test its format is known; the first that fits counts.
SIGNS = (
    ("tau2", {"user_scenario"}),
    ("ragas", {"user_input"}),
    ("openai", {"ideal"}),
    ("deepeval", {"expected_output"}),
    ("promptfoo", {"vars"}),
    ("promptfoo", {"assert"}),
    ("inspect", {"input", "target"}),
    ("inspect", {"input", "choices"}),
)


def detected(path: Path) -> str:
    """Return the format of a file, by its first test; raise `UsageError` where that does not tell."""
    found = rows(path)
    first: Any = found[0].data if found else None
    keys = set(first) if isinstance(first, dict) else set()
    if any(str(key).startswith("__expected") for key in keys):
        return "promptfoo"
    for name, signs in SIGNS:
        if signs <= keys:
            return name
    raise UsageError(
        f"{path.name} does not show which tool's it is.", do=f"Say it: `--from` with one of {', '.join(READERS)}."
    )


def as_lines(cases: Sequence[Case]) -> str:
    """Return cases as the JSON lines of a file in evals/."""
    return "".join(msgspec.json.encode(case_fields(case)).decode() + "\n" for case in cases)
