"""Find the passages that a question needs: by its words, by what they mean, and by where its names lead."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, pairwise
from operator import itemgetter

import msgspec

from shipmate.curation import Place
from shipmate.errors import Damaged, ModelError
from shipmate.knowledge.collection import Collection, statistics_of
from shipmate.knowledge.conversation import faint_terms
from shipmate.knowledge.equals import best_of
from shipmate.knowledge.fusion import fuse, hinted, ranked
from shipmate.knowledge.keys import passage_key
from shipmate.knowledge.repair import PIN, Repair
from shipmate.knowledge.rerank import RERANKED, rerank
from shipmate.knowledge.siblings import SIBLINGS, siblings
from shipmate.knowledge.telling import telling_by
from shipmate.messages import Hit, Led, Passage, Question
from shipmate.ports import Embedder, Reranker
from shipmate.text import STOP_WORDS, asked_stems, stem, stems, words

__all__ = ["CLOSELY", "DEPTH", "LEAST_LIKENESS", "LEG_DEPTH", "Look", "Search"]

log = logging.getLogger(__name__)

# How many of the best by words count, how many of them are looked at closely, and how many of the other legs count.
DEPTH = 50
CLOSELY = 30
LEG_DEPTH = 30
# What is less like the question, and shares no word with it, has nothing to do with it.
LEAST_LIKENESS = 0.1
# What a passage gains, at most, on a lexical score of 1: for holding the question's phrases,
PHRASES = 0.35
# and for a title and headings that say nothing but what the question names.
HEADED = 0.3
# The rarest phrases of a question tell enough.
PHRASES_SOUGHT = 8
TEXTS_KEPT = 2048
HEADS_KEPT = 4096


class Head(msgspec.Struct, frozen=True, gc=False):
    """The words of a title and headings, and how much they weigh together."""

    stems: frozenset[str]
    weight: float


class Look(msgspec.Struct, frozen=True):
    """What the legs of one search say, and the ranking that they make together."""

    # The stems that were looked for, with their weights, and what the words found, best first.
    terms: Mapping[str, float] = {}
    worded: Sequence[Hit] = ()
    # The same after the closer look at the best.
    closer: Sequence[tuple[float, Hit]] = ()
    cosine: Mapping[int, float] = {}
    led: Led = Led({}, 0.0)
    gained: Mapping[int, float] = {}
    # The keys of passages with their whole scores, best first.
    ranking: Sequence[tuple[int, float]] = ()


class Search:
    """Search over one commit of each collection; made anew when one of them has a newer one."""

    def __init__(
        self,
        *collections: Collection,
        embedder: Embedder | None = None,
        reranker: Reranker | None = None,
        repair: Repair | None = None,
    ) -> None:
        self._collections = collections
        self._embedder = embedder
        self._reranker = reranker
        self._repair = repair
        self.statistics = statistics_of(collections)
        self._telling = telling_by(self.statistics)
        self._head = lru_cache(maxsize=HEADS_KEPT)(self._weighed_head)

    async def passages(self, question: Question, limit: int = 8, groups: frozenset[str] = frozenset()) -> list[Hit]:
        """Return the best passages for the question that these groups may see, best first; each with its legs' scores.

        Of passages that say the same, one.
        """
        hits = await self._found(question, limit, groups)
        return self._pinned_first(hits, question, groups)[:limit] if self._repair else hits

    async def _found(self, question: Question, limit: int, groups: frozenset[str]) -> list[Hit]:
        text = question.standalone
        look = await self.look(question, limit, groups)
        said = {passage_key(hit.passage): hit for _, hit in look.closer}
        legs = {
            "lexical": {key: hit.score for key, hit in said.items()},
            "dense": look.cosine,
            "graph": look.led.scores,
            SIBLINGS: look.gained,
        }
        depth = max(limit, RERANKED) if self._reranker else limit
        distinct: dict[str, Hit] = {}
        for key, score in look.ranking:
            known = said.get(key)
            passage = known.passage if known else self._passage(key, groups)
            if passage and passage.text not in distinct:
                shares = {leg: scores[key] for leg, scores in legs.items() if key in scores}
                distinct[passage.text] = Hit(passage=passage, score=score, legs=shares)
                if len(distinct) == depth:
                    break
        found = list(distinct.values())
        return (await self._reranked(text, found))[:limit]

    async def look(self, question: Question, limit: int, groups: frozenset[str]) -> Look:
        """Return what each leg says of a question, and their ranking, before passages that say the same become one."""
        text = question.standalone
        asked = {stem: self._telling[stem] for stem in asked_stems(text)}
        if not asked:
            return Look()
        terms = dict.fromkeys(asked, 1.0)
        if question.history:
            terms = {**faint_terms(question.history, self._telling.__getitem__), **terms}
        if self._repair:
            terms = {**self._repair.kin(tuple(asked)), **terms}
        hits = self._by_words(terms, max(DEPTH, limit), groups)
        scores = self._scores(hits[:CLOSELY], text, asked) + [hit.score / hits[0].score for hit in hits[CLOSELY:]]
        closer = sorted(zip(scores, hits, strict=True), key=itemgetter(0), reverse=True)
        said = {passage_key(hit.passage): (score, hit) for score, hit in closer}
        cosine = await self._likenesses(text, said, groups)
        led = self._led(text, [hit for _, hit in closer[:CLOSELY]], groups)
        own = fuse({key: score for key, (score, _) in said.items()}, cosine)
        gained = siblings(own, {key: hit.passage.source for key, (_, hit) in said.items()})
        return Look(terms, hits, closer, cosine, led, gained, ranked(own, gained, hinted(led)))

    async def _reranked(self, text: str, hits: list[Hit]) -> list[Hit]:
        """Return the hits as the reranker orders them; one that fails leaves them as they are."""
        if self._reranker is None:
            return hits
        try:
            return await rerank(text, hits, self._reranker)
        except (ModelError, Damaged) as error:
            log.warning("The order stays as it was found: %s", error.what)
            return hits

    def _pinned_first(self, hits: list[Hit], question: Question, groups: frozenset[str]) -> list[Hit]:
        """Put before the hits what is pinned to the question, as far as these groups may see it."""
        places = self._repair.pinned(question.standalone) if self._repair else ()
        legs = {passage_key(hit.passage): hit.legs for hit in hits}
        pinned = {passage.text: passage for place in places for passage in self._at(place, hits, groups)}
        if not pinned:
            return hits
        score = max((hit.score for hit in hits), default=0.0) + 1
        first = [
            Hit(passage=passage, score=score, legs={**legs.get(passage_key(passage), {}), PIN: 1.0})
            for passage in pinned.values()
        ]
        return [*first, *(hit for hit in hits if hit.passage.text not in pinned)]

    def _at(self, place: Place, hits: Sequence[Hit], groups: frozenset[str]) -> list[Passage]:
        """Return the passages at a place; of a whole document, the one that the question finds first, or its first."""
        own = [passage for collection in self._collections for passage in collection.index.passages(place.source)]
        seen = [passage for passage in own if passage.is_for(groups) and place.touches(passage.start, passage.end)]
        if place.end:
            return seen
        return [*(hit.passage for hit in hits if hit.passage.source == place.source), *seen][:1]

    def _by_words(self, terms: Mapping[str, float], limit: int, groups: frozenset[str]) -> list[Hit]:
        return best_of(lambda count: self._worded(terms, count, groups), limit)

    def _worded(self, terms: Mapping[str, float], limit: int, groups: frozenset[str]) -> list[Hit]:
        if len(self._collections) == 1:
            return self._collections[0].index.search(terms, limit, groups)
        found = [
            collection.index.search(self._shared(terms, collection), limit, groups) for collection in self._collections
        ]
        return sorted(chain.from_iterable(found), key=lambda hit: -hit.score)[:limit]

    def _shared(self, terms: Mapping[str, float], collection: Collection) -> dict[str, float]:
        """Weigh terms so that they count in a collection what they tell in all of them: scores become comparable."""
        own = telling_by(collection.index.statistics)
        return {stem: weight * self._telling[stem] / own[stem] for stem, weight in terms.items()}

    async def _likenesses(self, text: str, said: Mapping[int, object], groups: frozenset[str]) -> dict[int, float]:
        """Return how near the nearest passages are to the text, and those that the words have found."""
        holding = [collection.vectors for collection in self._collections if collection.vectors]
        if self._embedder is None or not holding:
            return {}
        try:
            (vector,) = await self._embedder.embed([text])
        except ModelError as error:
            log.warning("Search goes on with words and graph alone: %s", error.what)
            return {}
        found: dict[int, float] = {}
        for vectors in holding:
            near = vectors.search(vector, LEG_DEPTH, groups)
            found |= {key: likeness for key, likeness in near.items() if likeness >= LEAST_LIKENESS}
            found |= vectors.cosines(vector, said)
        return found

    def _led(self, text: str, hits: Sequence[Hit], groups: frozenset[str]) -> Led:
        """Return where the graphs lead; of several, the one that is most to be believed says how far."""
        graphs = [collection.graph for collection in self._collections if collection.graph]
        led = [graph.seek(text, hits, groups, LEG_DEPTH) for graph in graphs]
        scores = {key: score for one in led for key, score in one.scores.items()}
        return Led(scores, max((one.trust for one in led), default=0.0))

    def _passage(self, key: int, groups: frozenset[str]) -> Passage | None:
        """Return what another leg has found, as far as the index still holds it and these groups may see it."""
        for collection in self._collections:
            passage = collection.index.found([key]).get(key)
            if passage:
                return passage if passage.is_for(groups) else None
        return None

    def _scores(self, hits: Sequence[Hit], text: str, asked: Mapping[str, float]) -> list[float]:
        """Return the score of each passage after the closer look."""
        if not hits:
            return []
        texts = [_lowered(hit.passage.text) for hit in hits]
        together = "\n".join(texts)
        phrases = [(phrase, weight) for phrase, weight in self._phrases(text) if phrase in together]
        best = hits[0].score
        scores = []
        for hit, said in zip(hits, texts, strict=True):
            score = hit.score / best
            if phrases:
                score += PHRASES * sum([weight for phrase, weight in phrases if phrase in said])
            head = self._head(hit.passage.title, hit.passage.headings)
            named = head.stems.intersection(asked)
            if named:
                score += HEADED * sum([asked[stem] for stem in named]) / head.weight
            scores.append(score)
        return scores

    def _phrases(self, text: str) -> list[tuple[str, float]]:
        """Return the rarest phrases of a question with their weights, which are 1 together."""
        weighed = {phrase: self._telling[first] + self._telling[second] for phrase, first, second in _pairs(text)}
        rarest = sorted(weighed.items(), key=itemgetter(1), reverse=True)[:PHRASES_SOUGHT]
        whole = sum(weighed.values())
        return [(phrase, weight / whole) for phrase, weight in rarest]

    def _weighed_head(self, title: str, headings: tuple[str, ...]) -> Head:
        named = frozenset(stems(" ".join((title, *headings))))
        return Head(named, sum(map(self._telling.__getitem__, named)))


def _pairs(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield what stretches from a content word to the beginning of the next one, with the stems of both."""
    said = words(text.lower())
    places = [place for place, word in enumerate(said) if word not in STOP_WORDS]
    for first, second in pairwise(places):
        ending = stem(said[second])
        # A stem may end otherwise than its word: "happy" and "happi".
        shared = ending if said[second].startswith(ending) else ending[:-1]
        yield " ".join((*said[first:second], shared)), stem(said[first]), ending


@lru_cache(maxsize=TEXTS_KEPT)
def _lowered(text: str) -> str:
    return text.lower()
