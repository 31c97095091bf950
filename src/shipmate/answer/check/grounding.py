"""The check of a model's sentence: which spans it stands on, and whether it says more than they do."""

import re
from collections.abc import Sequence
from functools import cached_property

from shipmate.answer.check.claims import Claims
from shipmate.answer.check.numerals import counts
from shipmate.answer.check.plain import plain, safe
from shipmate.answer.check.reading import Reading, reading
from shipmate.answer.check.signs import opposed
from shipmate.answer.check.small_talk import ASSENTING, claims_nothing, says_yes
from shipmate.answer.check.spans import Spans
from shipmate.answer.check.support import Missing, displacing, missing
from shipmate.answer.check.verdict import Verdict, verdict
from shipmate.messages import Cut, Hit, Question, Role, Sentence

__all__ = ["Grounding"]

LEADING = re.compile(r"\W*(?:(?P<yes>yes|yeah|yep)|no|nope)\b(?= *[,.!;:-])", re.IGNORECASE)
MARKER = re.compile(r"[^\S\n]*\[(\d[\d, ]*)\]")
UNMARKED = frozenset[int]()
# The share of a sentence's content words that its spans must hold; what only the user said counts half.
ENOUGH = 0.5
ECHO = 0.5
# No sentence is cited with more.
MOST_SPANS = 5


class Grounding:
    """Check the sentences of one answer against the passages that it was given."""

    def __init__(self, question: Question, hits: Sequence[Hit]) -> None:
        self._question, self._hits = question, hits
        self._asked = reading(plain(question.standalone)).stems
        self._spans = Spans(hits, self._asked)

    @cached_property
    def _words(self) -> list[Reading]:
        """The user's own words."""
        # A follow-up's `standalone` holds words of the reply before it, and nothing proves that those were right.
        texts = (self._question.text, *(m.text for m in self._question.history if m.role is Role.USER))
        return [reading(plain(text)) for text in dict.fromkeys(texts)]

    @cached_property
    def _said(self) -> frozenset[str]:
        return frozenset[str]().union(*(piece.stems for piece in self._words))

    @cached_property
    def _verdict(self) -> Verdict | None:
        return verdict(self._question, self._hits)

    def check(self, sentence: str) -> Sentence | Cut:
        """Return the sentence with the spans that it stands on, without the model's own markers, or why it is cut.

        It never raises, whatever the text. White space around the sentence is kept.
        """
        shown, marked = _unmarked(sentence) if "[" in sentence else (safe(sentence), UNMARKED)
        quoted = self._spans.quoted(shown.strip(), marked)
        # What is in a model's own words seldom comes again: it is not kept.
        said = Reading(plain(shown).strip()) if quoted is None else self._spans[quoted]
        yes = says_yes(said.text, said.stems, asked=lambda: self._verdict is not None)
        # "Nope" is no name.
        if yes is not None and not said.claims._replace(names=()).to_the_letter():
            return self._answered(shown, said, marked, yes=yes)
        if self._claims_nothing(said):
            return Sentence(text=shown, factual=False)
        leading = LEADING.match(said.text)
        if leading and self._verdict and self._verdict.holds is (leading["yes"] is None):
            return _opposite(shown, leading[0].strip())
        if quoted is not None:
            return Sentence(text=shown, citations=self._spans.citations([quoted]))
        stems = said.stems - ASSENTING if len(said.stems) > 1 else said.stems
        return self._grounded(shown, said, stems, marked)

    def _claims_nothing(self, said: Reading) -> bool:
        if not claims_nothing(said.text, said.stems, asked=self._said, known=self._spans.known):
            return False
        return not said.claims.to_the_letter() or missing(said.claims, self._words) is None

    def _answered(self, shown: str, said: Reading, marked: frozenset[int], *, yes: bool) -> Sentence | Cut:
        """Check a bare yes or no: it claims what was asked, or denies it."""
        found = self._verdict
        if found and found.holds is yes:
            return Sentence(text=shown, citations=self._spans.citations(found.deciding))
        if found and found.holds is not None:
            return _opposite(shown, said.text)
        if found and found.of_two:
            return self._grounded(shown, reading(""), self._asked, marked)
        return Cut(text=shown, rule="no_span", reason="No passage decides what was asked.")

    def _grounded(self, shown: str, said: Reading, stems: frozenset[str], marked: frozenset[int]) -> Sentence | Cut:
        """Check a sentence that speaks of these stems."""
        failed = Cut(text=shown, rule="no_span", reason="No passage says this.")
        for chain in self._spans.chains(stems, marked):
            if not self._covered(stems, chain):
                continue
            lacking, whole = self._completed(said.claims, chain)
            lacking = lacking or self._displacing(said.claims, stems, whole)
            if lacking:
                failed = Cut(text=shown, rule=lacking.rule, reason=f"“{lacking.value}” stands in no cited passage.")
                continue
            flipped = opposed(said.signs, [self._spans[number].signs for number in whole])
            if not flipped:
                return Sentence(text=shown, citations=self._spans.citations(whole))
            failed = _opposite(shown, flipped)
        return failed

    def _covered(self, stems: frozenset[str], chain: Sequence[int]) -> bool:
        held = frozenset[str]().union(*(self._spans[number].stems for number in chain))
        echoed = (stems & self._said) - held
        return len(stems & held) + ECHO * len(echoed) >= ENOUGH * len(stems)

    def _completed(self, claims: Claims, chain: list[int]) -> tuple[Missing | None, list[int]]:
        """Return the first value that stands nowhere, and the chain with the spans that bear others.

        Those are its neighbours; what bears a name may stand further off in the same passage.
        """
        lacking = self._missing(claims, chain)
        further = self._spans.around(chain) if lacking else ()
        for distance, number in further:
            if lacking is None or len(chain) == MOST_SPANS:
                break
            if distance > 1 and lacking.rule != "name":
                continue
            still = self._missing(claims, [*chain, number])
            if still != lacking:
                lacking, chain = still, [*chain, number]
        return lacking, chain

    def _displacing(self, claims: Claims, stems: frozenset[str], chain: Sequence[int]) -> Missing | None:
        """Return a value of a neighbour that says nothing else of the sentence than its main span does."""
        if not (claims.numbers or claims.dates):
            return None
        telling = frozenset(stem for stem in stems if not counts(stem))
        spans = [(number, self._spans[number]) for number in chain]
        main = max((span for _, span in spans), key=lambda span: len(telling & span.stems))
        bearing = [number for number, span in spans if span is main or telling & span.stems - main.stems]
        return displacing(claims, main.claims, self._spans.evidence(bearing), self._words)

    def _missing(self, claims: Claims, chain: Sequence[int]) -> Missing | None:
        if not claims.to_the_letter():
            return None
        return missing(claims, [*self._spans.evidence(chain), *self._words])


def _opposite(shown: str, said: str) -> Cut:
    return Cut(text=shown, rule="negation", reason=f"The cited passage says the opposite of “{said}”.")


def _unmarked(sentence: str) -> tuple[str, frozenset[int]]:
    """Return the sentence without the model's markers, and the passages that they name, counted from 0."""
    numbers = (int(digits) - 1 for m in MARKER.finditer(sentence) for digits in re.findall(r"\d{1,3}", m[1]))
    return safe(MARKER.sub("", sentence)), frozenset(numbers)
