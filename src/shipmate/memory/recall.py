"""Recall of past conversations: resolved ones only, with consent, for a time, and within the caller's audience.

A conversation is recalled to those who are in all groups of whoever led it, and who may see every passage that it
cites: so nobody hears the words of somebody who may see more. An exchange of which a citation no longer stands in the
documents is not recalled.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from operator import is_

from shipmate.memory.resolved import QUIET_S, asks_again, solved
from shipmate.memory.signs import REOPENED_S
from shipmate.memory.spoken import Mask, Spoken, SpokenIndex
from shipmate.memory.standing import Standing
from shipmate.messages import Citation, Episode, Exchange, Passage, Recalled
from shipmate.ports import Clock, Episodes, PassageIndex
from shipmate.text import asked_stems, stems

__all__ = ["Memory"]

DAY_S = 24 * 3600
# At most so many episodes are kept, the newest, and so many exchanges of each, the last.
EPISODES = 500
EXCHANGES = 4
# How long an episode may go unnoticed that has come to rest, has expired or was withdrawn.
LOOK_S = 30.0
READ_AT_ONCE = 50
# How many exchanges are recalled.
RECALLED = 3
# So many turns are looked at: question and reply of an exchange may both be found.
DEPTH = 12
# An exchange whose question has less in common with the present one is no example for it.
LEAST_LIKENESS = 0.15
VIEWS = 64


@dataclass(slots=True)
class Kept:
    """An episode in memory."""

    episode: Episode
    solved: tuple[Exchange, ...]
    # Those of the solved whose citations all stand: its thread in the index holds them, with two turns each.
    standing: tuple[Exchange, ...] = ()
    # Whom its passages are for, by group; of one that everyone may see, no group.
    audiences: frozenset[tuple[str, ...]] = frozenset()

    @property
    def citations(self) -> list[Citation]:
        """Return all that is cited in it."""
        return [citation for exchange in self.episode.exchanges for citation in exchange.citations]


class Memory:
    """The resolved past conversations of an assistant; lives on the event loop."""

    def __init__(
        self, store: Episodes, clock: Clock, groups_of: Callable[[str], frozenset[str]], *, days: int = 90
    ) -> None:
        self._store = store
        self._clock = clock
        self._groups_of = groups_of
        self._kept_s = days * DAY_S
        self._kept: dict[str, Kept] = {}
        self._of_caller: dict[str, set[str]] = defaultdict(set)
        self._of_conversation: dict[str, set[str]] = defaultdict(set)
        self._index = SpokenIndex()
        self._standing = Standing()
        self._indexes: tuple[PassageIndex, ...] = ()
        # The rows of the index that may be seen by those who are in these groups.
        self._views: dict[frozenset[str], Mask] = {}
        self._erasures = 0
        self._look_at = 0.0

    @property
    def is_on(self) -> bool:
        """Return whether anything may be recalled at all."""
        return self._kept_s > 0

    def recall(
        self, question: str, conversation_id: str, groups: frozenset[str], telling: Mapping[str, float]
    ) -> tuple[Recalled, ...]:
        """Return the exchanges of other conversations that have most to do with a question, best first.

        `telling` is how much each stem tells.
        """
        asked = asked_stems(question)
        if not asked or not len(self._index):
            return ()
        turns = self._index.search(question, DEPTH, self._view(groups))
        found = dict.fromkeys((turn.thread, turn.place // 2) for turn in turns)
        exchanges = [
            kept.standing[number]
            for kept, number in ((self._kept[issue_id], number) for issue_id, number in found)
            if kept.episode.conversation_id != conversation_id
        ]
        alike = ((exchange, _likeness(asked, exchange, telling)) for exchange in exchanges)
        near = ((exchange, likeness) for exchange, likeness in alike if likeness >= LEAST_LIKENESS)
        return tuple(
            Recalled(exchange=exchange, likeness=likeness, passages=self._passages(exchange))
            for exchange, likeness in islice(near, RECALLED)
        )

    async def refresh(self, indexes: Sequence[PassageIndex]) -> None:
        """Take up what has come to rest; let go what has expired, was withdrawn, or whose caller was forgotten."""
        if not self.is_on:
            return
        self.follow(indexes)
        erasures = await self._store.erasures()
        now = self._clock.now()
        if erasures != self._erasures or now >= self._look_at:
            self._erasures, self._look_at = erasures, now + LOOK_S
            rested = await self._store.rested(since=now - self._kept_s, until=now - QUIET_S, limit=EPISODES)
            for issue_id in self._kept.keys() - set(rested):
                self._let_go(issue_id)
            new = [issue_id for issue_id in reversed(rested) if issue_id not in self._kept]
            for start in range(0, len(new), READ_AT_ONCE):
                for episode in await self._store.episodes(new[start : start + READ_AT_ONCE]):
                    self._take(episode)
        # Meanwhile repairs may have changed what the indexes show: then these are not gone back to.
        if not self._reads_from(indexes):
            return
        self.follow(indexes)
        touched: set[str] = set()
        for source in self._standing.unread():
            passages = await asyncio.to_thread(_of_source, indexes, source)
            if self._reads_from(indexes):
                touched |= self._standing.read(source, passages)
        self._settle(touched)

    def follow(self, indexes: Sequence[PassageIndex]) -> None:
        """Recall nothing any more that stands on a document which has changed, until it was read again.

        In other indexes than before, every document may be another one.
        """
        fingerprints = {source: own for index in indexes for source, own in index.sources().items()}
        others = not self._reads_from(indexes)
        self._indexes = tuple(indexes)
        self._settle(self._standing.changed(fingerprints, all_of_them=others))

    def _reads_from(self, indexes: Sequence[PassageIndex]) -> bool:
        return len(indexes) == len(self._indexes) and all(map(is_, indexes, self._indexes))

    def _take(self, episode: Episode) -> None:
        for issue_id in self._of_caller[episode.caller]:
            earlier = self._kept[issue_id]
            still = tuple(exchange for exchange in earlier.solved if not _is_reopened(exchange, episode))
            if still != earlier.solved:
                earlier.solved = still
                self._settle([issue_id])
        kept = Kept(episode, tuple(solved(episode))[-EXCHANGES:])
        self._kept[episode.issue_id] = kept
        self._of_caller[episode.caller].add(episode.issue_id)
        self._of_conversation[episode.conversation_id].add(episode.issue_id)
        self._standing.watch(episode.issue_id, kept.citations)
        self._settle([episode.issue_id])

    def _let_go(self, issue_id: str) -> None:
        kept = self._kept.pop(issue_id)
        for ids, key in (
            (self._of_caller, kept.episode.caller),
            (self._of_conversation, kept.episode.conversation_id),
        ):
            ids[key].remove(issue_id)
            if not ids[key]:
                del ids[key]
        if kept.standing:
            self._index.remove(issue_id)
        self._standing.let_go(issue_id, kept.citations)
        self._views.clear()

    def _settle(self, issue_ids: Collection[str]) -> None:
        """Bring the index in step with what stands of these episodes."""
        for issue_id in issue_ids:
            kept = self._kept[issue_id]
            kept.audiences = frozenset(
                passage.audience for citation in kept.citations for passage in self._standing.passages(citation)
            )
            standing = tuple(
                exchange for exchange in kept.solved if all(map(self._standing.passages, exchange.citations))
            )
            if standing != kept.standing:
                if kept.standing:
                    self._index.remove(issue_id)
                if standing:
                    self._index.add(issue_id, [*_spoken(standing)])
                kept.standing = standing
        if issue_ids:
            self._views.clear()

    def _passages(self, exchange: Exchange) -> tuple[Passage, ...]:
        """Return where what an exchange cites stands."""
        found = (passage for citation in exchange.citations for passage in self._standing.passages(citation))
        return tuple({(passage.source, passage.start, passage.end): passage for passage in found}.values())

    def _view(self, groups: frozenset[str]) -> Mask:
        if groups not in self._views:
            if len(self._views) >= VIEWS:
                self._views.clear()
            shown = [
                issue_id
                for issue_ids in self._of_conversation.values()
                if self._is_for(issue_ids, groups)
                for issue_id in issue_ids
                if self._kept[issue_id].standing
            ]
            self._views[groups] = self._index.mask(shown)
        return self._views[groups]

    def _is_for(self, issue_ids: Collection[str], groups: frozenset[str]) -> bool:
        """Tell whether a conversation may be recalled to somebody who is in these groups."""
        kept = [self._kept[issue_id] for issue_id in issue_ids]
        return self._groups_of(kept[0].episode.caller) <= groups and all(
            not audience or not groups.isdisjoint(audience) for own in kept for audience in own.audiences
        )


def _of_source(indexes: Sequence[PassageIndex], source: str) -> list[Passage]:
    return [passage for index in indexes for passage in index.passages(source)]


def _likeness(asked: Collection[str], exchange: Exchange, telling: Mapping[str, float]) -> float:
    """Return the share that two questions have in common, in which each word counts what it tells."""
    other = frozenset(stems(exchange.question))
    shared = sum(telling[key] for key in asked if key in other)
    whole = sum(telling[key] for key in dict.fromkeys((*asked, *other)))
    return shared / whole if whole else 0.0


def _is_reopened(exchange: Exchange, later: Episode) -> bool:
    return later.exchanges[0].at - exchange.at <= REOPENED_S and asks_again(exchange, later.exchanges)


def _spoken(exchanges: Collection[Exchange]) -> Iterator[Spoken]:
    for exchange in exchanges:
        at = datetime.fromtimestamp(exchange.at, UTC)
        day = f"{at.day} {at:%B %Y}"
        yield Spoken(exchange.question, day=day)
        yield Spoken(exchange.reply, day=day)
