"""Runs promotions and rollbacks that are killed before each single change of a file, and says what each one left.

Called as a program with a folder, the two releases in it, and `promote` or `rollback`; prints a line of JSON for each kill.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from shipmate import bootstrap
from shipmate.live import read_live
from shipmate.release.bundle import faults
from shipmate.release.shelf import home_of
from shipmate.shipping.switch import promote, rollback, settle
from tests.integration.releases import events

CHANGES = {"os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.truncate"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def killed_before(number: int, folder: Path, release: str) -> bool:
    """Promote, or take back without a release, in a process that is killed before that change; return whether it was."""
    child = os.fork()
    if child == 0:
        left = number

        def watch(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            is_write = event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & WRITES)
            if event in CHANGES or is_write or event == "sqlite3.connect":
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        try:
            project = bootstrap.load(folder)
            promote(project, release) if release else rollback(project)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def main(folder: Path, before: str, after: str, action: str) -> None:
    """Kill it before its first change, its second, and so on, until it comes to its end."""
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    number, goes_on = 0, True
    while goes_on:
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
        goes_on = killed_before(number, folder, after if action == "promote" else "")
        project = bootstrap.load(folder)
        live = read_live(project.state)
        wrong = list(faults(home_of(project.state, live.release), live.release))
        settle(project)
        told = [event for event in events(project) if event["data"]["release"] == after]
        again = promote(project, after if live.release == before else before)
        left = {
            "killed": goes_on,
            "live": live.release,
            "wrong": wrong,
            "told": len({event["event_id"] for event in told}),
            "goes on": again.live.release,
        }
        sys.stdout.write(f"{json.dumps(left)}\n")
        number += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
