"""What every test may rely on: the header tells which real systems were there, and none of them is optional in CI."""

import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from importlib import metadata, util

import hypothesis
import pytest

# A failure prints the blob that repeats it; CI tries the same examples every time.
hypothesis.settings.register_profile("laptop", print_blob=True, deadline=None)
hypothesis.settings.register_profile("ci", print_blob=True, deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "laptop")

CHROMIUM = shutil.which("chromium")


def _chromium() -> str:
    if CHROMIUM is None:
        return "absent"
    shown = subprocess.run([CHROMIUM, "--version", "--no-sandbox"], capture_output=True, text=True, check=False)
    return shown.stdout.split("built")[0].removeprefix("Chromium").strip()


def _package(name: str) -> str:
    return metadata.version(name) if util.find_spec(name) else "absent"


def pytest_configure() -> None:
    """Let Ctrl-C reach the commands under test also where the tests run in the background, which ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    """Tell what is real in this run."""
    return " · ".join(
        (
            f"real: sqlite {sqlite3.sqlite_version}",
            f"tantivy {_package('tantivy')}",
            f"chromium {_chromium()}",
            f"llama.cpp (xllamacpp) {_package('xllamacpp')}",
            f"openai client {_package('openai')}",
            f"schemathesis {_package('schemathesis')}",
            f"npm {'there' if shutil.which('npm') else 'absent'}",
        )
    )


@pytest.fixture(scope="session")
def required() -> Callable[[object, str], None]:
    """Skip where a real system is missing on a laptop; fail in CI."""

    def require(present: object, what: str) -> None:
        if present:
            return
        if os.environ.get("CI"):
            pytest.fail(f"{what} is missing, and CI must have it")
        pytest.skip(f"{what} is not installed: `make test-real` installs it")

    return require
