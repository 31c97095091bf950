"""Look at everything that an assistant needs, and say what mends what is amiss."""

import asyncio
import os
import platform
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from shipmate import __version__, bootstrap
from shipmate.config import Project
from shipmate.errors import (
    Damaged,
    DiskFull,
    ModelError,
    NoIndex,
    Problem,
    ProjectError,
    SchemaTooOld,
    ShipmateError,
    StorageError,
)

__all__ = ["Finding", "examine"]

LEAST_FREE_BYTES = 256 * 1024 * 1024


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    what: str
    # What mends it; empty when nothing needs to be done.
    do: str = ""
    # What a command that stumbles over it ends with; 0 when all is well.
    exit_code: int = 0


def examine(folder: Path) -> Iterator[Finding]:
    """Yield what was found, the cheapest look first; a folder that cannot be read ends it."""
    yield Finding(what=f"Shipmate {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}")
    try:
        project = bootstrap.load(folder)
    except ProjectError as error:
        yield from map(_told, error.problems)
        return
    for look in (_files, _disk, _index, _release, _embedder, _store, _model):
        yield from _looked(look, project)


def _looked(look: Callable[[Project], Iterator[Finding]], project: Project) -> Iterator[Finding]:
    try:
        yield from look(project)
    except ProjectError:
        # Told with the folder's files.
        return
    except ShipmateError as error:
        yield Finding(what=error.what, do=error.do, exit_code=error.exit_code)


def _files(project: Project) -> Iterator[Finding]:
    problems = bootstrap.check(project.folder)
    if all(problem.warning for problem in problems):
        yield Finding(what="The folder's files read well.")
    yield from map(_told, problems)


def _told(problem: Problem) -> Finding:
    place = f"{problem.file}:{problem.line}" if problem.line else problem.file
    exit_code = 0 if problem.warning else ProjectError.exit_code
    return Finding(what=f"{place}: {problem.what}", do=problem.do, exit_code=exit_code)


def _disk(project: Project) -> Iterator[Finding]:
    state = bootstrap.state_folder(project)
    place = state if state.exists() else project.folder
    free = shutil.disk_usage(place).free
    what = f"{free // 2**20:,} MiB are free where {place} lies."
    if free < LEAST_FREE_BYTES:
        do = "Make room: conversations and the index are written there."
        yield Finding(what=what, do=do, exit_code=DiskFull.exit_code)
    else:
        yield Finding(what=what)
    if not os.access(place, os.W_OK):
        do = "Give this user the right to write there."
        yield Finding(what=f"{place} cannot be written.", do=do, exit_code=StorageError.exit_code)
    for folder in bootstrap.abandoned(project):
        do = "Delete it, or let the next `shipmate restore` do that: nothing was changed by it."
        yield Finding(what=f"{folder} was left by a restore that was killed.", do=do)


def _index(project: Project) -> Iterator[Finding]:
    state = bootstrap.index_state(project)
    what = f"The index holds {_counted(state.passages, 'passage')} of {_counted(state.sources, 'document')}."
    if state.is_outdated:
        what, do = "The index was made by an earlier version.", f"Run `shipmate ingest {project.folder}`."
        yield Finding(what=what, do=do, exit_code=NoIndex.exit_code)
        return
    if not state.passages:
        do = f"Put documents into the folder and run `shipmate ingest {project.folder}`."
        yield Finding(what=what, do=do, exit_code=NoIndex.exit_code)
        return
    yield Finding(what=what)
    if state.stale:
        what = f"Since they were read, {_counted(state.stale, 'document')} came, changed or went."
        yield Finding(what=what, do=f"Run `shipmate ingest {project.folder}`.", exit_code=NoIndex.exit_code)


def _release(project: Project) -> Iterator[Finding]:
    release, wrong = bootstrap.examine_live(project)
    for fault in wrong:
        do = f"Bring the release {release} anew and promote it, or go back: `shipmate rollback {project.folder}`."
        yield Finding(what=f"Of the release that is live, {fault}.", do=do, exit_code=Damaged.exit_code)
    if release and not wrong:
        yield Finding(what=f"The release {release} answers, and is what was built.")


def _embedder(project: Project) -> Iterator[Finding]:
    name, fault, lacking = asyncio.run(bootstrap.try_embedder(project))
    do = f"Run `shipmate ingest {project.folder}`; until then words and the graph alone find passages."
    if fault:
        do = f"Check `embedder` in stack.yml, then run `shipmate ingest {project.folder}`."
        yield Finding(what=fault, do=do, exit_code=ModelError.exit_code)
    elif lacking:
        yield Finding(
            what=f"{_counted(lacking, 'passage')} have no vector of {name} yet.", do=do, exit_code=NoIndex.exit_code
        )
    else:
        yield Finding(what=f"The embedder {name} works." if name else "No embedder: words and the graph find passages.")


def _store(project: Project) -> Iterator[Finding]:
    if bootstrap.check_store(project).steps:
        what = "The database was written by an earlier version."
        yield Finding(what=what, do=f"Run `shipmate upgrade {project.folder}`.", exit_code=SchemaTooOld.exit_code)
    else:
        yield Finding(what="The database is whole.")


def _model(project: Project) -> Iterator[Finding]:
    name, fault = asyncio.run(bootstrap.try_model(project))
    if fault:
        do = "Check `model` in stack.yml, and that its server runs; until then answers are quotes."
        yield Finding(what=fault, do=do, exit_code=ModelError.exit_code)
    else:
        yield Finding(what=f"The model {name} answers." if name else "No model: answers are quotes from the documents.")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)
