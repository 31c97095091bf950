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
from shipmate.release.canary.verdict import Ruling, change_digest, prompt_digest, sealed
from shipmate.signing import open_signer

ROOT = Path(__file__).parents[2]
EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")
REQUEST, HEAD = "7", "0123abcd" * 5
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


def ruling(verdict: Verdict, prompt: bytes, days: float = 1.0) -> Ruling:
    return Ruling(
        run="r1",
        verdict=verdict,
        ended=True,
        at=datetime.now(UTC).timestamp() - days * 86_400,
        evidence="live",
        control="control",
        candidate="v2",
        release="3f47a4969920",
        control_release="",
        change=change_digest({"prompts/answer.md": prompt_digest(prompt)}),
        prompt=prompt_digest(prompt),
        gate="g",
        reasons=(),
        figures=(),
    )


GH = """
case "$*" in
  *pulls/7*) cat "$REQUEST_FILES/head" ;;
  *verdict.json*) cat "$REQUEST_FILES/verdict.json" ;;
  *answer.md*) cat "$REQUEST_FILES/answer.md" ;;
  *check-runs*) cat "$REQUEST_FILES/checks.json" ;;
  *compare*--jq*) cat "$REQUEST_FILES/names.txt" ;;
  *compare*) cat "$REQUEST_FILES/compare.json" ;;
  "pr merge"*) echo "$*" > "$REQUEST_FILES/merged" ;;
  *) echo "gh: what is $*?" >&2; exit 1 ;;
esac
"""


NAMES = ("bot/canary.yml", "bot/prompts/answer.md", "bot/promotions/verdict.json")


def check(hours: float = 1.0, conclusion: str = "success", app: str = "github-actions") -> dict[str, Any]:
    ended = datetime.fromtimestamp(datetime.now(UTC).timestamp() - hours * 3600, UTC).isoformat()
    times = {"started_at": ended, "completed_at": ended}
    return {"name": "shipmate/eval", "conclusion": conclusion, "app": {"slug": app}, **times}


def requested(repository: Path, **other: Any) -> tuple[Runner, Path]:
    """Return a runner of the promotion, and the files of a request that GitHub would give it."""
    files = repository.parent / "request"
    files.mkdir()
    environment = workflow(repository, "shipmate-promote.yml")["env"] | {"REQUEST_FILES": str(files)}
    runner = Runner(repository, {"github.token": "t", "inputs.request": REQUEST}, environment)
    runner.command("gh", GH)
    shutil.rmtree(repository / "bot" / ".shipmate")
    signer = open_signer(repository.parent)
    (repository / "bot" / "trusted_keys").write_text(f"{signer.public} production\n")
    told: dict[str, Any] = {"verdict": ruling(Verdict.PROMOTE, PROMPT), "prompt": PROMPT, "checks": [check()]}
    told |= {"behind": 0, "names": NAMES, "head": HEAD, **other}
    (files / "verdict.json").write_bytes(sealed(told["verdict"], signer))
    (files / "answer.md").write_bytes(told["prompt"])
    (files / "checks.json").write_text(json.dumps({"check_runs": told["checks"]}))
    (files / "compare.json").write_text(json.dumps({"behind_by": told["behind"]}))
    (files / "names.txt").write_text("\n".join(told["names"]))
    (files / "head").write_text(told["head"])
    return runner, files


@pytest.mark.parametrize(
    ("told", "code", "stops_at"),
    [
        ({}, 0, "Merge"),
        ({"verdict": ruling(Verdict.HOLD, PROMPT)}, 9, "Verify the verdict"),
        ({"verdict": ruling(Verdict.ROLLBACK, PROMPT)}, 8, "Verify the verdict"),
        ({"verdict": ruling(Verdict.PROMOTE, PROMPT, days=8)}, 8, "Verify the verdict"),
        ({"prompt": b"Another prompt.\n"}, 8, "Verify the verdict"),
        ({"names": [*NAMES, "bot/stack.yml"]}, 8, "Verify that nothing else is merged"),
        ({"names": [*NAMES, ".github/workflows/shipmate-eval.yml"]}, 8, "Verify that nothing else is merged"),
        ({"names": [*NAMES, "bot/trusted_keys"]}, 8, "Verify that nothing else is merged"),
        ({"names": [*NAMES, "bot/evals/questions.yml"]}, 8, "Verify that nothing else is merged"),
        ({"names": [*NAMES, "bot/prompts/../stack.yml"]}, 8, "Verify that nothing else is merged"),
        ({"names": []}, 8, "Verify that nothing else is merged"),
        ({"names": [f"bot/prompts/{number}.md" for number in range(300)]}, 8, "Verify that nothing else is merged"),
        ({"checks": [check(hours=25)]}, 8, "Verify the evaluation"),
        ({"checks": [check(conclusion="neutral")]}, 8, "Verify the evaluation"),
        ({"checks": [check(2), check(1, "failure")]}, 8, "Verify the evaluation"),
        ({"checks": [check(app="another-app")]}, 8, "Verify the evaluation"),
        ({"checks": []}, 8, "Verify the evaluation"),
        ({"behind": 3}, 8, "Verify the evaluation"),
        ({"head": ""}, 1, "Fetch what is to be promoted"),
    ],
    ids=(
        "promote,hold,rollback,old verdict,other prompt,stack,workflow,keys,cases,way out,nothing,too many,old,neutral,"
        "failed last,other app,no check,behind,closed or elsewhere"
    ).split(","),
)
def test_a_promotion_is_merged_after_a_signed_promote_on_this_prompt_alone_and_a_fresh_evaluation(
    repository: Path, told: dict[str, Any], code: int, stops_at: str
) -> None:
    runner, files = requested(repository, **told)
    made = workflow(repository, "shipmate-promote.yml")
    assert runner.run(made["jobs"]["promote"]["steps"]) == code, runner.printed
    assert (runner.ran or [stops_at])[-1] == stops_at
    assert (files / "merged").exists() is (code == 0)
    if code == 0:
        assert f"--match-head-commit {HEAD}" in (files / "merged").read_text()


