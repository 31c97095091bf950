"""The Action and the workflows, carried out step by step in a fresh repository with a real assistant."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

import shipmate
from shipmate.evals.annotations import MOST, Remark, annotations, stale
from shipmate.release.canary.decision import Verdict
from shipmate.release.canary.verdict import Ruling, prompt_digest, sealed
from shipmate.signing import open_signer

ROOT = Path(__file__).parents[2]
EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")
REQUEST, HEAD = "7", "0123abcd"
PROMPT = b"Answer in two sentences.\n"


class Runner:
    """Runs steps as a runner does: bash, the step's own environment, files for outputs and summary; stops at a failure."""

    def __init__(self, repository: Path, expressions: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self.expressions = dict(expressions)
        self.ran: list[str] = []
        self.printed = ""
        self._repository = repository
        self._temp = repository.parent / "temp"
        self._temp.mkdir()
        self.summary = self._temp / "summary.md"
        commands = self._temp / "bin"
        commands.mkdir()
        self.command("shipmate", f'exec {sys.executable} -m shipmate "$@"')
        self._environment = os.environ | {
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(Path(shipmate.__file__).parents[1]),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_REPOSITORY": "example/desk",
            "RUNNER_TEMP": str(self._temp),
            **environment,
        }

    def command(self, name: str, script: str) -> None:
        """Put a command on the path."""
        path = self._temp / "bin" / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    def run(self, steps: list[dict[str, Any]]) -> int:
        """Run the steps that run something; what installs Shipmate has nothing to do here. Return the last code."""
        for step in steps:
            if "run" not in step or step["name"] == "Install Shipmate":
                continue
            assert "${{" not in step["run"], "an expression in a script is a hole"
            code = self._step(step)
            self.ran.append(step["name"])
            if code:
                return code
        return 0

    def _step(self, step: dict[str, Any]) -> int:
        outputs = self._temp / "outputs"
        outputs.write_text("")
        own = {name: self._filled(value) for name, value in step.get("env", {}).items()}
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self._repository,
            env=self._environment | own | {"GITHUB_OUTPUT": str(outputs)},
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        self.printed += ran.stdout + ran.stderr
        for line in outputs.read_text().splitlines():
            name, _, value = line.partition("=")
            self.expressions[f"steps.{step.get('id', '')}.outputs.{name}"] = value
        return ran.returncode

    def _filled(self, value: str) -> str:
        return EXPRESSION.sub(lambda found: self.expressions[found[1]], str(value))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a repository with a new assistant, its baseline and its workflows."""
    folder = tmp_path_factory.mktemp("first") / "repository"
    folder.mkdir()
    for words in (
        ["init", "bot"],
        ["ingest", "bot"],
        ["eval", "baseline", "bot"],
        ["ci", "github", "bot"],
        ["ci", "gitlab", "bot"],
    ):
        run_shipmate(folder, *words)
    for line in ("init -q", "add .", "-c user.name=a -c user.email=a@example.com commit -qm Begin"):
        subprocess.run(["git", *line.split()], cwd=folder, check=True)
    return folder


@pytest.fixture
def repository(first: Path, tmp_path: Path) -> Path:
    """Return a fresh copy of it."""
    return Path(shutil.copytree(first, tmp_path / "repository"))


def run_shipmate(folder: Path, *words: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(shipmate.__file__).parents[1])}
    subprocess.run(
        [sys.executable, "-m", "shipmate", *words], cwd=folder, env=environment, check=True, capture_output=True
    )


def unchanged(bot: Path) -> None:
    """Leave everything as it is."""
    assert bot.is_dir()


def answering_what_must_be_refused(bot: Path) -> None:
    """Let a document answer what a critical case wants to be refused."""
    (bot / "knowledge" / "tower.md").write_text("# Eiffel Tower\n\nThe Eiffel Tower is 330 metres high.\n")
    run_shipmate(bot.parent, "ingest", "bot")


def with_fewer_examples(bot: Path) -> None:
    """Take from one intent the examples that its cases are read by."""
    charter = (bot / "charter.yml").read_text()
    for example in ("what has changed?", "what is new since last month"):
        charter = charter.replace(f"      - {example}\n", "")
    (bot / "charter.yml").write_text(charter)


ENDS = pytest.mark.parametrize(
    ("change", "code", "verdict"),
    [(unchanged, 0, "PASS"), (answering_what_must_be_refused, 8, "BLOCK"), (with_fewer_examples, 9, "HOLD")],
    ids=["pass", "block", "hold"],
)


def workflow(repository: Path, name: str) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load((repository / ".github" / "workflows" / name).read_text())
    return found


@ENDS
def test_the_action_ends_as_the_gate_does_and_hold_is_a_failure(
    repository: Path, change: Any, code: int, verdict: str
) -> None:
    change(repository / "bot")
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    inputs = {f"inputs.{name}": str(about["default"]) for name, about in action["inputs"].items()}
    runner = Runner(repository, inputs | {"inputs.assistant": "bot", "github.action_path": str(ROOT)}, {})
    assert runner.run(action["runs"]["steps"]) == code
    assert runner.ran == ["Run the gate", "Show the report", "Decide"]
    assert verdict in runner.summary.read_text()
    assert ("::error" in runner.printed) is (code != 0)
    assert {path.name for path in (repository / "shipmate-report").iterdir()} == {
        "report.md",
        "report.json",
        "junit.xml",
    }


@ENDS
def test_the_workflow_for_changes_ends_as_the_gate_does(repository: Path, change: Any, code: int, verdict: str) -> None:
    change(repository / "bot")
    made = workflow(repository, "shipmate-eval.yml")
    runner = Runner(repository, {}, made["env"])
    assert runner.run(made["jobs"]["eval"]["steps"]) == code
    assert verdict in runner.summary.read_text()


@ENDS
def test_the_job_for_gitlab_ends_as_the_gate_does(repository: Path, change: Any, code: int, verdict: str) -> None:
    change(repository / "bot")
    jobs = yaml.safe_load((repository / ".gitlab" / "shipmate.yml").read_text())
    assert "allow_failure" not in jobs["shipmate-eval"]
    runner = Runner(repository, {}, jobs[".shipmate"]["variables"])
    steps = [{"name": "script", "run": line} for line in jobs["shipmate-eval"]["script"]]
    assert runner.run(steps) == code
    assert verdict in runner.printed


def test_changes_from_elsewhere_see_no_key_and_nothing_may_do_more_than_it_needs(repository: Path) -> None:
    made = workflow(repository, "shipmate-eval.yml")
    triggers = made[True]
    assert set(triggers) == {"pull_request", "push"}
    assert made["permissions"] == {}
    assert "secrets." not in json.dumps(made["jobs"]["eval"])
    keyed = made["jobs"]["keyed"]["if"]
    assert "format('keyed:{0}', github.event.pull_request.head.sha)" in keyed
    assert "head.repo.full_name == github.repository" in keyed
    promote = workflow(repository, "shipmate-promote.yml")
    assert promote["concurrency"] == {"group": "canary-bot", "cancel-in-progress": False}


def ruling(verdict: Verdict, prompt: bytes) -> Ruling:
    return Ruling(
        run="r1",
        verdict=verdict,
        ended=True,
        at=1.0,
        evidence="live",
        control="control",
        candidate="v2",
        release="3f47a4969920",
        control_release="",
        change="c",
        prompt=prompt_digest(prompt),
        gate="g",
        reasons=(),
        figures=(),
    )


GH = """
case "$*" in
  *pulls/7*) echo 0123abcd ;;
  *verdict.json*) cat "$REQUEST_FILES/verdict.json" ;;
  *answer.md*) cat "$REQUEST_FILES/answer.md" ;;
  *check-runs*) cat "$REQUEST_FILES/checks.json" ;;
  *compare*) cat "$REQUEST_FILES/compare.json" ;;
  "pr merge"*) echo "$*" > "$REQUEST_FILES/merged" ;;
  *) echo "gh: what is $*?" >&2; exit 1 ;;
