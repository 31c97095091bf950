"""Questions that ask for a yes or a no, statements to be confirmed, and the quotes that decide them."""

import re
from collections.abc import Collection, Sequence

import msgspec

from shipmate.text import stem, stems, words

__all__ = ["OPPOSITES", "Claim", "Evidence", "claim", "decide"]

# A quote that decides holds so many of the claim's telling words at least, and all of them but for what the heading
# above it says; they stand as close together as in the claim, give or take.
DECISIVE_STEMS = 2
CLOSE_WORDS = 2
# A "Yes" or "No" below a question in the documents decides when that question holds this share of the claim.
SAME_QUESTION = 0.7

# A longer message is no plain question.
LONGEST_CHARS = 300

COURTESY = r"^\W*(?:(?:actually|also|and|but|excuse me|hello|hey|hi|oh|ok|okay|please|so|sorry|then|well)\W+)*"
POLAR = re.compile(
    COURTESY + r"(?P<verb>am|are|can|could|did|do|does|had|has|have|is|may|might|must|should|was|were|will|would)"
    r"(?:n't)? (?P<claim>[^?]+)\??\s*$",
    re.IGNORECASE,
)
# Such questions ask for help, not for a yes.
REQUEST = re.compile(
    COURTESY + r"(?:can|could|do|have|will|would) you\b|^\W*(?:can|could|may) (?:i|we) (?:ask|have|know|see)\b",
    re.IGNORECASE,
)
TAGGED = re.compile(
    r"^(?P<claim>.+?)\W+(?:am i right|correct|right|true|(?:are|can|do|does|has|is|was|will)n't (?:it|that|there|they)"
    r"|is (?:it|that) (?:correct|right|so|true))\W*\?\s*$",
    re.IGNORECASE,
)
HEARSAY = re.compile(
    COURTESY + r"(?:i|somebody|someone|they|we)(?: am| are| have| was| were|'ve)*(?: been| just)?"
    r" (?:believe|heard|read|said|say|tell|think|thought|told|understand|understood)(?: me| us)?(?: that)?\b"
    r"(?P<claim>[^?]+)\??\s*$",
    re.IGNORECASE,
)
DECLARED = re.compile(r"^\W*so\W+(?P<claim>(?:i|it|the|there|they|this|we|you)\b[^?]*)\?\s*$", re.IGNORECASE)
ALTERNATIVE = re.compile(r"\bor\b", re.IGNORECASE)
ASKING = frozenset("how what when where which who whom whose why".split())

