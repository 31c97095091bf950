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
from shipmate.errors import Problem, ProjectError, ShipmateError

__all__ = ["Finding", "examine"]

LEAST_FREE_BYTES = 256 * 1024 * 1024


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    well: bool
    what: str
    # What mends it; empty when nothing needs to be done.
    do: str = ""


def examine(folder: Path) -> Iterator[Finding]:
    """Yield what was found, the cheapest look first; a folder that cannot be read ends it."""
    yield Finding(
        well=True, what=f"Shipmate {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )
    try:
        project = bootstrap.load(folder)
    except ProjectError as error:
        yield from map(_told, error.problems)
        return
    for look in (_files, _disk, _index, _store, _model):
        yield from _looked(look, project)


def _looked(look: Callable[[Project], Iterator[Finding]], project: Project) -> Iterator[Finding]:
    try:
        yield from look(project)
    except ShipmateError as error:
        yield Finding(well=False, what=error.what, do=error.do)


def _files(project: Project) -> Iterator[Finding]:
    problems = bootstrap.check(project.folder)
    if all(problem.warning for problem in problems):
        yield Finding(well=True, what="The folder's files read well.")
    yield from map(_told, problems)


def _told(problem: Problem) -> Finding:
    place = f"{problem.file}:{problem.line}" if problem.line else problem.file
    return Finding(well=problem.warning, what=f"{place}: {problem.what}", do=problem.do)


def _disk(project: Project) -> Iterator[Finding]:
    state = bootstrap.state_folder(project)
    place = state if state.exists() else project.folder
    free = shutil.disk_usage(place).free
    yield Finding(
        well=free >= LEAST_FREE_BYTES,
        what=f"{free // 2**20:,} MiB are free where {place} lies.",
        do="" if free >= LEAST_FREE_BYTES else "Make room: conversations and the index are written there.",
    )
    if not os.access(place, os.W_OK):
        yield Finding(well=False, what=f"{place} cannot be written.", do="Give this user the right to write there.")


def _index(project: Project) -> Iterator[Finding]:
    state = bootstrap.index_state(project)
    yield Finding(
        well=state.passages > 0,
        what=f"The index holds {_counted(state.passages, 'passage')} of {_counted(state.sources, 'document')}.",
        do="" if state.passages else f"Put documents into the folder and run `shipmate ingest {project.folder}`.",
    )
    if state.stale:
        yield Finding(
            well=False,
            what=f"Since they were read, {_counted(state.stale, 'document')} came, changed or went.",
            do=f"Run `shipmate ingest {project.folder}`.",
        )


def _store(project: Project) -> Iterator[Finding]:
    pending = bootstrap.check_store(project).steps
    yield Finding(
        well=not pending,
        what="The database was written by an earlier version." if pending else "The database is whole.",
        do=f"Run `shipmate upgrade {project.folder}`." if pending else "",
    )


def _model(project: Project) -> Iterator[Finding]:
    name, fault = asyncio.run(bootstrap.try_model(project))
    if not name:
        yield Finding(well=True, what="No model: answers are quotes from the documents.")
    else:
        yield Finding(well=not fault, what=fault or f"The model {name} answers.", do=_mend_model(fault))


def _mend_model(fault: str) -> str:
    return "Check `model` in stack.yml, and that its server runs; until then answers are quotes." if fault else ""


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)
