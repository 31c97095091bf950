"""What a question asks for: its telling words, and the sign by which an answer shows."""

import math
import re

import msgspec

from shipmate.messages import Question
from shipmate.ports import TermStatistics
from shipmate.text import stems

__all__ = ["Telling", "Wanted", "wanted"]

# So many stems are remembered with their weight.
STEMS_KEPT = 100_000
# What a follow-up leans on counts less than what it says itself.
CARRIED = 0.7

ASKS = re.compile(
    r"""(?ix)
    (?P<date> \bwhen\b | \bwhat\ (?:year|date|day|time|month)\b | \bhow\ (?:long|often|old)\b | \bdeadline\b)
    | (?P<number> \bhow\ (?:many|much|far|big|large|tall|high|fast)\b | \b(?:number|amount)\ of\b
        | \b(?:population|cost|costs|price|fee|length)\b)
    | (?P<person> \bwho(?:m|se)?\b)
    | (?P<place> \bwhere\b | \b(?:what|which)\ (?:city|country|county|state|town|place)\b)
    | (?P<reason> \bwhy\b | \b(?:reason|purpose|benefit|benefits|advantages?)\b)
    | (?P<step> \bhow\ (?:do|can|to|should|would|could)\b | \bsteps?\b | \bprocess\b | \bprocedure\b)
    """
)
SIGNS = {
    "date": re.compile(
        r"""(?ix) \b(?:1[5-9]|20)\d\d\b | \b(?:january|february|march|april|may|june|july|august|september|october
        |november|december|mon|tues|wednes|thurs|fri|satur|sun)(?:day)?\b | \b\d{1,2}:\d\d\b
        | \b(?:\d+|one|two|three|four|five|six|ten)(?:\ |-)(?:second|minute|hour|day|week|month|year)s?\b
        """
    ),
    "number": re.compile(
        r"(?i)\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|dozen|hundred|thousand|million|unlimited)\b"
    ),
    "person": re.compile(r"\b[A-Z][a-z]+ (?:[A-Z][\w.]* )*[A-Z][a-z]+"),
    "place": re.compile(r"\b(?:in|at|on|near|from|to|located|situated) (?:the )?[A-Z0-9]"),
    "reason": re.compile(
        r"(?i)\b(?:because|since|due to|so that|in order to|reason|therefore|help|ensure|allow|result|avoid|prevent)s?\b"
    ),
    "step": re.compile(
        r"""(?ix)^(?:to|if\ you|you\ (?:can|must|need|should)|add|call|check|choose|click|complete|configure|contact
        |create|enter|follow|go|install|log|open|run|select|set|submit|use|visit)\b"""
    ),
}


class Wanted(msgspec.Struct, frozen=True):
    """What an answer should hold."""

    # The question's stems; their weights make 1 together.
    weights: dict[str, float]
    # What shows in an answer of the wanted type; None when the question does not tell.
    sign: re.Pattern[str] | None


class Telling(dict[str, float]):
    """How much a stem tells: the rarer in the documents, the more."""

    def __init__(self, statistics: TermStatistics) -> None:
        super().__init__()
        self._statistics = statistics

    def __missing__(self, stem: str) -> float:
        if len(self) >= STEMS_KEPT:
            self.clear()
        found = self._statistics.document_frequency(stem)
        count = max(self._statistics.passage_count, found)
        self[stem] = weight = math.log(1 + (count - found + 0.5) / (found + 0.5))
        return weight


def wanted(question: Question, telling: Telling) -> Wanted:
    """Read a question."""
    own = set(stems(question.text))
    weights = {stem: telling[stem] * (1.0 if stem in own else CARRIED) for stem in stems(question.standalone)}
    total = sum(weights.values()) or 1.0
    asked = ASKS.search(question.text)
    return Wanted(
        weights={stem: weight / total for stem, weight in weights.items()},
        sign=SIGNS[asked.lastgroup] if asked and asked.lastgroup else None,
    )
