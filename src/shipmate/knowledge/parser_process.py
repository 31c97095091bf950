"""The process that reads PDF and DOCX, as the house sees it: bounded in time and memory, replaced when it dies."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from types import TracebackType
from typing import Self

import msgspec

from shipmate.knowledge.parsers import FRAME, LONGEST_TEXT, Extract, Fault, Request

__all__ = ["PARSE_S", "ParserProcess"]

# How long one file may take.
PARSE_S = 60.0
# A letter takes up to four bytes; twice that leaves room for titles and bookmarks.
LARGEST_ANSWER = 8 * LONGEST_TEXT


class ParserProcess:
    """Starts with the first file that needs it, and serves all that follow."""

    def __init__(self, *, parse_s: float = PARSE_S) -> None:
        self._parse_s = parse_s
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self._end()

    def extract(self, suffix: str, data: bytes) -> Extract:
        """Return what a file holds; whatever it does to the process, the next file is read."""
        process = self._process = self._process or _start()
        answer = _exchange(process, msgspec.msgpack.encode(Request(suffix, data, self._parse_s)))
        extract = _decoded(answer) if answer else None
        if extract is None or extract.fault:
            # Nobody knows what a bad file has left in it.
            self._end()
        if extract:
            return extract
        return Extract(fault=Fault.TOO_SLOW if process.returncode == -signal.SIGALRM else Fault.CRASHED)

    def _end(self) -> None:
        if process := self._process:
            self._process = None
            # It may be busy, and holds nothing that could be lost; what is left in the pipes is thrown away.
            process.kill()
            with suppress(BrokenPipeError):
                process.communicate()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # Without -P it would run whatever module the working folder holds.
        [sys.executable, "-P", "-m", "shipmate.knowledge.parsers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "LANG": "C.UTF-8"},
        # Ctrl-C is for who started it.
        start_new_session=True,
    )


def _exchange(process: subprocess.Popen[bytes], body: bytes) -> bytes | None:
    """Send a frame and return the one that comes back; nothing when the process ends before, or talks nonsense."""
    requests, answers = process.stdin, process.stdout
    if requests is None or answers is None:
        return None
    try:
        requests.write(FRAME.pack(len(body)) + body)
        requests.flush()
        head = answers.read(FRAME.size)
        if len(head) < FRAME.size:
            return None
        size = FRAME.unpack(head)[0]
        if size > LARGEST_ANSWER:
            return None
        answer = answers.read(size)
    except (BrokenPipeError, ConnectionResetError):
        return None
    return answer if len(answer) == size else None


def _decoded(answer: bytes) -> Extract | None:
    try:
        return msgspec.msgpack.decode(answer, type=Extract)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
