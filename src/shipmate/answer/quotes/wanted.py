"""What a question asks for: its telling words, and the sign by which an answer shows."""

import math
import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from shipmate.knowledge.telling import Telling
from shipmate.messages import Question
from shipmate.text import STOP_WORDS, asked_stems, stem, stems, words

__all__ = ["Wanted", "wanted"]

# So many quotes are remembered with their signs.
QUOTES_KEPT = 8192
# What a follow-up leans on counts less than what it says itself.
CARRIED = 0.7
# So many telling words before and behind "what", "who" or "how" tell what is asked; the rest is the story around it.
FOCUS_BEFORE, FOCUS_BEHIND = 2, 2

ASKING = frozenset("how what when where which who whom whose why".split())
# What tells the kind of answer in the small letters of a question; the first one that is found counts.
ASKS = {
    kind: re.compile(pattern)
    for kind, pattern in {
        "date": r"\bwhen\b|\b(?:what|which)(?: was the)? (?:date|day|month|time|year)\b|\bhow (?:long|often|old)\b|\bdeadline\b",
        "number": r"\bhow (?:big|far|fast|high|large|many|much|tall)\b|\b(?:amount|number) of\b"
        r"|\b(?:costs?|fee|length|population|price)\b",
        "person": r"\bwho(?:m|se)?\b",
        "place": r"\bwhere\b|\b(?:what|which) (?:city|country|county|place|state|town)\b",
        "reason": r"\bwhy\b|\b(?:advantages?|benefits?|purpose|reason)\b",
        "step": r"\bhow (?:can|could|do|should|to|would)\b|\b(?:procedure|process|steps?)\b",
        "meaning": r"\bwhat(?:['’]s| are| does| is| was| were)\b|\b(?:define|definition|explain|mean|meaning)\b"
        r"|\btell me (?:more )?about\b",
        "name": r"\b(?:what|which) (?!about|can|could|did|do|else|has|have|if|should|will)\w+",
    }.items()
}
# "A tide is a rise ...": the verb that explains its subject stands near the beginning.
MEANING = re.compile(
    r"\s(?:is|are|was|were|allows?|consists? of|contains?|describes?|enables?|holds?|lets?|means?|provides?|refers? to"
    r"|represents?|says?|stands? for|tells?|turns?)\b"
)
SUBJECT_CHARS = 80
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
    "meaning": MEANING,
}
# A question of so few words is the name of something; what it is stands in its definition.
NAME_WORDS = 4
# So much of the question has to stand in the subject of a sentence that defines.
SUBJECT = 0.6


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
        """Tell whether the sign stands in a quote, and not because the question holds the same words."""
        if self.sign is None:
            return False
        if self.sign is MEANING:
            return math.fsum([self.weights.get(key, 0.0) for key in _subject(quote)]) >= SUBJECT
        return any(shown not in self.said for shown in _signs(self.sign, quote))


@lru_cache(maxsize=QUOTES_KEPT)
def _signs(sign: re.Pattern[str], quote: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(match.group().lower() for match in sign.finditer(quote)))


@lru_cache(maxsize=QUOTES_KEPT)
def _subject(quote: str) -> frozenset[str]:
    """Return the stems of what a sentence says something of; none when it does not define."""
    verb = MEANING.search(quote, 0, SUBJECT_CHARS)
    return frozenset(stems(quote[: verb.start()])) if verb else frozenset()


def wanted(question: Question, telling: Telling) -> Wanted:
    """Read a question."""
    text = question.text
    small = text.lower()
    low = words(small)
    weights: dict[str, float] = {}
    if question.standalone != text:
        weights = {key: telling[key] * CARRIED for key in asked_stems(question.standalone)}
    weights.update((key, telling[key]) for key in asked_stems(text))
    total = sum(weights.values()) or 1.0
    named = "meaning" if len(low) <= NAME_WORDS else ""
    kind = next((kind for kind, asked in ASKS.items() if asked.search(small)), named)
    return Wanted(
        weights={key: weight / total for key, weight in weights.items()},
        focus=_focus(low),
        sign=SIGNS[kind] if kind else None,
        said=question.standalone.lower(),
    )


def _focus(low: Sequence[str]) -> frozenset[str]:
    """Return the stems of the telling words around the last word that asks."""
    if ASKING.isdisjoint(low):
        return frozenset()
    asking = max(at for at, word in enumerate(low) if word in ASKING)
    before = [word for word in low[:asking] if word not in STOP_WORDS]
    behind = [word for word in low[asking + 1 :] if word not in STOP_WORDS]
    return frozenset(map(stem, before[-FOCUS_BEFORE:] + behind[:FOCUS_BEHIND]))
