"""Opens what answers: one version of an assistant, with its collections and its models."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from shipmate import config, layers
from shipmate.adapters.folder import FolderLock, make_state
from shipmate.adapters.system_clock import SystemClock
from shipmate.config import Project
from shipmate.errors import Damaged, Missing, ModelError, NoIndex, ShipmateError
from shipmate.knowledge.collection import Collection
from shipmate.ports import ChatModel, Embedder, Reranker
from shipmate.scopes import Version

if TYPE_CHECKING:
    from shipmate.knowledge.ingest import IngestProgress, IngestReport
    from shipmate.library import Library

__all__ = [
    "Shelf",
    "close",
    "embedder_if_any",
    "has_outdated_index",
    "holds_passages",
    "index_folder",
    "ingest",
    "ingested",
    "mend",
    "open_version",
    "opened",
]

log = logging.getLogger(__name__)

INDEX = "index"


@asynccontextmanager
async def open_version(project: Project, release: str = "") -> AsyncIterator[Version]:
    """Open a built release, or the folder as it is; give everything back at the end.

    Raises `NoIndex` before documents were ingested, `Missing` for a release that is not there, and `ProjectError` where
    settings do not fit.
    """
    if release:
        raise Missing(f"There is no release {release}.", do="Build one: `shipmate build`.")
    async with AsyncExitStack() as held:
        embedder = await embedder_if_any(project)
        held.push_async_callback(close, embedder)
        reranker = await layers.open_reranker(project)
        held.push_async_callback(close, reranker)
        await mend(project, embedder)
        collections = held.enter_context(ingested(project, embedder))
        model = layers.open_model(project)
        held.push_async_callback(close, model)
        yield Version(project=project, collections=collections, embedder=embedder, model=model, reranker=reranker)


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
    collections = _library(project).opened(embedder)
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
