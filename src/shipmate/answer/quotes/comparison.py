"""Questions about two things at once ("Are A and B both free?", "Are A and B of the same year?"), and what decides."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from shipmate.text import stem, stems, words

__all__ = ["Comparison", "compare", "comparison"]

OPENING = r"^\W*(?i:are|can|did|do|does|had|has|have|is|was|were|will) "
# A name goes on in capitals, but not in the word for a nation: "both A and Kings of B American bands".
NAME = r"(?:(?:(?![A-Z]\w+(?:an|ese|ish)\b)[A-Z0-9][^\s,?]*|of|the)\s+)+"
BOTH = (
    re.compile(OPENING + rf"both (?P<one>[^?]+?) and (?P<other>{NAME})(?P<shared>[^?]+)\?*\s*$"),
    re.compile(OPENING + r"(?P<one>[^?]+?) and (?P<other>[^?]+?) both (?P<shared>[^?]+)\?*\s*$"),
)
SAME = re.compile(OPENING + r"(?:both )?(?P<one>[^?]+?) and (?P<other>[^?]+?) the same (?P<noun>\w+)\?*\s*$")

# A longer message is no plain question.
LONGEST_CHARS = 300
# At least this share of a name's telling words has to stand in a quote that speaks of it.
NAMED = 0.4
YEAR = re.compile(r"\b(?:1\d|20)\d\d\b")
# "is a Dutch painter": in this place a capital tells where somebody or something comes from.
ORIGIN = re.compile(r"\b(?:are|is|was|were) (?:an?|the) ([A-Z][\w-]+)")
ORIGIN_NOUNS = frozenset("country nation nationality".split())
CAPITAL = re.compile(r"\b[A-Z]\w*")


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Something asked of two."""

    # The stems of their names.
    parties: tuple[frozenset[str], frozenset[str]]
    # What is asked of both, in the words of the question; empty when it is whether they are the same in something,
    shared: str
    # and in what.
    noun: str


def comparison(question: str) -> Comparison | None:
    """Read a question about two things; None for any other."""
    if len(question) > LONGEST_CHARS:
        return None
    found = BOTH[0].match(question) or BOTH[1].match(question) or SAME.match(question)
    if not found:
        return None
    groups = found.groupdict()
    parties = (_name(groups["one"]), _name(groups["other"]))
    return Comparison(parties=parties, shared=groups.get("shared", ""), noun=groups.get("noun", ""))


def compare(asked: Comparison, quotes: Sequence[str], telling: Mapping[str, float]) -> tuple[bool, list[int]] | None:
    """Return whether it holds, and the numbers of the quotes that decide; None when they leave it open."""
    one, other = asked.parties
    found = [_about(one, other, quotes, telling), _about(other, one, quotes, telling)]
    deciding = [number for number, said in found if said]
    if len(deciding) < 2:
        return None
    said = [text for _, text in found]
    holds = _same(asked.noun, said) if asked.noun else _both(asked.shared, said)
    return None if holds is None else (holds, list(dict.fromkeys(deciding)))


def _name(text: str) -> frozenset[str]:
    """Return the stems of a name: of its capitals, as far as they tell anything."""
    capitals = " ".join(CAPITAL.findall(text))
    return frozenset(stems(capitals) or stems(text) or map(stem, words(text)))


def _about(
    party: frozenset[str], other: frozenset[str], quotes: Sequence[str], telling: Mapping[str, float]
) -> tuple[int, str]:
    """Return the first quote that names the party, from its name to the other's; an empty text when none does."""
    least = NAMED * sum(telling[key] for key in party)
    for number, quote in enumerate(quotes):
        written = words(quote)
        read = list(map(stem, written))
        if not party or sum(telling[key] for key in party.intersection(read)) < least:
            continue
        start = min(place for place, key in enumerate(read) if key in party)
        end = min((place for place, key in enumerate(read) if key in other - party and place > start), default=None)
        return number, _stretch(quote, written, start, end)
    return -1, ""


def _stretch(text: str, written: Sequence[str], start: int, end: int | None) -> str:
    """Return the text from one of its words to before another."""
    places = []
    place = 0
    for word in written:
        place = text.index(word, place)
        places.append(place)
        place += len(word)
    return text[places[start] : None if end is None else places[end]]


def _both(shared: str, said: Sequence[str]) -> bool | None:
    """Tell whether each text says what is asked; it denies it when it has another name in the same place."""
    wanted = set(stems(shared))
    if wanted and all(wanted <= set(stems(text)) for text in said):
        return True
    for name in CAPITAL.findall(shared):
        before = words(shared[: shared.index(name)])
        for place in (ORIGIN, *map(_beside, before[-1:])):
            one, other = (set(place.findall(text)) for text in said)
            if one and other and (name in one) != (name in other):
                return False
    return None


def _same(noun: str, said: Sequence[str]) -> bool | None:
    """Compare what two texts say of one noun: a year, an origin, or the name beside the noun."""
    if noun == "year":
        place = YEAR
    elif noun in ORIGIN_NOUNS:
        place = ORIGIN
    else:
        place = _beside(noun)
    one, other = (set(place.findall(text)) for text in said)
    return one == other if len(one) == len(other) == 1 else None


def _beside(noun: str) -> re.Pattern[str]:
    """Return what finds the name behind a noun: "family" in "of the family Rosaceae"."""
    return re.compile(rf"\b{re.escape(noun)}\w* ([A-Z]\w+)")
