"""Backup, restore and upgrade of a state folder, as SQLite and tantivy lay it out.

A backup holds `shipmate.db`, `index/` and `install.key`, each consistent in itself: the database as of one moment, the
index as of one commit, and so graph and vectors; the next ingest brings those in step. It is taken while the assistant serves and ingests. The two need not be of the same moment:
a citation's words are kept with the turn, so a conversation reads well whatever the index holds. It also holds the
copies in `websites/`: without them, an ingest while a site is down would take its pages for removed.

Of releases it holds what they consist of, and which one is live: their indexes are made again when they are opened.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from shipmate.adapters.archive import pack, unpack, unusable
from shipmate.adapters.folder import FolderLock, complete_restore, incoming, install_key, keep_from_git, restoring
from shipmate.adapters.sqlite.database import connect
from shipmate.adapters.sqlite.schema import migrate, pending_migrations, schema_version
from shipmate.adapters.sqlite.snapshot import check_integrity, snapshot_database
from shipmate.adapters.tantivy_snapshot import check_index, snapshot_index
from shipmate.disk import disk_faults
from shipmate.errors import Damaged, Missing
from shipmate.knowledge.vectors_snapshot import check_vectors, snapshot_vectors
from shipmate.live import LIVE, read_live
from shipmate.release.bundle import FILES, MANIFEST, SIGNATURE, SNAPSHOT
from shipmate.release.shelf import LOCK, RELEASES, SHELF_LOCK, shelved
from shipmate.signing import KEY as SIGNING_KEY
from shipmate.sql import GRAPH_MIGRATIONS, MIGRATIONS, Migration

__all__ = ["Upgrade", "backup", "copy_index", "restore", "upgrade"]

DATABASE = "shipmate.db"
INDEX = "index"
KEY = "install.key"
WEBSITES = "websites"
PAGES = "pages.json"
# Shared by all who have the state open.
SHARED = "state.lock"
# The files that a backup may hold.
KNOWN = re.compile(
    r"shipmate\.db|install\.key|index(/separate-[0-9a-f]+)?(/[\w-]+)?/"
    r"(meta\.json|\.managed\.json|\.tantivy-[a-z]+\.lock|[0-9a-f]{32}\.[\w.]+"
    r"|graph\.db|vectors\.json|\d+\.\w+(\.\d+)?\.npy)"
    r"|websites/[0-9a-f]+/(pages\.json|[0-9a-f]+\.\w+)"
    r"|live\.json|signing\.key|releases/[0-9a-f]{12}/(manifest\.json|signature\.json|(files|snapshot)/.+)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """What an upgrade has done, or would do."""

    # The schema that was found.
    schema: int
    # The names of the migrations, in order; none: it is up to date.
    steps: tuple[str, ...]
    # Where the state from before was saved.
    backup: Path | None


def backup(state: Path, archive: Path) -> None:
    """Save the state folder to one file, which replaces an older one of that name only when it is complete.

    Raises `Missing` when there is nothing to save, `FolderInUse` while a restore changes places or a release is built, `Damaged`, `DiskFull`,
    `StorageError`.
    """
    if not state.exists():
        raise _nothing_in(state)
    # Neither restore nor upgrade may change what is being read, and no release may be deleted.
    with (
        FolderLock(state / SHARED, "", is_shared=True),
        FolderLock(state / SHELF_LOCK, "", is_shared=True),
    ):
        _save(state, archive)


def _save(state: Path, archive: Path) -> None:
    with disk_faults(archive), TemporaryDirectory(dir=archive.parent, prefix=f".{archive.name}.") as staging:
        copy = Path(staging)
        if (state / DATABASE).exists():
            snapshot_database(state / DATABASE, copy / DATABASE)
            # One that was made and never written to is nothing to come back to.
            if _is_empty(copy / DATABASE):
                (copy / DATABASE).unlink()
        copy_index(state / INDEX, copy / INDEX)
        if not any(copy.iterdir()):
            raise _nothing_in(state)
        _copy_websites(state / WEBSITES, copy / WEBSITES)
        for key in (KEY, SIGNING_KEY):
            if (state / key).exists():
                shutil.copyfile(state / key, copy / key)
        _copy_releases(state, copy)
        pack(copy, archive)


def _copy_releases(state: Path, copy: Path) -> None:
    """Copy which release is live, and then what all consist of: whoever calls it sees that none is deleted."""
    if (state / LIVE).exists():
        shutil.copyfile(state / LIVE, copy / LIVE)
    for release in shelved(state):
        home, target = state / RELEASES / release, copy / RELEASES / release
        for part in (FILES, SNAPSHOT):
            shutil.copytree(home / part, target / part)
        for name in (MANIFEST, SIGNATURE):
            shutil.copyfile(home / name, target / name)


def copy_index(folder: Path, target: Path) -> None:
    """Copy all that the collections below an index folder consist of, each in its newest commit.

    Raises `Busy` when commits come faster than they can be copied, `Damaged` for what does not open.
    """
    for index in _indexes(folder):
        snapshot_index(index, target / index.relative_to(folder))
    for graph in _graphs(folder):
        copy = target / graph.relative_to(folder)
        copy.parent.mkdir(parents=True)
        snapshot_database(graph, copy)
    for vectors in _vectors(folder):
        snapshot_vectors(vectors, target / vectors.relative_to(folder))


def _copy_websites(sites: Path, copies: Path) -> None:
    """Copy each website's list of pages before its pages: one that a visit adds meanwhile is nothing to miss."""
    for pages in sorted(sites.glob(f"*/{PAGES}")):
        copy = copies / pages.parent.name
        copy.mkdir(parents=True)
        shutil.copyfile(pages, copy / PAGES)
        for page in sorted(pages.parent.glob("[!.]*")):
            if page.name != PAGES:
                # A visit that runs meanwhile may take one away.
                with suppress(FileNotFoundError):
                    shutil.copyfile(page, copy / page.name)


