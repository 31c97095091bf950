"""Opens what answers: one version of an assistant, with its collections and its models."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from shipmate import config, layers
from shipmate.adapters.folder import FolderLock, make_state
from shipmate.adapters.system_clock import SystemClock
from shipmate.config import Project
from shipmate.disk import disk_faults
from shipmate.errors import Damaged, ModelError, NoIndex, ShipmateError
from shipmate.knowledge.collection import Collection
from shipmate.ports import ChatModel, Embedder, Reranker
from shipmate.release import bundle, snapshot
from shipmate.release.seal import seal
from shipmate.release.shelf import SHELF_LOCK, home_of
from shipmate.scopes import Version
from shipmate.signing import open_signer

if TYPE_CHECKING:
    from shipmate.knowledge.ingest import IngestProgress, IngestReport
    from shipmate.library import Library

__all__ = [
    "Shelf",
    "built_project",
    "close",
    "embedder_if_any",
    "follow_release",
    "has_outdated_index",
    "holds_passages",
    "index_folder",
    "ingest",
    "ingested",
    "is_index_sound",
    "library_of",
    "make_index",
    "mend",
    "open_version",
    "opened",
    "release_library",
    "unread",
]

log = logging.getLogger(__name__)

INDEX = "index"


@asynccontextmanager
async def open_version(project: Project, release: str = "", *, has_model: bool = True) -> AsyncIterator[Version]:
    """Open a built release, or the folder as it is; give everything back at the end. Who only searches needs no model.

    Raises `NoIndex` before documents were ingested, `Missing` for a release that is not there, and `ProjectError` where
    settings do not fit.
    """
    built = built_project(project, release) if release else project
    async with AsyncExitStack() as held:
        embedder = await embedder_if_any(built)
        held.push_async_callback(close, embedder)
        reranker = await layers.open_reranker(built)
        held.push_async_callback(close, reranker)
        if release:
            await asyncio.to_thread(_made_anew, project, release)
            collections = held.enter_context(_closing(release_library(project.state, release).opened(embedder)))
        else:
            await mend(project, embedder)
            collections = held.enter_context(ingested(project, embedder))
        model = layers.open_model(built) if has_model else None
        held.push_async_callback(close, model)
        yield Version(
            project=built,
            collections=collections,
            embedder=embedder,
            model=model,
            reranker=reranker,
            release=release,
        )


def built_project(project: Project, release: str) -> Project:
    """Read a release's files; who may ask and how much, the folder says. Raises `Missing`, `Damaged`, `ProjectError`."""
    home = home_of(project.state, release)
    if changed := list(bundle.faults(home, release, without=bundle.SNAPSHOT)):
        do = f"Look at it: `shipmate verify {release}`. Then bring it anew, or promote another."
        raise Damaged(f"The release {release} is not what was built: {'; '.join(changed)}.", do=do)
    return config.load_built(home / bundle.FILES, project)


def release_library(state: Path, release: str) -> "Library":
    """Return the collections of a release, made or not; raise `Missing`, `Damaged`."""
    home = home_of(state, release)
    return library_of(bundle.read_manifest(home)[0], home / bundle.INDEX)


def library_of(manifest: bundle.Manifest, index: Path) -> "Library":
    """Return the collections that a manifest names, below a folder."""
    from shipmate.library import Library

    return Library.built(index, {documents.home: documents.audience for documents in manifest.collections})


def unread(project: Project) -> list[str]:
    """Return the documents that were added, changed or removed after they were read; nothing is visited or written.

    Raises `UsageError` when a place has vanished.
    """
    from shipmate.library import Library
    from shipmate.listing import listings

    found = listings(project.documents, project.state, SystemClock(), visits=False)
    return Library(index_folder(project), project.documents).unread(found)


def make_index(home: Path, built: Project, release: str) -> None:
    """Make the index of a release's folder from its snapshot, and seal it; until it is complete, what was there stays.

    Where the embedder does not do its part, words and the graph find passages. Raises `Damaged`, `DiskFull`.
    """
    manifest, _ = bundle.read_manifest(home)
    draft = home / f"{bundle.INDEX}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    library = library_of(manifest, draft)
    follow_release(library, built, {own.home: snapshot.read(home / own.snapshot) for own in manifest.collections})
    index, replaced = home / bundle.INDEX, home / f"{bundle.INDEX}.replaced"
    with disk_faults(home):
        shutil.rmtree(replaced, ignore_errors=True)
        if index.exists():
            index.rename(replaced)
        draft.rename(index)
        shutil.rmtree(replaced, ignore_errors=True)
    seal(home, release, open_signer(built.state))


def follow_release(
    library: "Library", built: Project, documents: "Mapping[str, Iterable[snapshot.Document]] | None" = None
) -> None:
    """Bring the legs of a release's collections in step with its index, which is made of `documents` where they are given."""
    embedder = asyncio.run(embedder_if_any(built))
    try:
        library.follow(embedder, documents, declared=built.relations)
    except ModelError as error:
        log.warning("Search goes on with words and graph alone: %s", error.what)
    finally:
        asyncio.run(close(embedder))


