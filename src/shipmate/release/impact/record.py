"""Ask a question, and note what its answer stands on."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol, runtime_checkable

from shipmate.answer.draft import Limits
from shipmate.answer.quotes.answerable import ANSWER_THRESHOLD, confidence
from shipmate.answer.quotes.extractive import QUOTED_HITS, Extractive
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.equals import MOST, is_equal, settled
from shipmate.knowledge.graph.view import View
from shipmate.knowledge.keys import passage_key
from shipmate.knowledge.nearest import COMPARED_ALL
from shipmate.knowledge.search import CLOSELY, DEPTH, LEAST_LIKENESS, LEG_DEPTH, Look, Search
from shipmate.knowledge.telling import telling_by
from shipmate.messages import Hit, Passage, Question
from shipmate.ports import Embedder, PassageIndex, TermStatistics
from shipmate.release.impact.evidence import ALWAYS, NEVER, Evidence, Lexical, Nearness
from shipmate.release.impact.margins import (
    NOISE,
    Gaps,
    Quoting,
    Whole,
    closer_of,
    doubt_of,
    found_gaps,
    led_gaps,
    ranked_gaps,
    whole_of,
)
from shipmate.release.impact.slopes import Moving, lexical_slopes
from shipmate.release.impact.walks import Walked, walked
from shipmate.release.replay import Answered, Past, Player
from shipmate.text import stems

__all__ = ["Recorder", "Scaled", "Seen"]

HITS = 8
# So many more than count are looked at: they may come to count.
BEHIND = 10
LIMITS = Limits()


@runtime_checkable
class Scaled(Protocol):
    """An index that tells against what its scores are weighed."""

    @property
    def scale(self) -> tuple[int, float]:
        """Return how many entries there are for the scores, and their mean length."""


@runtime_checkable
class Seen(Protocol):
    """A graph that can be looked at."""

    def view(self, groups: frozenset[str] = frozenset()) -> View:
        """Return what these groups may see."""


class Noted:
    """Term statistics that note which stems they are asked for."""

    def __init__(self, statistics: TermStatistics) -> None:
        self._statistics = statistics
        self.stems: set[str] = set()

    @property
    def passage_count(self) -> int:
        """Return the number of passages."""
        return self._statistics.passage_count

    def document_frequency(self, stem: str) -> int:
        """Return the number of passages that hold the stem, and note it."""
        self.stems.add(stem)
        return self._statistics.document_frequency(stem)


class NotedIndex:
    """An index whose statistics take notes; all else is the index's own."""

    def __init__(self, index: PassageIndex, statistics: Noted) -> None:
        self._index = index
        self.statistics = statistics
        self.search = index.search
        self.passages = index.passages
        self.found = index.found
        self.sources = index.sources
        self.keys = index.keys
        self.refresh = index.refresh
        self.write = index.write


