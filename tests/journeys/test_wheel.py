"""A newcomer's way in: install the wheel into an empty environment, put a document into a folder, ask."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.real
@pytest.mark.timeout(600)
def test_the_wheel_answers_a_question_in_a_clean_environment(tmp_path: Path) -> None:
    run(UV, "build", "--quiet", "--wheel", "--out-dir", tmp_path / "dist", ROOT, cwd=tmp_path)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    run(UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "env", cwd=tmp_path)
    constraints = ROOT / "constraints.txt"
    run(
        UV, "pip", "install", "--quiet", "--python", tmp_path / "env", "-c", constraints, wheel, cwd=tmp_path
    )  # fmt: skip
    (tmp_path / "garden" / "knowledge").mkdir(parents=True)
    (tmp_path / "garden" / "knowledge" / "roses.md").write_text(
        "# Roses\n\nRoses are pruned in March, before the buds open.\n\nThey want six hours of sun a day.\n"
    )
    shipmate = tmp_path / "env" / "bin" / "shipmate"
    answer = json.loads(run(shipmate, "ask", "--json", "When are roses pruned?", tmp_path / "garden", cwd=tmp_path))
    assert answer["kind"] == "answer"
    assert "March" in answer["text"]
    assert answer["citations"][0]["source"] == "roses.md"
