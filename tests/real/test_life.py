"""A change lives as it should: gated, compared, piloted, promoted by its trial, and a harmful one taken back."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.life import HARM_BOUND_S

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.real, pytest.mark.timeout(1500)]


def test_a_change_lives_through_the_real_server_and_the_commands_that_people_use(
    tmp_path: Path,
) -> None:
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.life", "--transcript", str(tmp_path / "life.txt"), "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1400, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    figures = json.loads(done.stdout)
    assert figures["is_promoted"]
    assert figures["harm_noticed_s"] <= HARM_BOUND_S
    assert figures["rollback_s"] <= 5
    told = (tmp_path / "life.txt").read_text(encoding="utf-8")
    assert "PROMOTE of fuller" in told
    assert "ROLLBACK of boasting" in told or "ROLLBACK" in told.partition("# A harmful one")[2]
