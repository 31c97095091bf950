"""Tells which past answers change when the documents as they are now are read: in a copy, and nothing is written here."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from shipmate.adapters.system_clock import SystemClock
from shipmate.comparing.versions import Questions, player
from shipmate.config import Project
from shipmate.knowledge.collection import Collection
from shipmate.library import Library
from shipmate.listing import listings
from shipmate.release.impact.effect import Impact, Moved, impact, recorded
from shipmate.release.impact.ledger import Ledger
from shipmate.release.impact.record import Recorder
from shipmate.scopes import Version
from shipmate.versions import index_folder, open_version

__all__ = ["Edits", "watching"]

Told = Callable[[int, int], None]


class Edits:
    """Past answers over the index as it is, and what the documents as they become would change in them."""

    def __init__(self, version: Version, ledger: Ledger, copy: Path) -> None:
        self._version = version
        self._ledger = ledger
        self._copy = copy

    async def look(self, documents: Project) -> Impact:
        """Read the documents as they are now into the copy, and return what changes against the index as it is."""
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(index_folder(documents), self._copy)
        library = Library(self._copy, documents.documents)
        found = listings(documents.documents, documents.state, SystemClock(), visits=False)
        embedder = self._version.embedder
        await asyncio.to_thread(library.ingest, found, embedder, declared=documents.relations, progress=lambda _: None)
        with _opened(library, self._version) as collections:
            after = replace(self._version, collections=collections, project=documents)
            if len(collections) != 1 or len(self._version.collections) != 1 or not _same_settings(self._version, after):
                return await self._all(after)
            (before,), (becomes,) = self._version.collections, collections
            sources = _changed(before, becomes)
            return await impact(self._ledger, before, becomes, sources, player(_quoting(after)))

    async def _all(self, after: Version) -> Impact:
        """Ask everything again: something else than documents has changed, or there are several collections."""
        asked = player(_quoting(after))
        moved = []
        for one in self._ledger.evidence:
            answered = await asked.answer(one.past)
            if answered.says() != one.answered.says():
                moved.append(Moved(past=one.past, before=one.answered, after=answered))
        count = len(self._ledger.evidence)
        return Impact(questions=count, asked_again=count, moved=tuple(moved))


@asynccontextmanager
async def watching(
    project: Project, questions: Questions, release: str = "", *, told: Told = lambda _done, _total: None
) -> AsyncIterator[Edits]:
    """Ask the index as it is, or a release, all questions once; what comes out tells of each edit what it changes.

    Answers are quotes, also where a model is configured: what a model makes of other passages, it alone can tell.
    """
    async with AsyncExitStack() as held:
        version = await held.enter_async_context(open_version(project, release, has_model=False))
        version = _quoting(version)
        curation = version.project.curation
        is_plain = not (curation.blocks or curation.pins or version.reranker)
        recorder = Recorder(player(version), version.collections, version.embedder, is_plain=is_plain)
        evidence = await recorded(questions.past, recorder, told=told)
        ledger = Ledger(evidence, version.collections[0])
        folder = held.enter_context(TemporaryDirectory(prefix="shipmate-impact-"))
        yield Edits(version, ledger, Path(folder) / "index")


def _quoting(version: Version) -> Version:
    return replace(version, model=None)


@contextmanager
def _opened(library: Library, version: Version) -> Iterator[Sequence[Collection]]:
    collections = library.opened(version.embedder)
    try:
        yield collections
    finally:
        for collection in collections:
            collection.close()


def _changed(before: Collection, after: Collection) -> list[str]:
    """Return the documents that are read otherwise now, new or gone."""
    was, becomes = before.index.sources(), after.index.sources()
    return [source for source in {**was, **becomes} if was.get(source) != becomes.get(source)]


def _same_settings(before: Version, after: Version) -> bool:
    one, other = before.project, after.project
    return (one.digest, one.curation.digest, one.relations) == (other.digest, other.curation.digest, other.relations)
