"""Servers as processes: started on their core, measured by the scheduler, and ended by who started them."""

import os
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["LOAD_CORE", "ROOT", "SERVER_CORE", "Process", "environment", "free_port"]

ROOT = Path(__file__).parents[2]
STOP_S = 10.0
# The measured servers have one core, the load and the upstream another one where there is one.
SERVER_CORE, *_, LOAD_CORE = [*sorted(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))]


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment() -> dict[str, str]:
    """Return the environment of every process: this tree's sources, one thread for numeric libraries."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}


class Process:
    """A server that was started here; its children count as it."""

    def __init__(self, command: Sequence[str], *, core: int, port: int, log: Path) -> None:
        # The kernel ends it when this process dies, however it dies.
        pinned = ["taskset", "--cpu-list", str(core), "setpriv", "--pdeathsig", "KILL", *command]
        self.port = port
        self._log = log
        self.started_at = time.monotonic()
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                pinned, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, cwd=ROOT, env=environment()
            )

    def listening(self) -> bool:
        """Return whether the port answers; raises when the process has ended."""
        if self._process.poll() is not None:
            tail = self._log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.returncode}:\n{tail}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def wait(self, patience_s: float = 120.0) -> None:
        """Return when the port answers."""
        while not self.listening():
            if time.monotonic() - self.started_at > patience_s:
                raise RuntimeError(f"{self._process.args!r} did not listen within {patience_s:.0f} s")
            time.sleep(0.01)

    def cpu_s(self) -> float:
        """Return the scheduler's time of all threads so far, ended ones included."""
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in self._family())

    def rss_mb(self) -> float:
        """Return the resident memory, mapped files included."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._family())
        return pages * os.sysconf("SC_PAGESIZE") / 2**20

    def stop(self) -> None:
        """End it, politely first."""
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _family(self) -> list[int]:
        family = [self._process.pid]
        for pid in family:
            for task in Path(f"/proc/{pid}/task").iterdir():
                family += map(int, (task / "children").read_text().split())
        return family
