"""Ask past questions again: what a version would answer, with nothing stored and nobody's past conversation recalled."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Literal

from msgspec.structs import replace

from shipmate.answer.compose import Composer
from shipmate.answer.draft import Chosen, DraftPart, Fault
from shipmate.messages import Asked, Citation, Hit, Question, Record, ReplyKind, Sentence, Usage
from shipmate.router import Router
from shipmate.turn import Scopes

__all__ = ["Answered", "Origin", "Past", "Player", "past_of"]

Origin = Literal["traffic", "charter", "file"]


class Past(Record, frozen=True, kw_only=True):
    """A question to ask again, as the one who asked it may be answered."""

    # Of the turn; of a question that nobody has asked here, its number.
    id: str
    question: Question
    groups: tuple[str, ...] = ()
    # Its words may be shown to whoever compares.
    may_be_shown: bool = True
    origin: Origin = "traffic"
    # What a person says is right; empty when nobody has said.
    reference: str = ""


class Answered(Record, frozen=True, kw_only=True):
    """What a question got from one version."""

    kind: ReplyKind
    text: str
    citations: tuple[Citation, ...] = ()
    # That the documents answer the question, 0-1.
    confidence: float = 0.0
    usage: Usage = Usage()
    latency_ms: float = 0.0
    # What went wrong and was mended by a fallback; empty when nothing did.
    fault: str = ""
    # No document had a say: a verbatim answer, a refusal of the charter, a question back.
    is_settled: bool = False
    # Of the sentences that claim something, so many stand on no span.
    unsupported: int = 0
    claims: int = 0

    @property
    def is_answer(self) -> bool:
        """Tell whether it says something of what was asked."""
        return self.kind in {ReplyKind.ANSWER, ReplyKind.FALLBACK}

    def says(self) -> tuple[ReplyKind, str, tuple[tuple[str, str], ...]]:
        """Return what a reader sees: kind, text, and each citation's document and words.

        Where in a document the words stand is no part of it: a line more above them changes no answer.
        """
        return self.kind, self.text, tuple((cited.source, cited.quote) for cited in self.citations)


class Player:
    """One version, asked without a turn."""

    def __init__(self, scopes: Scopes, router: Router, elapsed: Callable[[], float]) -> None:
        self._scopes = scopes
        self._router = router
        self._elapsed = elapsed

    async def answer(self, past: Past) -> Answered:
        """Return what the version answers; a model's failure is mended as in a turn, and told."""
        started_s = self._elapsed()
        groups = frozenset(past.groups)
        scope = self._scopes.of(groups)
        route = await self._router.route(past.question.text)
        hits = await scope.search.passages(past.question, groups=groups)
        parts = await whole(scope.drafter.draft(past.question, route, hits))
        answered = composed(parts, hits, latency_ms=round((self._elapsed() - started_s) * 1000, 3))
        is_verbatim = answered.confidence == 1.0 and not answered.citations
        return replace(answered, is_settled=is_verbatim or bool(route.out_of_scope))


async def whole(draft: Sequence[DraftPart] | AsyncGenerator[DraftPart, None]) -> Sequence[DraftPart]:
    """Return a draft's parts, awaiting those of a model."""
    if isinstance(draft, Sequence):
        return draft
    async with aclosing(draft) as parts:
        return [part async for part in parts]


def composed(parts: Sequence[DraftPart], hits: Sequence[Hit], *, latency_ms: float = 0.0) -> Answered:
    """Return what the parts of a draft say together."""
    said = Composer()
    chosen = Chosen(kind=ReplyKind.REFUSE, confidence=0.0)
    usage, fault = Usage(), ""
    claims = unsupported = 0
    for part in parts:
        match part:
            case Sentence():
                said.add(part)
                claims += part.factual
                unsupported += part.factual and not _stands(part, hits)
            case Chosen():
                chosen = part
            case Usage():
                usage = part
            case Fault():
                fault = part.what
    return Answered(
        kind=chosen.kind,
        text=said.text,
        citations=tuple(said.citations),
        confidence=round(chosen.confidence, 3),
        usage=usage,
        latency_ms=latency_ms,
        fault=fault,
        unsupported=unsupported,
        claims=claims,
    )


def past_of(asked: Asked, groups: frozenset[str]) -> Past:
    """Return a past question as somebody in these groups is answered."""
    return Past(
        id=asked.turn_id, question=asked.question, groups=tuple(sorted(groups)), may_be_shown=asked.may_be_shown
    )


def _stands(sentence: Sentence, hits: Sequence[Hit]) -> bool:
    """Tell whether each span that a sentence cites stands in a passage that was found."""
    return bool(sentence.citations) and all(
        any(cited.source == hit.passage.source and cited.quote in hit.passage.text for hit in hits)
        for cited in sentence.citations
    )
