"""The committed files of a git repository, read through the `git` command: never the working tree, never the network."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from shipmate.errors import Problem, UsageError
from shipmate.sources import GitFolder

__all__ = ["GitFile", "Repository", "last_commit"]

GIT_S = 120.0
# So much is read with one call, so that a thousand small files do not take a thousand processes.
AHEAD_FILES = 256
AHEAD_BYTES = 8 * 1024 * 1024
BLOB = "100"
MEND = "Commit something there, or mend what git says."
# What git says of a clone that left contents behind, to be fetched when they are needed.
PARTIAL = "promisor remote"
WHOLE = "Fetch all of it: `git fetch --refetch --no-filter`, or clone it anew without `--filter`."
SETTINGS = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "LC_ALL": "C.UTF-8",
}


class GitFile(NamedTuple):
    """A file as it was committed; it may be a document."""

    repository: "Repository"
    # Its path below the folder, with forward slashes.
    below: str
    size_bytes: int
    # The name of its content.
    stamp: str
    columns: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Return the name under which it is indexed and cited."""
        return self.repository.folder.prefix + self.below

    @property
    def suffix(self) -> str:
        """Return the end of its name."""
        return PurePosixPath(self.below).suffix.lower()

    @property
    def audience(self) -> tuple[str, ...]:
        """Return who may see it at most."""
        return self.repository.folder.audience

    def read(self, largest_bytes: int) -> bytes | Problem:
        """Return its content as committed."""
        data = self.repository.content(self.stamp)
        if data is None or len(data) > largest_bytes:
            return self.problem("git does not give its content.", "Try `git fsck` there.", reason="unreadable")
        return data

    def problem(self, what: str, do: str, *, line: int = 0, reason: str = "") -> Problem:
        """Say why this file is passed over."""
        return Problem(
            file=f"{self.repository.folder.path.name}/{self.below}", line=line, what=what, do=do, reason=reason
        )


class Repository:
    """A repository as of the commit that was its last when it was opened.

    Raises `UsageError` when git is not there, does not read it, or finds no commit.
    """

    def __init__(self, folder: GitFolder) -> None:
        self.folder = folder
        self.commit = last_commit(folder)
        self._files = [one for one in self._tree() if isinstance(one, GitFile)]
        self._place = {file.stamp: number for number, file in enumerate(self._files)}
        self._ahead: dict[str, bytes] = {}

    def files(self) -> Sequence[GitFile]:
        """Return the visible files in the order of names; links and other repositories are left out."""
        return self._files

    def content(self, stamp: str) -> bytes | None:
        """Return a file's content; what follows it is read with it."""
        if stamp not in self._ahead:
            self._ahead = self._contents(self._following(self._place[stamp]))
        return self._ahead.pop(stamp, None)

    def _following(self, first: int) -> Iterator[str]:
        size_bytes = 0
        for file in self._files[first : first + AHEAD_FILES]:
            size_bytes += file.size_bytes
            if size_bytes > AHEAD_BYTES and file is not self._files[first]:
                return
            yield file.stamp

    def _contents(self, stamps: Iterator[str]) -> dict[str, bytes]:
        """Return contents by their names, from an output of `name blob size` lines, each followed by the content."""
        output = _git(self.folder.path, "cat-file", "--batch", given="".join(f"{stamp}\n" for stamp in stamps).encode())
        contents = {}
        at = 0
        while at < len(output):
            end = output.index(b"\n", at)
            name, kind, *size = output[at:end].decode().split()
            at = end + 1
            if kind == "blob":
                stop = at + int(size[0])
                contents[name] = output[at:stop]
                at = stop + 1
        return contents

    def _tree(self) -> Iterator[GitFile]:
        below = f"{self.folder.below}/" if self.folder.below else ""
        listed = _git(
            self.folder.path, "ls-tree", "-r", "-z", "-l", "--full-tree", self.commit, "--", *([below] if below else [])
        )
        if below and not listed:
            do = "Mend `below` in sources.yml, or commit the folder; until then the index stays as it is."
            raise UsageError(f"There is no folder {self.folder.below} in the last commit of {self.folder.path}.", do=do)
        for line in listed.split(b"\0"):
            about, _, name = line.partition(b"\t")
            mode, _, stamp, size = about.decode().split() or ("", "", "", "")
            try:
                whole = name.decode()
            except UnicodeDecodeError:
                continue
            path = whole.removeprefix(below)
            is_own = self.folder.without and whole.startswith(f"{self.folder.without}/")
            if mode.startswith(BLOB) and not is_own and not any(part.startswith(".") for part in path.split("/")):
                yield GitFile(self, path, int(size), stamp)


def last_commit(folder: GitFolder) -> str:
    """Return the commit that the repository is at; raise `UsageError` as `Repository` does."""
    return _git(folder.path, "rev-parse", "--verify", "HEAD^{commit}").decode().strip()


def _git(place: Path, *words: str, given: bytes = b"") -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - a list of words, no shell
            ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C", str(place), *words],  # noqa: S607 - whichever git the user has
            input=given,
            capture_output=True,
            check=True,
            timeout=GIT_S,
            env={**{name: value for name, value in os.environ.items() if not name.startswith("GIT_")}, **SETTINGS},
        )
    except FileNotFoundError as error:
        raise UsageError(f"{place} is read with git, which is not there.", do="Install git.") from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"git gave no answer about {place} within {GIT_S:.0f} seconds.", do="Try again.") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        do = WHOLE if PARTIAL in said else MEND
        raise UsageError(f"git does not read {place}: {said}", do=do) from error
    return done.stdout