class Recorder:
    """Records answers from one collection as it is, through the very search and quotes of a turn."""

    def __init__(
        self, player: Player, collections: Iterable[Collection], embedder: Embedder | None, *, is_plain: bool
    ) -> None:
        """Record what a player answers; `is_plain` says that nothing but documents and words decides: no pins, no model."""
        self._player = player
        self._collections = tuple(collections)
        self._embedder = embedder
        self._is_plain = is_plain and len(self._collections) == 1

    async def record(self, past: Past) -> Evidence:
        """Return a question's answer with its evidence; where that is not fully known, it holds for nothing."""
        answered = await self._player.answer(past)
        unsure = Evidence(past=past, answered=answered, radius=NEVER)
        if not self._is_plain:
            return unsure
        if self._is_settled(past, answered):
            return Evidence(past=past, answered=answered)
        (collection,) = self._collections
        index: object = collection.index
        graph: object = collection.graph
        if not isinstance(index, Scaled) or not isinstance(graph, Seen | None):
            return unsure
        return await self._standing(past, answered, collection, index.scale[1]) or unsure

    @staticmethod
    def _is_settled(past: Past, answered: Answered) -> bool:
        """Tell whether no document has a say: a verbatim answer, a refusal of the charter, a question back."""
        return answered.is_settled or not stems(past.question.standalone)

    async def _standing(self, past: Past, answered: Answered, collection: Collection, length: float) -> Evidence | None:
        question, groups = past.question, frozenset(past.groups)
        noted = Noted(collection.index.statistics)
        beside = replace(collection, index=NotedIndex(collection.index, noted))
        search = Search(beside, embedder=self._embedder)
        look = await search.look(question, HITS, groups)
        hits = await search.passages(question, HITS, groups)
        more = self._worded(look, collection, groups)
        if more is None:
            return None
        seen = self._walked(question.standalone, look, collection, groups)
        if [hit.passage for hit in more[:DEPTH]] != [hit.passage for hit in look.worded] or (
            seen and any(seen.led.scores.get(key) != score for key, score in look.led.scores.items())
        ):
            return None
        telling = telling_by(noted)
        terms = {stem: weight * telling[stem] for stem, weight in look.terms.items()}
        lexical = lexical_slopes(more, terms, length)
        firsts = self._firsts(look, collection, groups, HITS)
        if lexical is None or firsts != [passage_key(hit.passage) for hit in hits]:
            return None
        gaps = Gaps()
        found_gaps(gaps, lexical, is_more=len(more) >= DEPTH + BEHIND)
        held = Moving(*(part[:DEPTH] for part in lexical))
        closer = closer_of(look, held) if look.closer else held
        led_gaps(gaps, look, closer, seen.named if seen else frozenset())
        whole = whole_of(look, closer)
        if whole is None:
            return None
        ranked_gaps(gaps, firsts, whole)
        doubt = doubt_of(question, hits, noted, whole)
        if confidence(question, hits, noted) >= ANSWER_THRESHOLD:
            self._quoted(question, hits, noted, whole, gaps)
        nearness = await self._near(question.standalone, look, collection, groups)
        if nearness is None:
            return None
        near, nearest = nearness
        passages = {passage_key(hit.passage) for hit in more} | set(look.cosine) | nearest
        return Evidence(
            past=past,
            answered=answered,
            radius=NEVER if gaps.is_lost else ALWAYS,
            gaps=tuple((gap, unsure, bend, *slopes.tolist()) for gap, unsure, bend, slopes in gaps.kept),
            lexical=Lexical(terms=terms, least=more[DEPTH - 1].score if len(more) >= DEPTH else 0.0),
            near=near,
            doubt=doubt,
            passages=frozenset(passages | (seen.passages if seen else frozenset())),
            leading=seen.leading if seen else frozenset(),
            rounds=seen.rounds if seen else (),
            closely=tuple(hit for _, hit in look.closer[:CLOSELY]),
            led=look.led,
            names=seen.names if seen else frozenset(),
            stems=frozenset(noted.stems),
        )

    @staticmethod
    def _walked(text: str, look: Look, collection: Collection, groups: frozenset[str]) -> Walked | None:
        graph: object = collection.graph
        if not isinstance(graph, Seen) or not look.terms:
            return None
        return walked(text, [hit for _, hit in look.closer[:CLOSELY]], graph.view(groups))

    @staticmethod
    def _firsts(look: Look, collection: Collection, groups: frozenset[str], count: int) -> list[int]:
        """Return the keys of the distinct passages that come first."""
        said = {passage_key(hit.passage): hit.passage for _, hit in look.closer}
        firsts: dict[str, int] = {}
        for key, _ in look.ranking:
            passage: Passage | None = said.get(key) or collection.index.found([key]).get(key)
            if passage and passage.is_for(groups) and passage.text not in firsts:
                firsts[passage.text] = key
                if len(firsts) == count:
                    break
        return list(firsts.values())

    @staticmethod
    def _worded(look: Look, collection: Collection, groups: frozenset[str]) -> list[Hit] | None:
        """Return what the words find and a few behind them; None where too many equal the last of what counts."""
        found = list(collection.index.search(look.terms, DEPTH + BEHIND, groups))
        if len(found) < DEPTH + BEHIND or not is_equal(found[DEPTH - 1], found[-1]):
            return settled(found)
        found = list(collection.index.search(look.terms, MOST, groups))
        if len(found) == MOST and is_equal(found[DEPTH - 1], found[-1]):
            return None
        found = settled(found)
        count = sum(is_equal(found[DEPTH - 1], hit) for hit in found[DEPTH:])
        return found[: DEPTH + count + BEHIND]

    @staticmethod
    def _quoted(question: Question, hits: list[Hit], noted: Noted, whole: Whole, gaps: Gaps) -> None:
        """Hold that the same is quoted."""
        first = hits[:QUOTED_HITS]
        most = {"max_sentences": LIMITS.sentences, "max_citations": LIMITS.citations}
        choice = Extractive(noted).choice(question, first, **most)
        Quoting(question, first, choice, whole, gaps).look(telling_by(noted), **most)

    async def _near(
        self, text: str, look: Look, collection: Collection, groups: frozenset[str]
    ) -> tuple[Nearness, set[int]] | None:
        """Return when a passage would count as near, and those that do, or nearly; None where that cannot be told."""
        if self._embedder is None or collection.vectors is None or not look.terms:
            return Nearness(), set()
        if len(collection.vectors) > COMPARED_ALL or any(
            abs(one - LEAST_LIKENESS) <= NOISE for one in look.cosine.values()
        ):
            return None
        (vector,) = await self._embedder.embed([text])
        near = collection.vectors.search(vector, LEG_DEPTH + 1, groups)
        ordered = list(near.values())
        if len(ordered) > LEG_DEPTH and ordered[-2] - ordered[-1] <= NOISE:
            return None
        least = LEAST_LIKENESS
        if len(ordered) >= LEG_DEPTH:
            least = max(least, ordered[LEG_DEPTH - 1])
        return Nearness(vector=tuple(vector.tolist()), least=least - NOISE), set(near)
