"""`shipmate` as people run it: a process of its own, in a pipe or on a terminal."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Self

import shipmate as package

COMMAND = (sys.executable, "-m", "shipmate")
PATIENCE_S = 50
ROSES = "# Roses\n\nRoses are pruned in March, before the buds open.\n\nThey want six hours of sun a day.\n"
STYLES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment, without what would change a terminal's look."""
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "FORCE_COLOR"}}
    source = str(Path(package.__file__).parents[1])
    return kept | {"PYTHONPATH": source, "TERM": "xterm-256color", "OMP_NUM_THREADS": "1"} | more


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str


def shipmate(*words: str | Path, cwd: Path | None = None, before: Sequence[str] = (), stdin: str = "") -> Ended:
    """Run a command to its end, its output in pipes; `before` is a command that runs it."""
    done = subprocess.run(
        [*before, *COMMAND, *words],
        cwd=cwd,
        env=environment(),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@contextmanager
def begun(*words: str | Path, before: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
    """Start a command; it is killed at the end of the block when it still runs."""
    with subprocess.Popen(
        [*before, *COMMAND, *words],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


class Terminal:
    """A command on a terminal of 60 columns: `screen` is what it has shown so far."""

    def __init__(self, *words: str | Path, **more: str) -> None:
        self.screen = ""
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
        self.process = subprocess.Popen(
            [*COMMAND, *words],
            env=environment(**more),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        os.close(self._ours)

    @property
    def text(self) -> str:
        """What it shows, without the styles."""
        return STYLES.sub("", self.screen).replace("\r\n", "\n")

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def wait_for(self, text: str, *, times: int = 1) -> None:
        """Wait until a text was shown so often."""
        self._wait_until(lambda: self.text.count(text) >= times, text)

    def wait_for_prompt(self) -> None:
        """Wait until it reads keys: a Ctrl-D that comes before is an end of file to the terminal, which nobody reads."""
        self._wait_until(lambda: self.text.endswith("\n> "), "> ")

    def _wait_until(self, is_shown: Callable[[], bool], text: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not is_shown():
            assert time.monotonic() < deadline, f"{text!r} does not come: {self.text!r}"
            assert self._reader.is_alive() or is_shown(), f"{text!r} did not come: {self.text!r}"
            time.sleep(0.02)

    def ended(self) -> int:
        """Wait for the end; return the exit code."""
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def _read(self) -> None:
        shown = b""
        while True:
            try:
                read = os.read(self._ours, 65536)
            except OSError:
                return
            if not read:
                return
            shown += read
            self.screen = shown.decode("utf-8", "replace")


def make_garden(folder: Path, documents: Mapping[str, str] | None = None) -> Path:
    """Make an assistant with nothing but documents."""
    for name, text in (documents or {"roses.md": ROSES}).items():
        path = folder / "knowledge" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
