"""A running assistant: what is open while it answers, and how it follows what changes meanwhile."""

import asyncio
import hashlib
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import msgspec

from shipmate.admission import TokenBucket
from shipmate.config import Project
from shipmate.curation import Curation, Followed
from shipmate.curator import Curator
from shipmate.errors import ShipmateError
from shipmate.journal import Journal
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.repair import unblocked
from shipmate.memory.recall import Memory
from shipmate.ports import ChatModel, Clock, Embedder, Episodes, PassageIndex, PastQuestions, Reranker, Store
from shipmate.router import Router
from shipmate.scopes import index_digest, scopes_of, topics_of
from shipmate.turn import Assistant, Parts

__all__ = ["FOLLOW_S", "Running"]

log = logging.getLogger(__name__)

SUGGESTIONS = 4
# How long a new commit of the index may go unnoticed.
FOLLOW_S = 1.0
NO_GROUPS: frozenset[str] = frozenset()


class SystemOfRecord(Store, Episodes, PastQuestions, Protocol):
    """The store with all that it is asked for."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """What was opened for an assistant; whoever opened it closes it."""

    project: Project
    clock: Clock
    # Under which callers are named in the journal.
    key: bytes
    groups: Mapping[str, frozenset[str]]
    # Whether others ask too: then nobody may ask as often as they like.
    shared: bool
    collections: Sequence[Collection]
    store: SystemOfRecord
    model: ChatModel | None
    embedder: Embedder | None
    reranker: Reranker | None

    @cached_property
    def assistant(self) -> Assistant:
        """Return what every door talks to."""
        intents, _ = topics_of(self.project)
        suggestions = [topic.examples[0] for topic in intents if topic.examples][:SUGGESTIONS]
        return Assistant(self.parts(), name=self.project.name, suggestions=suggestions, renewed=self._renewed)

    @cached_property
    def curator(self) -> Curator:
        """Return what repairs the search."""
        return Curator(
            self.project.folder,
            past=self.store,
            router=self._router,
            scopes=lambda curation: scopes_of(
                self._under(curation), self.collections, self.embedder, None, self.reranker
            ),
            groups_of=self.groups_of,
        )

    def groups_of(self, caller: str) -> frozenset[str]:
        """Return the groups of a caller."""
        return self.groups.get(caller, NO_GROUPS)

    def parts(self) -> Parts:
        """Return what turns work with from now on."""
        project = self._under(self._followed.curation)
        return Parts(
            clock=self.clock,
            bucket=self._bucket,
            store=self.store,
            router=self._router,
            scopes=scopes_of(project, self.collections, self.embedder, self.model, self.reranker),
            memory=self._memory,
            journal=Journal(
                clock=self.clock,
                key=self.key,
                charter_sha=_charter_digest(project),
                index_sha=index_digest(self.collections)[:12],
            ),
            message_chars=project.stack.server.limits.message_chars,
            groups=self.groups,
        )

    async def recall(self) -> None:
        """Take up what past conversations have come to be resolved."""
        await self._memory.refresh(self._shown(self._followed.curation))

    async def follow(self) -> None:
        """Answer from each newer commit of the collections, and recall what was resolved since; never ends."""
        while True:
            await asyncio.sleep(FOLLOW_S)
            # All are asked: what one has let go must not be shown because another one does not open.
            refreshed = [_refreshed(collection) for collection in self.collections]
            if any(refreshed):
                self._memory.follow(self._shown(self._followed.curation))
                self.assistant.adopt(self.parts())
            try:
                await self.recall()
            except ShipmateError as error:
                log.warning("Past conversations are not brought up to date: %s", error.what)

    def _renewed(self) -> Parts | None:
        """Return what turns work with when `curation.yml` has changed."""
        if not self._followed.changed():
            return None
        self._memory.follow(self._shown(self._followed.curation))
        return self.parts()

    def _under(self, curation: Curation) -> Project:
        return msgspec.structs.replace(self.project, curation=curation)

    @cached_property
    def _followed(self) -> Followed:
        return Followed(self.project.folder, self.project.curation)

    @cached_property
    def _shown(self) -> Callable[[Curation], list[PassageIndex]]:
        """Return the indexes as they show themselves under repairs: the same ones until those change."""
        return lru_cache(maxsize=1)(lambda curation: [own.index for own in unblocked(self.collections, curation)])

    @cached_property
    def _memory(self) -> Memory:
        return Memory(self.store, self.clock, self.groups_of, days=self.project.stack.memory.days)

    @cached_property
    def _router(self) -> Router:
        return Router(*topics_of(self.project), self.embedder)

    @cached_property
    def _bucket(self) -> TokenBucket:
        limits = self.project.stack.server.limits
        burst = limits.burst if self.shared else sys.maxsize
        return TokenBucket(self.clock, turns_per_minute=limits.turns_per_minute, burst=burst)


def _refreshed(collection: Collection) -> bool:
    """Tell whether a collection may hold something else than before; what does not open is tried again."""
    try:
        return collection.refresh()
    except (OSError, ShipmateError) as error:
        log.warning("Documents are not brought up to date: %s", error)
        return True


def _charter_digest(project: Project) -> str:
    path = project.folder / "charter.yml"
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.exists() else ""
