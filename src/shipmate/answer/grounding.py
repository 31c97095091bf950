"""The check of a model's sentence: which spans it stands on, and whether it says more than they do."""

import re
from collections.abc import Sequence

from shipmate.answer.claims import Claims, read
from shipmate.answer.plain import plain
from shipmate.answer.polarity import contradicted, denied
from shipmate.answer.small_talk import claims_nothing, only_assents
from shipmate.answer.spans import Spans
from shipmate.answer.support import evidence, missing
from shipmate.messages import Cut, Hit, Question, Role, Sentence

__all__ = ["Grounding"]

MARKER = re.compile(r"[^\S\n]*\[(\d[\d, ]*)\]")
# The share of a sentence's content words that its spans must hold; what only the user said counts half.
ENOUGH = 0.5
ECHO = 0.5


class Grounding:
    """Check the sentences of one answer against the passages that it was given."""

    def __init__(self, question: Question, hits: Sequence[Hit]) -> None:
        texts = (question.text, question.standalone, *(m.text for m in question.history if m.role is Role.USER))
        self._words = [evidence(plain(text)) for text in dict.fromkeys(texts)]
        self._said = frozenset().union(*(piece.says.stems for piece in self._words))
        self._asked = read(plain(question.standalone)).stems
        self._spans = Spans(hits, self._asked)

    def check(self, sentence: str) -> Sentence | Cut:
        """Return the sentence with the spans that it stands on, without the model's own markers, or why it is cut.

        It never raises, whatever the text. White space around the sentence is kept.
        """
        shown = MARKER.sub("", sentence)
        text = plain(shown)
        claims = read(text)
        valued = claims.to_the_letter() and missing(claims, self._words) is not None
        if not valued and claims_nothing(text, claims.stems, asked=self._said, known=self._spans.stems):
            return Sentence(text=shown, factual=False)
        # A bare "yes" claims what was asked.
        stems = self._asked if only_assents(claims.stems) and not valued else claims.stems
        return self._grounded(shown, text, stems, claims, _marked(sentence))

    def _grounded(
        self, shown: str, text: str, stems: frozenset[str], claims: Claims, marked: frozenset[int]
    ) -> Sentence | Cut:
        failed = Cut(text=shown, rule="no_span", reason="No passage says this.")
        for chain in self._spans.chains(stems, marked):
            spans = [self._spans[number] for number in chain]
            held = frozenset().union(*(span.stems for span in spans))
            if len(stems & held) + ECHO * len((stems & self._said) - held) < ENOUGH * len(stems):
                continue
            lacking = missing(claims, [*self._spans.evidence(chain), *self._words])
            flipped = contradicted(stems, denied(text), [(span.stems, denied(span.text)) for span in spans])
            if lacking:
                failed = Cut(text=shown, rule=lacking.rule, reason=f"“{lacking.value}” stands in no cited passage.")
            elif flipped:
                failed = Cut(text=shown, rule="negation", reason=f"The cited passage says the opposite of “{flipped}”.")
            else:
                return Sentence(text=shown, citations=self._spans.citations(chain))
        return failed


def _marked(sentence: str) -> frozenset[int]:
    """Return the passages that the model's markers name, counted from 0."""
    return frozenset(
        int(digits) - 1 for match in MARKER.finditer(sentence) for digits in re.findall(r"\d{1,3}", match[1])
    )
