"""Measure how long it takes to build a release, and to take one back while people ask.

    python -m benchmarks.release [--clients N] [--rounds N] [--json]

The demo assistant is copied to a new folder and ingested. A release is built of it and another one of its changed FAQ.
Then a server answers clients who ask without pause, while one release is taken back for the other, round after round.

build_s           seconds of the command `shipmate build`, with its start; build_cpu_s: of these, CPU seconds
rollback_s_max    seconds from the call that takes a release back until the last reply of that release has come, over
rollback_s_p50    all clients and rounds
requests          questions that were asked meanwhile; failed: those that got no whole answer, or none of either release
"""

import argparse
import http.client
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import shipmate
from benchmarks.answer_measures import percentile
from shipmate import bootstrap
from shipmate.live import read_live
from shipmate.shipping.build import build
from shipmate.shipping.switch import promote, rollback

__all__ = ["Load", "main", "measure", "served"]

DEMO = Path(__file__).parent.parent
QUESTIONS = ("How do I add documents?", "How do I back up?", "Which colour has the gate?", "What is a charter?")
UNLIMITED = "\nserver:\n  port: 0\n  limits: {turns_per_minute: 100000, burst: 100000}\n"
READY = re.compile(r"http://127\.0\.0\.1:(\d+)")
PATIENCE_S = 10.0
# How long clients ask before a release is taken back, and after.
PAUSE_S = 0.5


@dataclass
class Load:
    """Clients who ask without pause; each reply with the time at which it had come, and by which release."""

    port: int
    clients: int
    replies: list[tuple[float, str]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Begin to ask."""
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End when the last replies have come."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def last_of(self, release: str) -> float:
        """Return when the last reply of a release had come; 0 for one that has not replied."""
        return max((at for at, by in self.replies if by == release), default=0.0)

    def _ask(self, number: int) -> None:
        while not self._stopping.is_set():
            number += 1
            try:
                reply = _reply(self.port, QUESTIONS[number % len(QUESTIONS)])
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                self.failed.append(repr(error))
            else:
                self.replies.append((time.perf_counter(), reply["release"]))


def _reply(port: int, question: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        head = {"Content-Type": "application/json", "Accept": "application/json"}
        connection.request("POST", "/chat", json.dumps({"message": question}), head)
        response = connection.getresponse()
        content = response.read()
        if response.status != http.HTTPStatus.OK:
            raise ValueError(f"{response.status}: {content[:200]!r}")
        reply: dict[str, Any] = json.loads(content)
        if reply["kind"] == "fallback" or not reply["text"]:
            raise ValueError(f"no answer: {content[:200]!r}")
        return reply
    finally:
        connection.close()


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """Serve an assistant in a process of its own; yield its port."""
    command = [sys.executable, "-m", "shipmate", "serve", str(folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment()) as process:
        try:
            assert process.stdout
            lines: list[str] = []
            while not (found := READY.search(lines[-1] if lines else "")):
                lines.append(process.stdout.readline())
                if not lines[-1]:
                    raise RuntimeError(f"the server did not start: {''.join(lines)}")
            yield int(found[1])
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def measure(*, clients: int = 4, rounds: int = 10) -> dict[str, float]:
    """Return the figures."""
    with TemporaryDirectory(prefix="shipmate-benchmark-") as name:
        folder = _demo(Path(name))
        build_s, build_cpu_s = _timed_build(folder)
        project = bootstrap.load(folder)
        first = build(project).release
        faq = folder / "faq.yml"
        faq.write_text(f"{faq.read_text()}\n  - {{question: Which colour has the gate?, answer: The gate is green.}}\n")
        second = build(bootstrap.load(folder)).release
        promote(project, first)
        promote(project, second)
        took: list[float] = []
        with served(folder) as port, Load(port, clients) as load:
            for _ in range(rounds):
                time.sleep(PAUSE_S)
                leaving, begun = read_live(project.state).release, time.perf_counter()
                rollback(project)
                time.sleep(PAUSE_S + 1.0)
                took.append(max(load.last_of(leaving) - begun, 0.0))
        strange = [by for _, by in load.replies if by not in {first, second}]
        return {
            "build_s": round(build_s, 3),
            "build_cpu_s": round(build_cpu_s, 3),
            "rollback_s_max": round(max(took), 3),
            "rollback_s_p50": round(percentile(took, 0.5), 3),
            "rounds": rounds,
            "clients": clients,
            "requests": len(load.replies) + len(load.failed),
            "failed": len(load.failed) + len(strange),
        }


def _demo(place: Path) -> Path:
    """Copy the demo assistant and the pages that it answers from, and ingest them."""
    folder = place / "examples" / "shipmate-help"
    without = shutil.ignore_patterns(".shipmate")
    shutil.copytree(DEMO / "examples" / "shipmate-help", folder, ignore=without)
    shutil.copytree(DEMO / "docs", place / "docs")
    stack = folder / "stack.yml"
    kept = re.sub(r"(?m)^server:\n(?:[ #].*\n|\n)*", "", f"{stack.read_text()}\n")
    stack.write_text(kept + UNLIMITED)
    bootstrap.ingest(bootstrap.load(folder), progress=lambda _: None)
    return folder


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(shipmate.__file__).parents[1])}


def _timed_build(folder: Path) -> tuple[float, float]:
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "shipmate", "build", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=_environment())
    took = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    shutil.rmtree(folder / ".shipmate" / "releases")
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(clients=arguments.clients, rounds=arguments.rounds)
    print(json.dumps(figures) if arguments.json else "\n".join(f"{name:16} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