def test_a_tampered_verdict_merges_nothing(repository: Path) -> None:
    runner, files = requested(repository, verdict=ruling(Verdict.HOLD, PROMPT))
    content = (files / "verdict.json").read_bytes()
    (files / "verdict.json").write_bytes(content.replace(b"HOLD", b"PROMOTE"))
    assert runner.run(workflow(repository, "shipmate-promote.yml")["jobs"]["promote"]["steps"]) == 6
    assert not (files / "merged").exists()


def test_a_strangers_verdict_merges_nothing(repository: Path) -> None:
    runner, files = requested(repository)
    (repository / "bot" / "trusted_keys").unlink()
    assert runner.run(workflow(repository, "shipmate-promote.yml")["jobs"]["promote"]["steps"]) == 2
    assert "is not trusted here" in runner.printed
    assert not (files / "merged").exists()


def test_a_promotion_is_started_on_the_main_branch_alone(repository: Path) -> None:
    made = workflow(repository, "shipmate-promote.yml")["jobs"]["promote"]
    assert made["if"] == "github.ref == 'refs/heads/main'"
    assert made["steps"][0]["with"]["ref"] == "main"


CURL = """
case "$*" in
  *"--request PUT"*) echo "$*" > "$REQUEST_FILES/merged" ;;
  *) echo '{"target_branch": "'"${TARGET:-main}"'"}' ;;
esac
"""


def git(folder: Path, *words: str) -> str:
    own = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
    ran = subprocess.run(["git", *own, *words], cwd=folder, check=True, capture_output=True, text=True)
    return ran.stdout.strip()


def asked_of_gitlab(repository: Path, **changes: str) -> tuple[Runner, Path, str]:
    """Return a runner of the default branch's pipeline, where what it merges would be told, and the request's head."""
    files = repository.parent / "request"
    files.mkdir()
    signer = open_signer(repository.parent)
    (repository / "bot" / "trusted_keys").write_text(f"{signer.public} production\n")
    git(repository, "checkout", "-qB", "main")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "Trust production")
    base = git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "-qb", "request")
    told = {"prompts/answer.md": PROMPT.decode()}
    told["promotions/verdict.json"] = sealed(ruling(Verdict.PROMOTE, PROMPT), signer).decode()
    for name, text in (told | changes).items():
        (repository / "bot" / name).parent.mkdir(exist_ok=True)
        (repository / "bot" / name).write_text(text)
    git(repository, "add", "bot")
    git(repository, "commit", "-qm", "Promote")
    git(repository.parent, "clone", "-q", "--bare", "repository", "origin.git")
    head = git(repository, "rev-parse", "HEAD")
    git(repository.parent / "origin.git", "update-ref", "refs/merge-requests/7/head", head)
    git(repository, "checkout", "-q", "main")
    git(repository, "remote", "add", "origin", str(repository.parent / "origin.git"))
    environment = {"ASSISTANT": "bot", "REQUEST": REQUEST, "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_SHA": base}
    environment |= {"CI_API_V4_URL": "https://example.com/api/v4", "CI_PROJECT_ID": "1", "SHIPMATE_MERGE_TOKEN": "t"}
    runner = Runner(repository, {}, environment | {"REQUEST_FILES": str(files)})
    runner.command("curl", CURL)
    return runner, files / "merged", head


def promoted_by_gitlab(repository: Path, runner: Runner) -> int:
    jobs = yaml.safe_load((repository / ".gitlab" / "shipmate.yml").read_text())
    return runner.run([{"name": "script", "run": "\n".join(jobs["shipmate-promote"]["script"])}])


def test_gitlab_merges_a_signed_promote_of_a_request_that_passes(repository: Path) -> None:
    runner, merged, head = asked_of_gitlab(repository)
    assert promoted_by_gitlab(repository, runner) == 0, runner.printed
    assert f"merge_requests/7/merge?sha={head}" in merged.read_text()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"stack.yml": "version: 1\nmodel: {adapter: openai_compatible, base_url: 'http://evil.example'}\n"}, 8),
        ({"trusted_keys": "ed25519:" + "0" * 64 + " a stranger\n"}, 8),
        ({"prompts/answer.md": "Another prompt.\n"}, 8),
        ({"promotions/verdict.json": "{}"}, 6),
    ],
    ids=["stack", "keys", "other prompt", "no verdict"],
)
def test_gitlab_merges_nothing_else(repository: Path, changes: dict[str, str], code: int) -> None:
    runner, merged, _ = asked_of_gitlab(repository, **changes)
    assert promoted_by_gitlab(repository, runner) == code, runner.printed
    assert not merged.exists()


def test_the_token_that_merges_is_seen_by_no_pipeline_of_a_request(repository: Path) -> None:
    jobs = yaml.safe_load((repository / ".gitlab" / "shipmate.yml").read_text())
    [rule] = jobs["shipmate-promote"]["rules"]
    assert "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" in rule["if"]
    assert "allow_failure" not in json.dumps(jobs)
    assert "TOKEN" not in json.dumps(jobs["shipmate-eval"])


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
    run = check() | {"completed_at": ended.isoformat()}
    runs = {"check_runs": [run]}
    assert stale(runs, {"behind_by": 0}, ended.timestamp() + 60) == ""
    assert "hours old" in stale(runs, {"behind_by": 0}, ended.timestamp() - 60)
