"""Schemathesis over `/openapi.json`: what the doors say of themselves is so, the chat doors included."""

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.integration.house import open_house

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

KEY = "desk-key-0123456789abc"


@pytest.mark.parametrize("locked", [False, True])
def test_no_door_answers_otherwise_than_it_says(
    required: Callable[[bool, str], None], tmp_path: Path, *, locked: bool
) -> None:
    required(find_spec("schemathesis") is not None, "schemathesis")
    with open_house(api_keys={"desk": KEY} if locked else {}) as house:
        address = f"http://127.0.0.1:{house.port}/openapi.json"
        attack(address, tmp_path, "--checks=all", "--exclude-path=/ws")
        # Only a WebSocket is accepted there, which this tool does not speak.
        attack(address, tmp_path, "--checks=not_a_server_error,status_code_conformance", "--include-path=/ws")


def attack(address: str, folder: Path, *options: str) -> None:
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        address,
        "--phases=examples,coverage,fuzzing",
        "--max-examples=60",
        "--seed=1",
        "--no-color",
        "--generation-database=none",
        f"--header=Authorization: Bearer {KEY}",
        *options,
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False, cwd=folder)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
