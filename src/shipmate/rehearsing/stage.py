"""An assistant opened on a store of its own, so that neither the journal nor a limit is touched."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from shipmate import __version__
from shipmate.adapters.system_clock import SystemClock
from shipmate.config import EVALS, Project
from shipmate.errors import Problem, UsageError
from shipmate.evals.cache import key_of
from shipmate.evals.outcome import Found, Outcome
from shipmate.evals.runner import Asking, NextMessage
from shipmate.flags.hashed import HashFlags
from shipmate.knowledge.chunk import chunk
from shipmate.knowledge.documents import KINDS, File
from shipmate.knowledge.formats import parse
from shipmate.knowledge.parser_process import ParserProcess
from shipmate.knowledge.search import Search
from shipmate.live import Live
from shipmate.messages import (
    Ask,
    Citation,
    Finished,
    Hit,
    Message,
    Passage,
    Question,
    Reply,
    Role,
    Scored,
    Token,
    Trace,
)
from shipmate.running import Answering, Shared
from shipmate.scopes import Version, index_digest
from shipmate.sources import DocumentFolder
from shipmate.testing.memory_store import MemoryStore
from shipmate.turn import Arms, Assistant, Parts, Scope, Scopes
from shipmate.versions import open_version

__all__ = ["Rehearsal", "open_rehearsal"]

NOBODY = "eval"
NO_GROUPS: frozenset[str] = frozenset()
SOURCES_KEPT = 256


@asynccontextmanager
async def open_rehearsal(project: Project, release: str = "") -> AsyncIterator["Rehearsal"]:
    """Open a release, or the folder as it is, to be held against cases; raises what `open_version` raises."""
    async with open_version(project, release) as version:
        yield Rehearsal(version)


class Spoken(NamedTuple):
    """A reply, why it came, and when its first word was there."""

    reply: Reply
    trace: Trace
    ttft_ms: float


class Rehearsal:
    """A version of an assistant, asked as somebody who is in no group."""

    def __init__(self, version: Version) -> None:
        self._version = version
        self._clock = SystemClock()
        self._store = MemoryStore()
        self._passages = lru_cache(maxsize=SOURCES_KEPT)(self._passages_of)
        self._planted = lru_cache(maxsize=SOURCES_KEPT)(self._with_planted)

    @cached_property
    def _parts(self) -> Parts:
        shared = Shared(
            project=self._version.project,
            clock=self._clock,
            key=b"",
            groups={},
            is_public=False,
            store=self._store,
            flags=HashFlags(),
        )
        return Answering(self._version, shared).parts(Live(), self._version.project.curation)

    @cached_property
    def _scope(self) -> Scope:
        return self._parts.scopes.of(NO_GROUPS)

    @cached_property
    def release(self) -> str:
        """Return what answers."""
        return self._scope.release

    @property
    def model(self) -> str:
        """Return the model's name; empty where answers are quotes."""
        return self._version.model.name if self._version.model else ""

    @cached_property
    def index_sha(self) -> str:
        """Return the hash of what it knows."""
        return index_digest(self._version.collections, self._version.project.curation)[:12]

    @cached_property
    def sha(self) -> str:
        """Return one hash of all that its answers depend on."""
        version = self._version
        names = [opened.name if opened else "" for opened in (version.model, version.embedder, version.reranker)]
        return key_of(__version__, self.release, self.index_sha, names)

    async def converse(self, next_message: NextMessage, asking: Asking) -> Outcome:
        """Hold a conversation; return what came of it."""
        assistant = self._planted(asking.doc_name, asking.doc) if asking.doc_name else self._assistant
        history = tuple(Message(role=Role(said.role), text=said.text, at=0.0) for said in asking.history)
        conversation_id = ""
        said: list[tuple[str, str]] = []
        spoken: list[Spoken] = []
        while (text := await next_message(said)) is not None:
            ask = Ask(
                text=text,
                conversation_id=conversation_id,
                caller=NOBODY,
                language=asking.language,
                history=history,
                channel="eval",
            )
            spoken.append(await self._spoken(assistant, ask))
            conversation_id = spoken[-1].reply.conversation_id
            said.append((text, spoken[-1].reply.text))
        return self._outcome(said, spoken)

    async def find(self, text: str, limit: int, asking: Asking) -> Outcome:
        """Return the passages that a question finds."""
        started_s = self._clock.elapsed()
        history = tuple(Message(role=Role(said.role), text=said.text, at=0.0) for said in asking.history)
        question = Question(text=text, standalone=text, history=history)
        hits = await self._scope.search.passages(question, limit, NO_GROUPS)
        spent_ms = (self._clock.elapsed() - started_s) * 1000
        passages = tuple(_found(hit.passage) for hit in hits)
        return Outcome(question=text, passages=passages, latency_ms=(spent_ms,))

    async def read(self, text: str) -> Outcome:
        """Return how a message is read."""
        return Outcome(question=text, route=await self._parts.router.route(text))

    @cached_property
    def _assistant(self) -> Assistant:
        return Assistant(Arms(usual=self._parts), name=self._version.project.name)

    def _with_planted(self, name: str, doc: bytes) -> Assistant:
        """Return the assistant as it is when every search finds this document first."""
        scopes = PlantedScopes(self._parts.scopes, _read(name, doc))
        return Assistant(Arms(usual=replace(self._parts, scopes=scopes)), name=self._version.project.name)

    async def _spoken(self, assistant: Assistant, ask: Ask) -> Spoken:
        started_s = self._clock.elapsed()
        ttft_ms: float | None = None
        reply: Reply | None = None
        async with aclosing(assistant.turn(ask)) as events:
            async for event in events:
                if isinstance(event, Token) and ttft_ms is None:
                    ttft_ms = (self._clock.elapsed() - started_s) * 1000
                if isinstance(event, Finished):
                    reply = event.reply
        if reply is None:
            raise AssertionError("a turn ends with Finished")
        trace = await self._store.trace(reply.turn_id, NOBODY)
        return Spoken(reply, trace, reply.latency_ms if ttft_ms is None else ttft_ms)

    def _outcome(self, said: Sequence[tuple[str, str]], spoken: Sequence[Spoken]) -> Outcome:
        if not spoken:
            return Outcome()
        reply, trace, _ = spoken[-1]
        usages = [one.reply.usage for one in spoken]
        verbatim = [entry.answer for entry in self._version.project.faq if entry.answer == reply.text]
        return Outcome(
            question=said[-1][0],
            said=tuple(text for _, text in said),
            kind=reply.kind.value,
            citations=tuple(self._cited(citation) for citation in reply.citations),
            passages=(
                *(self._scored(passage) for passage in trace.passages),
                *(Found(source="faq.yml", start=0, end=len(text), text=text) for text in verbatim),
            ),
            route=trace.route,
            state={"kind": reply.kind.value, "intent": trace.route.intent},
            usage=msgspec.structs.replace(
                usages[-1],
                input_tokens=sum(usage.input_tokens for usage in usages),
                output_tokens=sum(usage.output_tokens for usage in usages),
                cost_usd=sum(usage.cost_usd for usage in usages),
            ),
            latency_ms=tuple(one.reply.latency_ms for one in spoken),
            ttft_ms=tuple(one.ttft_ms for one in spoken),
            fault=next((one.trace.fault for one in spoken if one.trace.fault), ""),
        )

    def _cited(self, citation: Citation) -> Found:
        around = self._passage(citation.source, citation.start)
        return Found(
            source=citation.source,
            start=citation.start,
            end=citation.end,
            headings=around.headings if around else (),
            text=citation.quote,
        )

    def _scored(self, scored: Scored) -> Found:
        passage = self._passage(scored.source, scored.start)
        return _found(passage) if passage else Found(source=scored.source, start=scored.start, end=scored.end)

    def _passage(self, source: str, start: int) -> Passage | None:
        return next((one for one in self._passages(source) if one.start <= start < one.end), None)

    def _passages_of(self, source: str) -> list[Passage]:
        return [passage for own in self._version.collections for passage in own.index.passages(source)]


