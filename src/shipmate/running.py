"""A running assistant: what is open while it answers, and how it follows what changes meanwhile."""

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

from shipmate.admission import TokenBucket
from shipmate.config import Project
from shipmate.curation import Curation, Followed
from shipmate.curator import Curator
from shipmate.errors import ShipmateError
from shipmate.journal import Journal
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.repair import unblocked
from shipmate.live import FollowedLive, Live
from shipmate.memory.recall import Memory
from shipmate.memory.signs import Signs
from shipmate.ports import Clock, Episodes, EventLog, FlagSource, PassageIndex, PastQuestions, Store
from shipmate.router import Router
from shipmate.scopes import Version, index_digest, scopes_of, topics_of
from shipmate.turn import Arms, Assistant, OnTrial, Parts
from shipmate.versions import Shelf

__all__ = ["FOLLOW_S", "Answering", "Running", "Shared", "SystemOfRecord"]

log = logging.getLogger(__name__)

SUGGESTIONS = 4
# How long a new commit of the index may go unnoticed, and how long another release that is live.
FOLLOW_S = 1.0
FOLLOW_LIVE_S = 0.1
NO_GROUPS: frozenset[str] = frozenset()


class SystemOfRecord(Store, Episodes, EventLog, PastQuestions, Protocol):
    """The store with all that it is asked for."""


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What all versions of an assistant have in common: whoever opened it closes it."""

    # The folder as it is: it says who may ask, and how much.
    project: Project
    clock: Clock
    # Under which callers are named in the journal.
    key: bytes
    groups: Mapping[str, frozenset[str]]
    # Whether others ask too: then nobody may ask as often as they like.
    is_public: bool
    store: SystemOfRecord
    flags: FlagSource

    def groups_of(self, caller: str) -> frozenset[str]:
        """Return the groups of a caller."""
        return self.groups.get(caller, NO_GROUPS)

    @cached_property
    def bucket(self) -> TokenBucket:
        """Return what lets callers in, as often as the folder's limits say."""
        limits = self.project.stack.server.limits
        burst = limits.burst if self.is_public else sys.maxsize
        return TokenBucket(self.clock, turns_per_minute=limits.turns_per_minute, burst=burst)

    @cached_property
    def signs(self) -> Signs:
        """Return what hears whether answers helped: it knows what callers have asked, whichever version answered."""
        return Signs()


class Answering:
    """One version that answers: its router has learned its intents, and its memory follows its index."""

    def __init__(self, version: Version, shared: Shared) -> None:
        self.version = version
        self.router = Router(*topics_of(version.project), version.embedder)
        self._shared = shared
        self._memory = Memory(shared.store, shared.clock, shared.groups_of, days=shared.project.stack.memory.days)
        # The indexes as they show themselves under repairs: the same ones until those change.
        self._shown: Callable[[Curation], list[PassageIndex]] = lru_cache(maxsize=1)(
            lambda curation: [
                own.index for own in unblocked(version.collections, version.under(curation).project.curation)
            ]
        )

    def parts(self, live: Live, curation: Curation, *, variant: str = "", exposed: set[str] | None = None) -> Parts:
        """Return what turns work with from now on; `variant` names the arm of the trial that is live."""
        shared = self._shared
        version = self.version.under(curation)
        intents, _ = topics_of(version.project)
        return Parts(
            clock=shared.clock,
            bucket=shared.bucket,
            store=shared.store,
            router=self.router,
            scopes=scopes_of(version, faq_only=live.faq_only),
            memory=self._memory,
            signs=shared.signs,
            journal=Journal(
                clock=shared.clock,
                key=shared.key,
                charter_sha=version.project.charter_digest[:12],
                index_sha=index_digest(version.collections, version.project.curation)[:12],
                variant=variant,
                flag_key=live.trial.run if live.trial and variant else "",
                exposed=set() if exposed is None else exposed,
            ),
            suggestions=[topic.examples[0] for topic in intents if topic.examples][:SUGGESTIONS],
            message_chars=shared.project.stack.server.limits.message_chars,
            groups=shared.groups,
        )

    async def recall(self, curation: Curation) -> None:
        """Take up what past conversations have come to be resolved."""
        await self._memory.refresh(self._shown(curation))

    def follow(self, curation: Curation) -> None:
        """Look at past conversations under these repairs, and as the index is now."""
        self._memory.follow(self._shown(curation))

    def refreshed(self) -> bool:
        """Read from newer commits of the collections; return whether there were any.

        All are asked: what one has let go must not be shown because another one does not open.
        """
        refreshed = [_refreshed(collection) for collection in self.version.collections]
        return any(refreshed)


