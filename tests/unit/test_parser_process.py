"""Reading office files harms nobody: not by what lies in the working folder, nor by what stays behind."""

import signal
import struct
import sys
import time
from pathlib import Path

import pytest

from shipmate.knowledge.parser_process import ParserProcess
from shipmate.knowledge.parsers import Extract, Fault
from tests.office_files import docx, pdf
from tests.processes import python

# Takes a minute to read.
WIDE = docx("<w:p><w:r><w:t>x</w:t></w:r></w:p>" * 1_000_000)
PARENT = """
import os, sys, time
from pathlib import Path
from threading import Thread
from shipmate.knowledge.parser_process import ParserProcess

reading = Thread(target=ParserProcess().extract, args=(".docx", Path(sys.argv[1]).read_bytes()))
reading.start()
while not (children := Path(f"/proc/{os.getpid()}/task/{reading.native_id}/children").read_text()):
    time.sleep(0.01)
time.sleep(1)
print(children, flush=True)
reading.join()
"""


def test_modules_of_the_working_folder_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    marker = tmp_path / "was run"
    for name in ("msgspec", "pypdfium2", "resource", "shipmate"):
        (tmp_path / f"{name}.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    with ParserProcess() as parsers:
        assert parsers.extract(".pdf", pdf([["words"]])).pages == ("words",)
    assert not marker.exists()


def test_interruption_does_not_wait_for_the_file_that_is_read() -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        started = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, 1.5)
        with pytest.raises(KeyboardInterrupt), ParserProcess() as parsers:
            parsers.extract(".docx", WIDE)
        assert time.perf_counter() - started < 10
    finally:
        signal.signal(signal.SIGALRM, before)


def test_reader_does_not_outlive_who_asked_it(tmp_path: Path) -> None:
    file = tmp_path / "wide.docx"
    file.write_bytes(WIDE)
    with python(PARENT, file) as parent:
        assert parent.stdout
        reader = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 10
    while runs(reader) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not runs(reader)


def runs(process: int) -> bool:
    """Tell whether a process has not ended, also where nobody buries it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    "answer",
    [
        struct.pack(">Q", 1 << 60),
        struct.pack(">Q", 1) + b"\xc1",
        struct.pack(">Q", 9) + b"\x81\xa5title\xa1\xff",
        struct.pack(">Q", 1) + b"\xc0",
        struct.pack(">Q", 9) + b"\x80",
        b"\0",
        b"",
    ],
)
def test_nonsense_from_the_reader_counts_as_a_crash(
    answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tmp_path / "answer"
    said.write_bytes(answer)
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nhead -c 8 >{tmp_path / 'asked'}\ncat {said}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with ParserProcess() as parsers:
        assert parsers.extract(".pdf", b"%PDF-") == Extract(fault=Fault.CRASHED)
