"""What callers are answered from: one version of an assistant over its collections, under the repairs that hold."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from shipmate import config
from shipmate.answer import draft
from shipmate.answer.faq import Faq
from shipmate.config import Project
from shipmate.curation import Curation
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.repair import Repair, unblocked
from shipmate.knowledge.search import Search
from shipmate.ports import ChatModel, Embedder, Reranker
from shipmate.router import Topic
from shipmate.turn import Scope, Scopes

__all__ = ["Version", "index_digest", "scopes_of", "topics_of"]


NO_REPAIRS = Curation()


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of an assistant, opened: all that its answers depend on."""

    project: Project
    collections: Sequence[Collection]
    embedder: Embedder | None = None
    model: ChatModel | None = None
    reranker: Reranker | None = None
    # Of a built one; empty for a folder as it is.
    release: str = ""

    def under(self, curation: Curation) -> "Version":
        """Return the same version under other repairs; a built one keeps its own, and takes of others what they block."""
        if self.release:
            curation = self.project.curation.blocking(curation.blocks)
        return replace(self, project=msgspec.structs.replace(self.project, curation=curation))


def scopes_of(version: Version, *, faq_only: bool = False) -> Scopes:
    """Return what callers are answered from, under the repairs of the version's project."""
    project = version.project
    limits = project.stack.server.limits
    faq = Faq(_faq(project))
    curation = project.curation
    repair = Repair(curation) if curation.synonyms or curation.pins else None

    def scope(seen: Sequence[Collection]) -> Scope:
        search = Search(*seen, embedder=version.embedder, reranker=version.reranker, repair=repair)
        drafter = draft.Drafter(
            faq=faq,
            statistics=search.statistics,
            model=version.model,
            prompt=_prompt(project),
            limits=draft.Limits(model_tokens=limits.model_tokens, model_deadline_s=limits.model_deadline_s),
            faq_only=faq_only,
        )
        release = version.release or f"dev-{config.content_hash(project, index_digest(seen))[:12]}"
        return Scope(search=search, drafter=drafter, release=release)

    return Scopes(unblocked(version.collections, curation), scope)


def index_digest(collections: Sequence[Collection], curation: Curation = NO_REPAIRS) -> str:
    """Return one hash of all documents as they were indexed, and of the repairs under which they are found."""
    known = [pair for collection in collections for pair in collection.index.sources().items()]
    lines = sorted(f"{source}\0{fingerprint}\n" for source, fingerprint in known)
    return hashlib.sha256("".join([*lines, curation.digest]).encode()).hexdigest()


def topics_of(project: Project) -> tuple[list[Topic], list[Topic]]:
    """Return the charter's intents, and what it refuses."""
    if project.charter is None:
        return [], []
    intents = [Topic(name=intent.id, examples=intent.examples) for intent in project.charter.intents]
    refused = [
        Topic(name=topic.topic, examples=topic.examples or (topic.topic,), reply=topic.reply)
        for topic in project.charter.out_of_scope
    ]
    return intents, refused


def _faq(project: Project) -> list[Topic]:
    return [Topic(name="faq", examples=entry.asked, reply=entry.answer) for entry in project.faq]


def _prompt(project: Project) -> str:
    return f"You are the assistant “{project.name}”.\n\n{project.prompt}".strip()