class Running:
    """An assistant while it answers: from what is live, under the repairs that hold."""

    def __init__(self, shared: Shared, shelf: Shelf) -> None:
        self._shared = shared
        self._shelf = shelf
        self._now = Live()
        self._sides: list[Answering] = []
        self._exposed: dict[str, set[str]] = {}
        self._repairs = Followed(shared.project.folder, shared.project.curation)

    async def begin(self, live: Live) -> Assistant:
        """Open what is live; return what every door talks to. Raises what opening raises."""
        await self._take(live)
        for side in self._sides:
            await side.recall(self._repairs.curation)
        return self.assistant

    @cached_property
    def assistant(self) -> Assistant:
        """Return what every door talks to; it answers from the beginning on."""
        return Assistant(self._arms(), name=self._shared.project.name, renewed=self._renewed)

    @cached_property
    def curator(self) -> Curator:
        """Return what repairs the search."""
        shared = self._shared
        return Curator(
            shared.project.folder,
            past=shared.store,
            router=self._sides[0].router,
            scopes=lambda curation: scopes_of(self._sides[0].version.under(curation)),
            groups_of=shared.groups_of,
        )

    async def follow(self) -> None:
        """Answer from each newer commit of the collections, and recall what was resolved since; never ends."""
        while True:
            await asyncio.sleep(FOLLOW_S)
            curation = self._repairs.curation
            refreshed = [side for side in self._sides if side.refreshed()]
            for side in refreshed:
                side.follow(curation)
            if refreshed:
                self.assistant.adopt(self._arms())
            try:
                for side in self._sides:
                    await side.recall(curation)
            except ShipmateError as error:
                log.warning("Past conversations are not brought up to date: %s", error.what)

    async def follow_live(self, followed: FollowedLive) -> None:
        """Answer from what is live: a release that was promoted or taken back, a trial, the FAQ alone; never ends."""
        while True:
            await asyncio.sleep(FOLLOW_LIVE_S)
            if not followed.changed() and self._now == followed.live:
                continue
            try:
                await self._take(followed.live)
                for side in self._sides:
                    await side.recall(self._repairs.curation)
            except (OSError, ShipmateError) as error:
                log.error("What answers stays as it was: %s", error)  # noqa: TRY400 - said once a second
                await asyncio.sleep(FOLLOW_S)
            else:
                self.assistant.adopt(self._arms())

    async def _take(self, live: Live) -> None:
        """Open what is live; a candidate that does not open is in no trial, and the log says why."""
        control = await self._side(live.release)
        sides = [control]
        if live.trial and live.trial.mode != "shadow":
            try:
                sides.append(await self._side(live.trial.release))
            except ShipmateError as error:
                log.error("%s is not tried: %s", live.trial.candidate, error)  # noqa: TRY400 - the user's folder, not a bug
        self._sides, self._now = sides, live
        tried = {live.trial.release} if live.trial else set()
        wanted = {live.release, live.previous, *tried}
        await self._shelf.keep(wanted)

    async def _side(self, release: str) -> Answering:
        """Return a version that answers: the one that does already, or one that begins to."""
        version = await self._shelf.take(release)
        known = [side for side in self._sides if side.version is version]
        return known[0] if known else Answering(version, self._shared)

    def _arms(self) -> Arms:
        live, curation, trial = self._now, self._repairs.curation, self._now.trial
        control, *others = self._sides
        # What the FAQ alone answers tells nothing of either arm.
        if trial is None or not others or live.faq_only:
            return Arms(usual=control.parts(live, curation))
        # Of the trial that runs; those of earlier ones are forgotten.
        self._exposed = {trial.run: self._exposed.get(trial.run, set())}
        exposed = self._exposed[trial.run]
        on_trial = OnTrial(
            trial=trial,
            flags=self._shared.flags,
            control=control.parts(live, curation, variant=trial.control, exposed=exposed),
            candidate=others[0].parts(live, curation, variant=trial.candidate, exposed=exposed),
        )
        return Arms(usual=control.parts(live, curation), on_trial=on_trial)

    def _renewed(self) -> Arms | None:
        """Return what turns work with when `curation.yml` has changed."""
        if not self._repairs.changed():
            return None
        for side in self._sides:
            side.follow(self._repairs.curation)
        return self._arms()


def _refreshed(collection: Collection) -> bool:
    """Tell whether a collection may hold something else than before; what does not open is tried again."""
    try:
        return collection.refresh()
    except (OSError, ShipmateError) as error:
        log.warning("Documents are not brought up to date: %s", error)
        return True