# What is only supposed decides nothing,
SUPPOSED = re.compile(
    r"\b(?:even if|if|in case|provided that|though|unless|until|when|whenever|whether|while)\b", re.IGNORECASE
)
# and neither does a quote that says "it depends" or "all but this".
HEDGE = re.compile(
    r"\b(?:(?:all|anything|everything|nothing) but|apart from|depend(?:s|ing)?|except|excluding|might|other than|rarely"
    r"|sometimes|unless|usually|var(?:ies|y)|whether)\b",
    re.IGNORECASE,
)
CLAUSE = re.compile(r"[;,:]|\b(?:although|because|but|if|since|though|when|whereas|which|while|who)\b", re.IGNORECASE)
NEGATION = re.compile(
    r"\b(?:cannot|neither|never|nobody|none|nor|not(?! (?:just|limited to|only))|no(?! (?:later|less|more) than)|unable"
    r"|without|(?:are|ca|could|did|do|does|had|has|have|is|must|should|was|were|wo|would)n['’]t)\b",
    re.IGNORECASE,
)
PERSONAL = re.compile(r"\W*(?:i|it|they|we|you)\b", re.IGNORECASE)
# Words that limit a claim: a quote with others speaks of something else.
LIMIT = re.compile(
    r"\b(?:above|after|all|always|at least|at most|before|below|each|every|fewer|instead|less|longer|maximum|minimum"
    r"|more than|older|only|over|under|up to|younger)\b",
    re.IGNORECASE,
)
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
# "Can I" is answered by "you can", not by "you must": how a question and how its answers put it, the first that fits.
MOODS = [
    (re.compile(asked, re.IGNORECASE), re.compile(answered, re.IGNORECASE))
    for asked, answered in (
        (r"^(?:are|is|was|were) there\b|\bthere (?:are|is)\b", r"\bthere(?: are| is|['’]s)\b"),
        (
            r"\b(?:able|allowed|can|could|may|possible)\b",
            r"\b(?:able|allow(?:ed|s)?|can|could|may|possible|supports?)\b|\bcan(?:not|['’]t)",
        ),
        (r"\b(?:have to|must|need|required|should)\b", r"\b(?:have to|must|needs?|needed|required?|requires|should)\b"),
        (r"^(?:did|had|has|have|was|were)\b", r"\b(?:did|had|has|have|was|were)\b"),
        (r"\b(?:will|would)\b", r"\b(?:will|would)\b"),
        (r"\b(?:am|are|is)\b", r"\b(?:am|are|is)\b"),
    )
]
SAYS = re.compile(r"\W*(?P<word>yes|no)\b(?! (?:one|matter)\b)", re.IGNORECASE)
# Words that make a claim no other one.
LIGHT = frozenset(
    map(stem, "able actually any anytime anything correct currently ever get need possible right true".split())
)
OPPOSITES = {
    stem(one): stem(other)
    for pair in (
        ("allowed", "forbidden"),
        ("available", "unavailable"),
        ("enabled", "disabled"),
        ("legal", "illegal"),
        ("limited", "unlimited"),
        ("required", "optional"),
        ("supported", "unsupported"),
        ("valid", "invalid"),
    )
    for one, other in (pair, pair[::-1])
}


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a yes would affirm."""

    # Its telling stems in their order, and how many words they span.
    stems: tuple[str, ...]
    width: int
    # It speaks of you or me, so that nobody else can be taken for who does it: "you download files", "files you
    # download"; where it does not, a quote has to keep the order.
    personal: bool
    # Its limiting words, and its numbers: a quote that decides has the same, but may add a number to a claim with none.
    limits: frozenset[str]
    numbers: frozenset[str]
    # What an answer's verb looks like; None when the claim's own verb is among its stems.
    mood: re.Pattern[str] | None
    negated: bool
    # It was stated, or asked with a "not": a bare yes or no would leave open what is meant.
    stated: bool

    def is_covered(self, said: Collection[str], above: Collection[str]) -> bool:
        """Tell whether a quote's stems, their opposites and those above it name all of the claim."""
        return all(key in above or key in said or OPPOSITES.get(key) in said for key in self.stems)

    def reply(self, *, holds: bool) -> str:
        """Return the words with which a reply begins."""
        if self.stated:
            return "Yes, that is so." if holds else "No, that is not so."
        return "Yes." if holds else "No."


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A quote that may decide."""

    quote: str
    # The stems of the heading, question or introduction above it.
    above: frozenset[str]
    # It stands below a question.
    answers: bool


def claim(question: str) -> Claim | None:
    """Read a question that asks for a yes or a no, or a statement to be confirmed; None for any other."""
    if len(question) > LONGEST_CHARS or question.count("?") > 1:
        return None
    if not ASKING.isdisjoint(words(question.lower())) or REQUEST.match(question):
        return None
    stated = TAGGED.match(question) or HEARSAY.match(question)
    found = stated or POLAR.match(question) or DECLARED.match(question)
    if not found or (not stated and ALTERNATIVE.search(question)):
        return None
    text = found["claim"]
    verb = found.groupdict().get("verb") or ""
    negated = NEGATION.search(text) is not None
    return Claim(
        stems=tuple(dict.fromkeys(key for key in stems(text) if key not in LIGHT)),
        width=len(words(text)),
        personal=PERSONAL.match(text) is not None,
        limits=_limits(text),
        numbers=frozenset(NUMBER.findall(text)),
        mood=next((answered for asked, answered in MOODS if asked.search(f"{verb} {text}".strip())), None),
        negated=negated,
        stated=stated is not None or negated,
    )


def decide(asked: Claim, evidence: Evidence) -> bool | None:
    """Tell whether the claim holds by this quote; None when the quote leaves it open."""
    said = SAYS.match(evidence.quote)
    if said and evidence.answers and asked.stems:
        same = len(evidence.above.intersection(asked.stems)) >= SAME_QUESTION * len(asked.stems)
        return (said["word"].lower() == "yes") != asked.negated if same else None
    if len(asked.stems) < DECISIVE_STEMS:
        return None
    main = _main_clause(evidence.quote)
    if not _is_as_exact(asked, main):
        return None
    ordered = list(dict.fromkeys(stems(main)))
    opposed = {key for key in asked.stems if key not in ordered and OPPOSITES.get(key) in ordered}
    own = [key for key in ordered if key in asked.stems]
    if (
        len(own) + len(opposed) < DECISIVE_STEMS
        or not own
        or not evidence.above.union(own, opposed).issuperset(asked.stems)
    ):
        return None
    if not (opposed or _puts_it_so(asked, own, main)) or _width(own, main) > CLOSE_WORDS * asked.width:
        return None
    denied = _denied(main, own)
    return None if denied is None else (denied != bool(opposed)) == asked.negated


def _is_as_exact(asked: Claim, main: str) -> bool:
    """Tell whether a quote says neither more nor less than the claim, by its numbers and limiting words."""
    if HEDGE.search(main) or _limits(main) != asked.limits:
        return False
    return not asked.numbers or asked.numbers == set(NUMBER.findall(main))


def _puts_it_so(asked: Claim, own: Sequence[str], main: str) -> bool:
    """Tell whether a quote speaks in the claim's mood, and names the same things in the same order."""
    if asked.mood and not asked.mood.search(main):
        return False
    return asked.personal or own == [key for key in asked.stems if key in own]


def _denied(main: str, own: Collection[str]) -> bool | None:
    """Tell whether the words are denied; None when it is something else that is."""
    negations = list(NEGATION.finditer(main))
    if not negations:
        return False
    clause = stems(_clause(main, negations[0].start()))
    return True if len(negations) == 1 and 2 * sum(key in clause for key in own) > len(own) else None


def _main_clause(text: str) -> str:
    """Leave out what is only supposed: "if it expires"."""
    supposed = SUPPOSED.search(text)
    if not supposed:
        return text
    comma = text.find(",", supposed.end())
    return f"{text[: supposed.start()]} {text[comma + 1 :] if comma >= 0 else ''}"


def _clause(text: str, at: int) -> str:
    """Return the clause around a place."""
    start = max((match.end() for match in CLAUSE.finditer(text, 0, at)), default=0)
    behind = CLAUSE.search(text, at)
    return text[start : behind.start() if behind else len(text)]


def _width(own: Collection[str], text: str) -> int:
    """Return how many words stand from the first to the last of these stems."""
    places = [place for place, word in enumerate(words(text)) if stem(word) in own]
    return places[-1] - places[0] + 1


def _limits(text: str) -> frozenset[str]:
    return frozenset(match.group().lower() for match in LIMIT.finditer(text))
