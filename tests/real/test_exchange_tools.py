"""The real promptfoo and the real inspect_ai read what is exported, and score it as it was meant."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shipmate.evals.cases import AnswerCase, AnswerExpect, Case, Check, RetrievalCase, RetrievalExpect
from shipmate.evals.exchange import inspect_ai, promptfoo
from shipmate.evals.exchange.asserts import TYPES

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
PROMPTFOO = Path(sys.prefix) / "npm" / "node_modules" / ".bin" / "promptfoo"
INSPECT = Path(sys.prefix) / "tools" / "bin" / "inspect"
# Echoes what is asked, so that each of these passes or fails by its own words.
CASES: tuple[Case, ...] = (
    AnswerCase(
        id="passes",
        input="The desk opens at six.",
        intent="hours",
        checks=(
            Check(scorer="contains", value="six"),
            Check(scorer="icontains_any", value=["DESK", "door"]),
            Check(scorer="contains", value="seven", negate=True),
            Check(
                scorer="set", checks=(Check(scorer="regex", value="o.ens"), Check(scorer="latency_p95_s", value=60.0))
            ),
        ),
    ),
    AnswerCase(id="fails", input="The desk opens at six.", expect=AnswerExpect(contains="seven")),
    RetrievalCase(id="other", input="Where?", expect=RetrievalExpect(docs=("a.md",))),
)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    quiet = {
        "PROMPTFOO_DISABLE_TELEMETRY": "1",
        "PROMPTFOO_DISABLE_UPDATE": "1",
        "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
        "PROMPTFOO_CONFIG_DIR": str(folder / "home"),
        "INSPECT_LOG_DIR": str(folder / "logs"),
    }
    return subprocess.run(command, cwd=folder, env=os.environ | quiet, capture_output=True, text=True, check=False)


def exported(form: Callable[[tuple[Case, ...]], object], folder: Path) -> None:
    for name, text in form(CASES).files.items():  # type: ignore[attr-defined]
        (folder / name).write_text(text)


def test_promptfoo_runs_what_is_exported(tmp_path: Path, required: Callable[[object, str], None]) -> None:
    required(PROMPTFOO.exists(), "promptfoo")
    exported(promptfoo.write, tmp_path)
    valid = run([str(PROMPTFOO), "validate", "-c", promptfoo.FILE], tmp_path)
    assert valid.returncode == 0, valid.stdout + valid.stderr
    ran = run([str(PROMPTFOO), "eval", "-c", promptfoo.FILE, "-o", "out.json", "--no-cache", "--no-table"], tmp_path)
    assert (tmp_path / "out.json").exists(), ran.stdout + ran.stderr
    results = json.loads((tmp_path / "out.json").read_text())["results"]["results"]
    by_id = {result["testCase"]["metadata"]["shipmate"]["id"]: result["success"] for result in results}
    assert by_id == {"passes": True, "fails": False, "other": True}


def test_promptfoo_knows_every_assertion_that_is_mapped(required: Callable[[object, str], None]) -> None:
    required(PROMPTFOO.exists(), "promptfoo")
    code = "".join(path.read_text(errors="ignore") for path in PROMPTFOO.resolve().parents[1].rglob("*.js"))
    assert {name for name in TYPES if f'"{name}"' not in code} == set()


def test_inspect_runs_what_is_exported(tmp_path: Path, required: Callable[[object, str], None]) -> None:
    required(INSPECT.exists(), "inspect_ai")
    exported(inspect_ai.write, tmp_path)
    ran = run(
        [str(INSPECT), "eval", "task.py", "--model", "mockllm/model", "--log-format", "json", "--display", "none"],
        tmp_path,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    [log] = (tmp_path / "logs").glob("*.json")
    samples = json.loads(log.read_text())["samples"]
    by_id = {sample["id"]: sample for sample in samples}
    assert set(by_id) == {case.id for case in CASES}
    assert by_id["passes"]["metadata"]["intent"] == "hours"
    assert by_id["fails"]["target"] == "seven"