def is_index_sound(library: "Library") -> bool:
    """Tell whether all collections of a release are there, in this version's form, and open."""
    try:
        with _closing(library.opened()):
            return library.is_complete
    except Damaged as error:
        log.warning("%s", error.what)
        return False


def _made_anew(project: Project, release: str) -> None:
    """Make the index of a release anew where an earlier version made it, or where it is damaged."""
    if is_index_sound(release_library(project.state, release)):
        return
    with FolderLock(project.state / SHELF_LOCK, "release"):
        # Whoever held the lock may have done it.
        if not is_index_sound(release_library(project.state, release)):
            log.warning("The index of the release %s is made anew from its documents.", release)
            make_index(home_of(project.state, release), built_project(project, release), release)


class Shelf:
    """The versions that are open: each is opened once, and given back some time after nothing answers from it."""

    def __init__(self, opening: Callable[[str], AbstractAsyncContextManager[Version]]) -> None:
        """Begin with none; `opening` opens a release by its id, and with an empty one the folder as it is."""
        self._opening = opening
        self._open: dict[str, tuple[Version, AsyncExitStack]] = {}
        self._unwanted: set[str] = set()

    async def take(self, release: str) -> Version:
        """Return a version, which is opened if it is not open yet; raises what opening raises."""
        if release not in self._open:
            held = AsyncExitStack()
            self._open[release] = await held.enter_async_context(self._opening(release)), held
        return self._open[release][0]

    async def keep(self, releases: AbstractSet[str]) -> None:
        """Close what was unwanted the last time too: turns that began with it have ended."""
        unwanted = self._open.keys() - releases
        for release in unwanted & self._unwanted:
            await self._open.pop(release)[1].aclose()
        self._unwanted = unwanted & self._open.keys()

    async def close(self) -> None:
        """Close all of them; idempotent."""
        while self._open:
            await self._open.popitem()[1][1].aclose()


def has_outdated_index(folder: Path) -> bool:
    """Return whether the index that was made for an assistant is an earlier version's."""
    from shipmate.adapters.tantivy_index import is_outdated

    return is_outdated(folder / config.STATE / INDEX)


def ingest(project: Project, *, visits: bool = True, progress: "Callable[[IngestProgress], None]") -> "IngestReport":
    """Bring the index in step with the documents; raise `FolderInUse` while somebody else does.

    Without visits, websites are taken as they were when they were visited last. Where the embedder does not open, its
    error is raised when words and graph are in step.
    """
    from shipmate.knowledge.ingest import visiting
    from shipmate.listing import listings

    library = _library(project)
    with FolderLock(project.state / "ingest.lock", "ingest"):
        make_state(project.state)
        found = listings(
            project.documents,
            project.state,
            SystemClock(),
            visits=visits,
            progress=lambda page, done, total: progress(visiting(page, done, total)),
        )
        try:
            embedder = asyncio.run(layers.open_embedder(project))
        except ShipmateError:
            library.ingest(found, None, declared=project.relations, progress=progress)
            raise
        return library.ingest(found, embedder, declared=project.relations, progress=progress)


async def embedder_if_any(project: Project) -> Embedder | None:
    """Open the embedder; without one that a hub has and nobody can fetch now, words and the graph find passages."""
    try:
        return await layers.open_embedder(project)
    except ModelError as error:
        log.warning("Search goes on with words and graph alone: %s", error.what)
        return None


async def close(opened: ChatModel | Embedder | Reranker | None) -> None:
    if opened:
        await opened.close()


def index_folder(project: Project) -> Path:
    return project.state / INDEX


def _library(project: Project) -> "Library":
    layers.index_settings(project)
    from shipmate.library import Library

    return Library(index_folder(project), project.documents)


@contextmanager
def opened(project: Project, embedder: Embedder | None = None) -> Iterator[list[Collection]]:
    """Open what was made, to read from it; nothing is written."""
    with _closing(_library(project).opened(embedder)) as collections:
        yield collections


@contextmanager
def _closing(collections: list[Collection]) -> Iterator[list[Collection]]:
    try:
        yield collections
    finally:
        for collection in collections:
            collection.close()


async def mend(project: Project, embedder: Embedder | None) -> None:
    """Make anew what of the collections is damaged, from the documents as they are here; nobody visits a website."""
    try:
        with opened(project, embedder):
            return
    except Damaged as error:
        log.warning("%s It is made anew from the documents.", error.what)
    await asyncio.to_thread(ingest, project, visits=False, progress=lambda _: None)


@contextmanager
def ingested(project: Project, embedder: Embedder | None) -> Iterator[list[Collection]]:
    """Open what was made; raise `NoIndex` where there is nothing to answer from."""
    with opened(project, embedder) as collections:
        if not holds_passages(collections):
            what = f"No documents of {project.folder} were read yet."
            if has_outdated_index(project.folder):
                what = f"The index of {project.folder} was made by an earlier version."
            raise NoIndex(what, do=f"Run `shipmate ingest {project.folder}` first.")
        if lacking := sum(collection.lacking for collection in collections):
            log.warning("%d passages have no vector yet: words and the graph alone find them.", lacking)
        yield collections


def holds_passages(collections: Sequence[Collection]) -> bool:
    return any(collection.index.statistics.passage_count for collection in collections)
