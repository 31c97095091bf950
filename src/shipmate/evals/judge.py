"""Who judges what a reply says. The default judge needs no model: the check that answers pass, and shared words."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from shipmate.answer import phrases
from shipmate.answer.check.grounding import Grounding
from shipmate.answer.check.hold_back import HoldBack
from shipmate.messages import Cut, Hit, Passage, Question, Record
from shipmate.text import stems

__all__ = [
    "EXEMPT",
    "OFFLINE",
    "OFFLINE_RATES",
    "SAME",
    "GroundingJudge",
    "Holds",
    "Judge",
    "Opinion",
    "Preference",
    "overlap",
    "sentences_of",
]

# Its version: it goes up when the check's rules change what it says, so that old scores are not compared with new ones.
OFFLINE = "judge/groundedness@1"
# How often it is right, as `python -m benchmarks.judge` printed it; docs/how-to/evaluate.md has the whole table.
OFFLINE_RATES = (
    "on 2,116 answers labelled by people it flags 74.4 % of the bad ones [71.9, 76.8] and 7.7 % of the good ones "
    "[6.1, 9.7]; of claims, it misses 2.7 % that do not stand there [1.8, 4.0] and 11.1 % that do [9.2, 13.4] "
    "(`python -m benchmarks.judge`)"
)
# Why it may decide at the gate, though it would not be let in as a model.
EXEMPT = (
    "a model would need 97 % of the good ones unflagged to decide at the gate, and this judge has 92 %; it may, because it "
    "says the same every time, before a change and after it: so what it gets wrong on both sides cancels, and a claim "
    "that is only put otherwise can still cost a pass"
)
# What the assistant says of itself.
OWN_WORDS = tuple(
    getattr(phrases, name) for name in phrases.__all__ if name.isupper() and isinstance(getattr(phrases, name), str)
)
# Two texts of which one says what the other does share so many content words of the reference.
SAME = 0.5


class Holds(StrEnum):
    """What a judge says of a claim, given a text."""

    SUPPORTED = "supported"
    UNSUPPORTED = "unsupported"
    CONTRADICTED = "contradicted"
    # The judge did not say.
    UNKNOWN = "unknown"


class Preference(StrEnum):
    """Which of two replies a judge likes better."""

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"


class Opinion(Record, frozen=True, kw_only=True):
    """What a judge says, and why."""

    holds: Holds
    reason: str = ""


class Judge(Protocol):
    """Who tells whether a text says something; its version names what opinions compare with."""

    @property
    def version(self) -> str:
        """Return its name with its version, such as "judge/groundedness@1"."""

    async def bears_out(self, claim: str, texts: Sequence[str], question: str) -> Opinion:
        """Return whether the texts say what the claim says."""

    async def prefers(self, question: str, first: str, second: str) -> Preference:
        """Return which reply answers better, whatever their order."""


class GroundingJudge:
    """The default: no model, no network, the same opinion every time."""

    version = OFFLINE

    async def bears_out(self, claim: str, texts: Sequence[str], question: str) -> Opinion:
        """Hold the claim against the texts, as an answer's sentence is held against its passages."""
        return self.opinion(claim, texts, question)

    def opinion(self, claim: str, texts: Sequence[str], question: str) -> Opinion:
        """Return the same, without waiting."""
        passages = (Passage(source=str(n), title="", text=text, start=0, end=len(text)) for n, text in enumerate(texts))
        grounding = Grounding(
            Question(text=question, standalone=question), [Hit(passage=passage, score=1.0) for passage in passages]
        )
        for sentence in sentences_of(claim):
            checked = grounding.check(sentence)
            if isinstance(checked, Cut):
                is_opposite = checked.rule == "negation"
                return Opinion(holds=Holds.CONTRADICTED if is_opposite else Holds.UNSUPPORTED, reason=checked.reason)
        return Opinion(holds=Holds.SUPPORTED)

    async def prefers(self, question: str, first: str, second: str) -> Preference:
        """Prefer the reply that answers; between two that do, or two that do not, it has no preference."""
        del question
        answers = [any(sentences_of(reply)) for reply in (first, second)]
        if answers[0] == answers[1]:
            return Preference.TIE
        return Preference.FIRST if answers[0] else Preference.SECOND


def overlap(reference: str, reply: str) -> float:
    """Return the share of the reference's content words that the reply holds, in whatever form."""
    wanted = set(stems(reference))
    return len(wanted & set(stems(reply))) / len(wanted) if wanted else 1.0


def sentences_of(text: str) -> list[str]:
    """Return the sentences that a reader sees, without what the assistant says of itself."""
    for own in OWN_WORDS:
        text = text.replace(own, "")
    text = phrases.LEFT_OUT.sub("", text)
    held = HoldBack()
    return [sentence for sentence in (*held.feed(text), held.flush()) if sentence.strip()]
