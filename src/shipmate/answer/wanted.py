"""What a question asks for: its telling words, and the sign by which an answer shows."""

import math
import re
from collections.abc import Sequence

import msgspec

from shipmate.messages import Question
from shipmate.ports import TermStatistics
from shipmate.text import STOP_WORDS, stem, stems, words

__all__ = ["Telling", "Wanted", "wanted"]

# So many stems are remembered with their weight.
STEMS_KEPT = 100_000
# What a follow-up leans on counts less than what it says itself,
CARRIED = 0.7
# and the words beside "what", "who" or "how" count more than the story around them.
FOCUS = 1.5
FOCUS_BEFORE, FOCUS_BEHIND = 2, 3

ASKING = frozenset("how what when where which who whom whose why".split())
ASKS = re.compile(
    r"""(?ix)
    (?P<date> \bwhen\b | \b(?:what|which)\ (?:was\ the\ )?(?:year|date|day|time|month)\b | \bhow\ (?:long|often|old)\b
        | \bdeadline\b)
    | (?P<number> \bhow\ (?:many|much|far|big|large|tall|high|fast)\b | \b(?:number|amount)\ of\b
        | \b(?:population|costs?|price|fee|length)\b)
    | (?P<person> \bwho(?:m|se)?\b)
    | (?P<place> \bwhere\b | \b(?:what|which)\ (?:city|country|county|state|town|place)\b)
    | (?P<reason> \bwhy\b | \b(?:reason|purpose|benefit|benefits|advantages?)\b)
    | (?P<step> \bhow\ (?:do|can|to|should|would|could)\b | \b(?:steps?|process|procedure)\b)
    | (?P<name> \b(?:what|which)\ (?!about|are|can|could|did|do|does|else|has|have|if|is|should|was|were|will)\w+)
    """
)
NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w&-]*")
SIGNS = {
    "date": re.compile(
        r"""(?ix) \b(?:1[5-9]|20)\d\d\b | \b(?:january|february|march|april|may|june|july|august|september|october
        |november|december|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b | \b\d{1,2}:\d\d\b
        | \b(?:\d+|one|two|three|four|five|six|ten)[\ -](?:second|minute|hour|day|week|month|year)s?\b"""
    ),
    "number": re.compile(
        r"(?i)\d[\d,.]*|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|dozen|hundred|thousand|million|unlimited)\b"
    ),
    "person": re.compile(r"\b[A-Z][a-z]+ (?:[A-Z][\w.]* )*[A-Z][a-z]+"),
    "place": re.compile(r"\b(?:in|at|on|near|from|to|located|situated) (?:the )?[A-Z0-9]\w*"),
    "reason": re.compile(
        r"(?i)\b(?:because|since|due to|so that|in order to|reason|therefore|help|ensure|allow|result|avoid|prevent)s?\b"
    ),
    "step": re.compile(
        r"""(?ix)^(?:to|if\ you|you\ (?:can|must|need|should)|add|call|check|choose|click|complete|configure|contact
        |create|enter|follow|go|install|log|open|run|select|set|submit|use|visit)\b"""
    ),
    "name": NAME,
}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer should hold."""

    # The question's stems; their weights make 1 together.
    weights: dict[str, float]
    # Those beside the word that asks; empty when none asks.
    focus: frozenset[str]
    # What shows in an answer of the wanted type; None when the question does not tell.
    sign: re.Pattern[str] | None
    # The question in small letters.
    said: str

    def shown_in(self, quote: str) -> bool:
        """Tell whether the sign stands in the quote, and not because the question holds the same words."""
        if self.sign is None:
            return False
        return any(match.group().lower() not in self.said for match in self.sign.finditer(quote))


class Telling(dict[str, float]):
    """How much a stem tells: the rarer in the documents, the more."""

    def __init__(self, statistics: TermStatistics) -> None:
        super().__init__()
        self._statistics = statistics

    def __missing__(self, key: str) -> float:
        if len(self) >= STEMS_KEPT:
            self.clear()
        found = self._statistics.document_frequency(key)
        count = max(self._statistics.passage_count, found)
        self[key] = weight = math.log(1 + (count - found + 0.5) / (found + 0.5))
        return weight


def wanted(question: Question, telling: Telling) -> Wanted:
    """Read a question."""
    text = question.text
    low = words(text.lower())
    focus = _focus(low)
    weights: dict[str, float] = {}
    if question.standalone != text:
        weights = {key: telling[key] * CARRIED for key in stems(question.standalone)}
    for word in low:
        if word not in STOP_WORDS:
            key = stem(word)
            weights[key] = telling[key] * (FOCUS if key in focus else 1.0)
    total = sum(weights.values()) or 1.0
    asked = ASKS.search(text)
    return Wanted(
        weights={key: weight / total for key, weight in weights.items()},
        focus=focus,
        sign=SIGNS[asked.lastgroup] if asked and asked.lastgroup else None,
        said=question.standalone.lower(),
    )


def _focus(low: Sequence[str]) -> frozenset[str]:
    """Return the stems beside the last word that asks."""
    if ASKING.isdisjoint(low):
        return frozenset()
    asking = max(at for at, word in enumerate(low) if word in ASKING)
    beside = low[max(0, asking - FOCUS_BEFORE) : asking + FOCUS_BEHIND + 1]
    return frozenset(stem(word) for word in beside if word not in STOP_WORDS)
