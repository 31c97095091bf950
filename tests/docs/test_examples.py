"""What the pages tell people to type does what the pages say."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import shipmate
from shipmate.testing.model_server import ModelServer, Stream
from tests.docs.pages import PAGES, ROOT, Example, examples

RUN = {str(page.relative_to(ROOT)): examples(page) for page in PAGES if examples(page)}
MODEL_URL = "http://127.0.0.1:8081/v1"
PORT = "8080"
SAID = Stream(tokens=["Put Markdown, HTML, PDF, Word or text files into the `knowledge` folder [1]."])


def test_the_pages_that_teach_are_run() -> None:
    taught = {str(page.relative_to(ROOT)) for page in PAGES if page.parent.name in {"tutorial", "how-to"}}
    assert set(RUN) == taught


@pytest.mark.parametrize("page", RUN)
async def test_what_the_page_types_prints_what_the_page_shows(
    page: str, tmp_path: Path, required: Callable[[object, str], None]
) -> None:
    if any("curl" in example.script for example in RUN[page]):
        required(shutil.which("curl"), "curl")
    async with ModelServer(SAID) as server:
        replaced = {MODEL_URL: server.url, PORT: str(free_port())}
        await asyncio.to_thread(run_page, RUN[page], replaced, tmp_path)


def run_page(page: list[Example], replaced: dict[str, str], folder: Path) -> None:
    binaries = folder / "bin"
    binaries.mkdir()
    for name, run in (("shipmate", "-m shipmate "), ("python3", "")):
        command = binaries / name
        command.write_text(f'#!/bin/sh\nexec {sys.executable} {run}"$@"\n')
        command.chmod(0o755)
    place = folder / "desk"
    place.mkdir()
    environment = os.environ | {
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(Path(shipmate.__file__).parents[1]),
    }
    for example in page:
        script = example.script
        for shown, real in replaced.items():
            script = script.replace(shown, real)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        for line in example.printed:
            assert line in done.stdout + done.stderr


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