def restore(archive: Path, state: Path) -> Path | None:
    """Put what a backup holds in the place of the state folder; return where the one from before is kept, if any.

    The backup is unpacked and proven before the present state is touched; a restore that is killed while it changes
    places is completed by the next start. Raises `FolderInUse` while somebody has the state open, `Missing`, `Damaged`, `SchemaTooNew`, `DiskFull`, `StorageError`; then nothing has changed.
    """
    with disk_faults(state), restoring(state) as staging:
        restored = staging / state.name
        unpack(archive, restored)
        try:
            _prove(restored)
        except Damaged as error:
            raise unusable(archive, error.what.replace(f"{restored}/", "")) from error
        with _alone(state, "restore"):
            return _exchange(state, restored)


def upgrade(state: Path, *, dry_run: bool = False, known: Sequence[Migration] = MIGRATIONS) -> Upgrade:
    """Bring the database to the present schema, after a backup inside the state folder.

    Raises `FolderInUse` while somebody has the state open, `SchemaTooNew`, `Damaged`, `DiskFull`, `StorageError`.
    """
    path = state / DATABASE
    if not path.exists():
        return Upgrade(schema=0, steps=(), backup=None)
    with ExitStack() as held:
        if not dry_run:
            held.enter_context(_alone(state, "upgrade"))
        connection = held.enter_context(closing(connect(path)))
        schema = schema_version(connection)
        steps = tuple(step.name for step in pending_migrations(connection, path, known=known))
        if dry_run or not steps:
            return Upgrade(schema=schema, steps=steps, backup=None)
        if not schema:
            # Nothing was ever written to it.
            migrate(connection, path, known=known)
            return Upgrade(schema=schema, steps=steps, backup=None)
        saved = _unused(state / "backups", f"before-schema-{schema + len(steps)}", ".tar.gz")
        with disk_faults(saved):
            saved.parent.mkdir(exist_ok=True)
        _save(state, saved)
        migrate(connection, path, known=known)
        return Upgrade(schema=schema, steps=steps, backup=saved)


