"""The peers' virtual environments: made on first use, one each, because their needs conflict."""

import subprocess
import sys
from pathlib import Path

from benchmarks.serving.processes import ROOT

__all__ = ["PEERS", "python_of", "versions_of"]

FOLDER = ROOT / ".venv-benchmarks"
# The peer's module, and the packages that make it what it is.
PEERS = {
    "langgraph": ("benchmarks.serving.peers.langgraph_fastapi", ("langgraph", "langchain-openai", "openai")),
    "llama-index": ("benchmarks.serving.peers.llama_index_fastapi", ("llama-index-core", "openai")),
    "openai": ("benchmarks.serving.peers.openai_fastapi", ("openai", "fastapi")),
}
VERSIONS = "import importlib.metadata, sys; print(*(importlib.metadata.version(name) for name in sys.argv[1:]))"


def python_of(peer: str) -> Path:
    """Return the interpreter of a peer's environment, which is made when it is not there."""
    folder = FOLDER / peer
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        print(f"Making {folder.relative_to(ROOT)} from the dependency group peer-{peer} ...", file=sys.stderr)
        uv = [sys.executable, "-m", "uv"]
        _run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
        group = ["--compile-bytecode", "--python", str(python), "--group", f"peer-{peer}"]
        _run([*uv, "pip", "install", "--quiet", *group])
        ready.touch()
    return python


def versions_of(peer: str) -> dict[str, str]:
    """Return the versions of the packages that make the peer."""
    packages = PEERS[peer][1]
    run = subprocess.run(
        [python_of(peer), "-c", VERSIONS, *packages], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return dict(zip(packages, run.stdout.split(), strict=True))


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, cwd=ROOT)