esac
"""


def check(hours: float = 1.0, conclusion: str = "success") -> dict[str, Any]:
    ended = datetime.fromtimestamp(datetime.now(UTC).timestamp() - hours * 3600, UTC).isoformat()
    return {"name": "shipmate/eval", "conclusion": conclusion, "started_at": ended, "completed_at": ended}


@pytest.mark.parametrize(
    ("verdict", "prompt", "checks", "behind", "code", "stops_at"),
    [
        (Verdict.PROMOTE, PROMPT, [check()], 0, 0, "Merge"),
        (Verdict.HOLD, PROMPT, [check()], 0, 9, "Verify the verdict"),
        (Verdict.ROLLBACK, PROMPT, [check()], 0, 8, "Verify the verdict"),
        (Verdict.PROMOTE, b"Another prompt.\n", [check()], 0, 8, "Verify the verdict"),
        (Verdict.PROMOTE, PROMPT, [check(hours=25)], 0, 8, "Verify the evaluation"),
        (Verdict.PROMOTE, PROMPT, [check(conclusion="neutral")], 0, 8, "Verify the evaluation"),
        (Verdict.PROMOTE, PROMPT, [check(2), check(1, "failure")], 0, 8, "Verify the evaluation"),
        (Verdict.PROMOTE, PROMPT, [], 0, 8, "Verify the evaluation"),
        (Verdict.PROMOTE, PROMPT, [check()], 3, 8, "Verify the evaluation"),
    ],
    ids=["promote", "hold", "rollback", "other prompt", "old", "neutral", "failed last", "no check", "behind"],
)
def test_a_promotion_is_merged_after_a_signed_promote_on_this_prompt_and_a_fresh_evaluation(
    repository: Path, *, verdict: Verdict, prompt: bytes, checks: list[Any], behind: int, code: int, stops_at: str
) -> None:
    files = repository.parent / "request"
    files.mkdir()
    made = workflow(repository, "shipmate-promote.yml")
    expressions = {"github.token": "t", "inputs.request": REQUEST}
    runner = Runner(repository, expressions, made["env"] | {"REQUEST_FILES": str(files)})
    runner.command("gh", GH)
    state = repository / "bot" / ".shipmate"
    (files / "verdict.json").write_bytes(sealed(ruling(verdict, PROMPT), open_signer(state)))
    (files / "answer.md").write_bytes(prompt)
    (files / "checks.json").write_text(json.dumps({"check_runs": checks}))
    (files / "compare.json").write_text(json.dumps({"behind_by": behind}))
    assert runner.run(made["jobs"]["promote"]["steps"]) == code, runner.printed
    assert runner.ran[-1] == stops_at
    assert (files / "merged").exists() is (code == 0)
    if code == 0:
        assert f"--match-head-commit {HEAD}" in (files / "merged").read_text()


def test_a_tampered_verdict_merges_nothing(repository: Path) -> None:
    files = repository.parent / "request"
    files.mkdir()
    made = workflow(repository, "shipmate-promote.yml")
    runner = Runner(
        repository,
        {"github.token": "t", "inputs.request": REQUEST},
        made["env"] | {"REQUEST_FILES": str(files)},
    )
    runner.command("gh", GH)
    content = sealed(ruling(Verdict.HOLD, PROMPT), open_signer(repository / "bot" / ".shipmate"))
    (files / "verdict.json").write_bytes(content.replace(b"HOLD", b"PROMOTE"))
    for name in ("answer.md", "checks.json", "compare.json"):
        (files / name).write_bytes(PROMPT)
    assert runner.run(made["jobs"]["promote"]["steps"]) == 6
    assert not (files / "merged").exists()


def test_a_request_that_is_no_number_is_refused(repository: Path) -> None:
    made = workflow(repository, "shipmate-promote.yml")
    runner = Runner(repository, {"github.token": "t", "inputs.request": "7/../../x"}, made["env"])
    runner.command("gh", "touch called; exit 1")
    assert runner.run(made["jobs"]["promote"]["steps"]) == 1
    assert not (repository / "called").exists()


def test_no_more_is_shown_than_github_shows() -> None:
    remarks = [Remark(case=f"c{number}", reason="a\n::error::b", is_error=number < 25) for number in range(50)]
    lines = list(annotations(remarks))
    assert [sum(line.startswith(f"::{kind}") for line in lines) for kind in ("error", "warning")] == [MOST, MOST]
    assert all("\n" not in line for line in lines)
    assert lines[MOST - 1] == "::error::and 16 more: see the report"


def test_a_remark_stands_beside_its_case() -> None:
    [line] = annotations([Remark(case="a", reason="b", is_error=True, place="bot/evals/core.yml:12")])
    assert line == "::error file=bot/evals/core.yml,line=12::a: b"


def test_an_evaluation_of_the_future_counts_for_nothing() -> None:
    ended = datetime(2026, 12, 1, tzinfo=UTC)
    runs = {"check_runs": [{"name": "shipmate/eval", "conclusion": "success", "completed_at": ended.isoformat()}]}
    assert stale(runs, {"behind_by": 0}, ended.timestamp() + 60) == ""
    assert "hours old" in stale(runs, {"behind_by": 0}, ended.timestamp() - 60)