class PlantedScopes(Scopes):
    """Scopes in which every search finds some passages first, whatever is asked."""

    def __init__(self, scopes: Scopes, planted: Sequence[Passage]) -> None:
        super().__init__(scopes.collections, lambda _: self._planted_in(scopes))
        self._passages = tuple(planted)

    def _planted_in(self, scopes: Scopes) -> Scope:
        scope = scopes.of(NO_GROUPS)
        return replace(scope, search=PlantedSearch(scope.search, self._passages))


class PlantedSearch(Search):
    """A search that finds some passages first."""

    def __init__(self, search: Search, planted: Sequence[Passage]) -> None:
        self._search = search
        self._hits = [Hit(passage=passage, score=1.0) for passage in planted]
        self.statistics = search.statistics

    async def passages(self, question: Question, limit: int = 8, groups: frozenset[str] = frozenset()) -> list[Hit]:
        """Return what is planted, and then what is found."""
        return [*self._hits, *await self._search.passages(question, limit, groups)][:limit]


def _read(name: str, doc: bytes) -> list[Passage]:
    """Return a hostile document's passages, as they would be read and cut of one among the documents.

    Raises `UsageError` for one that would not be read: an attack that does not take place shows nothing.
    """
    entry = File(folder=DocumentFolder(prefix="", path=Path(EVALS)), below=name, size_bytes=len(doc))
    if entry.suffix not in KINDS:
        raise UsageError(f"{EVALS}/{name} is none of the kinds of documents that are read.", do="Take another kind.")
    with ParserProcess() as parsers:
        document = parse(entry, doc, parsers)
    if isinstance(document, Problem):
        raise UsageError(f"{EVALS}/{name} would not be read: {document.what}", do=document.do)
    return chunk(document)


def _found(passage: Passage) -> Found:
    return Found(
        source=passage.source,
        start=passage.start,
        end=passage.end,
        headings=tuple(passage.headings),
        text=passage.text,
    )
