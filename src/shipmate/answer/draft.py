"""The path to a reply, chosen before a word leaves: verbatim, refusal, question back, quotes, or a checked model."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

import msgspec

from shipmate.answer import phrases
from shipmate.answer.faq import Faq
from shipmate.answer.model import checked_answer
from shipmate.answer.quotes.answerable import ANSWER_THRESHOLD, confidence
from shipmate.answer.quotes.extractive import Extractive, opening
from shipmate.errors import ModelError
from shipmate.knowledge.repair import PIN
from shipmate.messages import Cut, Hit, Question, Recalled, ReplyKind, Route, Sentence, Usage
from shipmate.ports import ChatModel, TermStatistics
from shipmate.text import stems

__all__ = ["Chosen", "DraftPart", "Drafter", "Fault", "Limits"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one reply may use."""

    sentences: int = 4
    citations: int = 3
    model_tokens: int = 600
    model_deadline_s: float = 20.0


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """The kind of the reply; it precedes the sentences, and comes again only when the model has failed."""

    kind: ReplyKind
    # That the documents answer the question, 0-1.
    confidence: float


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong and was mended by a fallback."""

    # As callers may see it, and as the assistant's owner has to.
    what: str
    detail: str = ""


DraftPart = Chosen | Sentence | Cut | Usage | Fault


class Drafter:
    """Draft replies from verbatim answers, quotes and, where one is configured, a model."""

    def __init__(
        self,
        *,
        faq: Faq,
        statistics: TermStatistics,
        model: ChatModel | None,
        prompt: str,
        limits: Limits,
        faq_only: bool = False,
    ) -> None:
        """Draft with what is given; `faq_only` switches off all but verbatim answers and refusals."""
        self._faq = faq
        self._statistics = statistics
        self._extractive = Extractive(statistics)
        self._model = model
        self._prompt = prompt
        self._limits = limits
        self._faq_only = faq_only

    def draft(
        self, question: Question, route: Route, hits: Sequence[Hit], recalled: Sequence[Recalled] = ()
    ) -> Sequence[DraftPart] | AsyncGenerator[DraftPart, None]:
        """Return the chosen path and then its checked sentences, the whole of them where no model is to be awaited.

        Closing a generator cancels the model.
        """
        verbatim = self._faq.same(question.text)
        sure = confidence(question, hits, self._statistics)
        if hits and PIN in hits[0].legs:
            # A person has said that this passage answers.
            sure = max(sure, ANSWER_THRESHOLD)
        if verbatim:
            parts = _say(ReplyKind.ANSWER, verbatim, 1.0)
        elif route.out_of_scope:
            parts = _say(ReplyKind.REFUSE, route.refusal, 0.0)
        elif self._faq_only:
            parts = _say(ReplyKind.FALLBACK, self._faq.near(question.text) or phrases.FAQ_ONLY, 0.0)
        elif not stems(question.standalone):
            parts = _say(ReplyKind.CLARIFY, phrases.SAY_MORE, 0.0)
        elif sure < ANSWER_THRESHOLD:
            parts = _say(ReplyKind.REFUSE, phrases.NOT_IN_DOCUMENTS, sure)
        elif self._model is None:
            parts = self._quotes(ReplyKind.ANSWER, question, hits, sure, phrases.QUOTING)
        else:
            return self._generate(self._model, question, hits, recalled, sure)
        return list(parts)

    def _quotes(
        self, kind: ReplyKind, question: Question, hits: Sequence[Hit], sure: float, lead: str
    ) -> Iterator[DraftPart]:
        limits = self._limits
        pinned = [hit for hit in hits if PIN in hit.legs]
        quotes = self._extractive.draft(
            question, pinned or hits, confidence=sure, max_sentences=limits.sentences, max_citations=limits.citations
        )
        said = quotes.sentences
        if pinned and not said:
            said = opening(pinned[0].passage, limits.sentences)
        if not said:
            yield from _say(ReplyKind.REFUSE, phrases.NOT_IN_DOCUMENTS, sure)
            return
        yield Chosen(kind=kind, confidence=sure)
        yield Sentence(text=lead, factual=False)
        yield from said
        yield from quotes.cuts

    async def _generate(
        self, model: ChatModel, question: Question, hits: Sequence[Hit], recalled: Sequence[Recalled], sure: float
    ) -> AsyncGenerator[DraftPart, None]:
        """Relay what passes the check; when nothing does, or the model fails, fall back."""
        said = claimed = cut = 0
        failed = False
        answer = checked_answer(
            model,
            question,
            hits,
            recalled,
            max_tokens=self._limits.model_tokens,
            deadline_s=self._limits.model_deadline_s,
            assistant_prompt=self._prompt,
        )
        try:
            async with aclosing(answer):
                async for part in answer:
                    if isinstance(part, Sentence) and not said:
                        yield Chosen(kind=ReplyKind.ANSWER, confidence=sure)
                    said += isinstance(part, Sentence)
                    claimed += isinstance(part, Sentence) and part.factual
                    cut += isinstance(part, Cut)
                    yield part
        except ModelError as error:
            failed = True
            yield Fault(what=error.told, detail=error.what)
        if not claimed and (cut or failed or not said):
            for fallback in self._fallback(question, hits, sure, failed=failed):
                yield fallback
            return
        if failed:
            yield Sentence(text=f"\n\n{phrases.MODEL_BROKE_OFF}", factual=False)
        if cut:
            yield Sentence(text=f"\n\n{phrases.left_out(cut)}", factual=False)

    def _fallback(self, question: Question, hits: Sequence[Hit], sure: float, *, failed: bool) -> Iterator[DraftPart]:
        """Quote; where nothing can be quoted, say what the FAQ says to a similar question."""
        lead = phrases.MODEL_FAILED if failed else phrases.MODEL_UNSUPPORTED
        quotes = list(self._quotes(ReplyKind.FALLBACK, question, hits, sure, lead))
        verbatim = self._faq.near(question.text)
        refused = isinstance(quotes[0], Chosen) and quotes[0].kind is ReplyKind.REFUSE
        yield from _say(ReplyKind.FALLBACK, verbatim, sure) if refused and verbatim else quotes


def _say(kind: ReplyKind, text: str, sure: float) -> Iterator[DraftPart]:
    yield Chosen(kind=kind, confidence=sure)
    yield Sentence(text=text, factual=False)
