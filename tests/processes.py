"""Other Python processes that use the package under test."""

import os
import subprocess
import sys
from pathlib import Path

import shipmate

__all__ = ["python"]


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a process that runs the code; its input and output are pipes of text."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *(str(argument) for argument in arguments)],
        env=os.environ | {"PYTHONPATH": str(Path(shipmate.__file__).parent.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