@contextmanager
def _alone(state: Path, purpose: str) -> Iterator[None]:
    """Hold the folder against everybody who serves, ingests, or has its store open."""
    with ExitStack() as held:
        for name in ("serve.lock", "ingest.lock", SHELF_LOCK, LOCK, SHARED):
            held.enter_context(FolderLock(state / name, purpose))
        yield


def _nothing_in(state: Path) -> Missing:
    return Missing(f"{state} holds nothing that could be saved", do="ingest documents or ask a question first")


def _indexes(index: Path) -> list[Path]:
    return sorted(commit.parent for commit in index.rglob("meta.json"))


def _graphs(index: Path) -> list[Path]:
    return sorted(index.rglob("graph.db"))


def _vectors(index: Path) -> list[Path]:
    return sorted(manifest.parent for manifest in index.rglob("vectors.json"))


def _prove(restored: Path) -> None:
    """Open everything that was restored, and read every page of the database; raise `Damaged`, `SchemaTooNew`."""
    names = {path.relative_to(restored).as_posix() for path in restored.rglob("*") if path.is_file()}
    indexes = _indexes(restored / INDEX)
    if unknown := sorted(name for name in names if not KNOWN.fullmatch(name)):
        raise Damaged(f"{unknown[0]!r} is no file of a backup")
    if DATABASE not in names and not indexes:
        raise Damaged("it holds neither a database nor an index")
    if DATABASE in names:
        _prove_database(restored / DATABASE)
    if KEY in names:
        install_key(restored)
    _prove_releases(restored)
    for index in indexes:
        check_index(index)
    for graph in _graphs(restored / INDEX):
        check_integrity(graph)
        with closing(connect(graph)) as connection:
            pending_migrations(connection, graph, known=GRAPH_MIGRATIONS)
    for vectors in _vectors(restored / INDEX):
        check_vectors(vectors)


def _prove_releases(restored: Path) -> None:
    """Raise `Damaged` where a release is to answer that is not there; each proves itself when it is opened."""
    live = read_live(restored)
    needed = {live.release, live.previous, live.trial.release if live.trial else ""} - {""}
    if missing := sorted(needed - {*shelved(restored)}):
        raise Damaged(f"it says that the release {missing[0]} answers, and does not hold it")


def _prove_database(path: Path) -> None:
    check_integrity(path)
    if _is_empty(path):
        raise Damaged(f"{path} is empty")
    with closing(connect(path)) as connection:
        pending_migrations(connection, path)


def _is_empty(path: Path) -> bool:
    """Tell whether a database was never written to; raise `Damaged` when somebody else wrote it."""
    with closing(connect(path)) as connection:
        is_new = schema_version(connection) == 0
        if is_new:
            pending_migrations(connection, path)
        return is_new


def _exchange(state: Path, restored: Path) -> Path | None:
    """Move the present state aside and the restored one in its place; on failure, put it back."""
    aside = _unused(state.parent, f"{state.name}.before-restore", "")
    for folder in (state, restored):
        keep_from_git(folder)
    restored.rename(incoming(state))
    try:
        state.rename(aside)
        complete_restore(state)
    except OSError:
        shutil.rmtree(incoming(state), ignore_errors=True)
        if aside.exists():
            aside.rename(state)
        raise
    if any(entry.suffix != ".lock" and entry.name != ".gitignore" for entry in aside.iterdir()):
        return aside
    shutil.rmtree(aside)
    return None


def _unused(folder: Path, name: str, suffix: str) -> Path:
    """Return the first of name-1, name-2, ... that does not exist."""
    return next(path for number in count(1) if not (path := folder / f"{name}-{number}{suffix}").exists())
