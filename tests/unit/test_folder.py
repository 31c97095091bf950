"""The state folder has one holder for each purpose, and one key."""

import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from shipmate.adapters.folder import FolderLock, install_key
from shipmate.errors import Damaged, FolderInUse, StorageError
from tests.processes import python

HOLD = """
import sys, time
from pathlib import Path
from shipmate.adapters.folder import FolderLock
with FolderLock(Path(sys.argv[1]), "serve"):
    print("held", flush=True)
    time.sleep(60)
"""
MAKE_KEY = """
import sys
from pathlib import Path
from shipmate.adapters.folder import install_key
sys.stdin.read(1)
print(install_key(Path(sys.argv[1])).hex())
"""


def test_a_second_holder_learns_who_holds_the_folder_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "assistant" / ".shipmate" / "serve.lock"
    with python(HOLD, path) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(FolderInUse) as refused, FolderLock(path, "restore"):
            pass
        assert f"`shipmate serve` (process {holder.pid})" in str(refused.value)
        assert f"kill {holder.pid}" in refused.value.do
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with FolderLock(path, "restore"):
        assert path.read_text() == f"restore {os.getpid()}"


def test_a_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "serve.lock"
    with pytest.raises(ZeroDivisionError), FolderLock(path, "serve"):
        _ = 1 / 0
    with FolderLock(path, "serve"), FolderLock(tmp_path / "ingest.lock", "ingest"):
        pass


def test_a_folder_that_cannot_be_made_is_an_error_of_the_house(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError), FolderLock(tmp_path / "file" / "serve.lock", "serve"):
        pass
    with pytest.raises(StorageError):
        install_key(tmp_path / "file")


def hold(state: Path) -> None:
    with FolderLock(state / "serve.lock", "serve"):
        pass


@pytest.mark.parametrize("make", [hold, install_key])
def test_git_leaves_a_fresh_state_folder_alone(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / ".shipmate")
    assert (tmp_path / ".shipmate" / ".gitignore").read_text() == "*\n"
    if git := shutil.which("git"):
        subprocess.run([git, "init", "--quiet", tmp_path], check=True)
        status = subprocess.run([git, "status", "--porcelain"], cwd=tmp_path, check=True, capture_output=True)
        assert status.stdout == b""


def test_what_its_owner_lets_git_see_stays_so(tmp_path: Path) -> None:
    install_key(tmp_path)
    with FolderLock(tmp_path / "serve.lock", "serve"):
        assert not (tmp_path / ".gitignore").exists()


def test_the_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    state = tmp_path / ".shipmate"
    key = install_key(state)
    assert len(key) == 32
    assert install_key(state) == key
    assert stat.S_IMODE((state / "install.key").stat().st_mode) == 0o600
    assert {path.name for path in state.iterdir()} == {".gitignore", "install.key"}
    assert install_key(tmp_path / "other") != key


def test_processes_that_begin_together_agree_on_one_key(tmp_path: Path) -> None:
    started = [python(MAKE_KEY, tmp_path) for _ in range(4)]
    assert len({process.communicate("x")[0] for process in started}) == 1


def test_a_key_that_was_cut_short_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "install.key").write_bytes(b"short")
    with pytest.raises(Damaged, match="5 bytes"):
        install_key(tmp_path)
