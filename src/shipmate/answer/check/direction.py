"""Whether a sentence turns what its spans say: "at most 12" for "at least 12", "impossible" for "possible"."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from shipmate.answer.check.claims import content_stem
from shipmate.answer.quotes.yes_no import OPPOSITES
from shipmate.text import STOP_WORDS, stem, words

__all__ = ["turned"]

BOUND = re.compile(
    r"""\b(?:
    (?P<most>at\ (?:the\ )?most|up\ to|(?:no|not)\ more\ than|maximum(?:\ of)?|under|below|(?:less|fewer)\ than)
    |(?P<least>at\ (?:the\ )?least|(?:no|not)\ (?:less|fewer)\ than|minimum(?:\ of)?|over|above|more\ than)
    |(?P<before>before|prior\ to)
    |(?P<after>after)
    )\b\W*(?P<rest>[^.;!?]{0,60})""",
    re.IGNORECASE | re.VERBOSE,
)
# "No more than" denies nothing.
DENYING = re.compile(r"\b(?:cannot|never|(?:no|not)(?! (?:fewer|less|more) than)|without|[a-z]+n't)\b", re.IGNORECASE)
OTHER_WAY = {"most": "least", "least": "most", "before": "after", "after": "before"}
# "Inform" is not the opposite of "form".
DENIED_QUALITY = re.compile(
    r"(?:un(?!less$)|non)(?P<any>[a-z]{4,})"
    r"|(?:il|im|in|ir)(?P<quality>[a-z]+(?:able|al|ant|ate|ct|ent|ete|ible|id|ive|ure))"
)


class _Direction(NamedTuple):
    # Which way, and of what.
    bounds: frozenset[tuple[str, str]]
    stems: frozenset[str]
    # The stems of what "un-" and "in-" turn.
    turned: frozenset[str]
    denies: bool


def turned(text: str, spans: Sequence[str]) -> str:
    """Return what a sentence turns that the spans say, in stems; empty when there is nothing."""
    said, known = _direction(text), [_direction(span) for span in spans]
    if said in known:
        return ""
    if not any(other.bounds or other.turned for other in (said, *known)) and OPPOSITES.keys().isdisjoint(said.stems):
        return ""
    borne = frozenset[tuple[str, str]]().union(*(other.bounds for other in known))
    stems = frozenset[str]().union(*(other.stems for other in known))
    unmade = frozenset[str]().union(*(other.turned for other in known))
    for other in known:
        # "Not after" is "before".
        if other.denies != said.denies:
            continue
        for way, what in sorted(said.bounds - borne):
            if (OTHER_WAY[way], what) in other.bounds:
                return what
        flipped = (said.turned & other.stems - unmade) | (said.stems & other.turned - stems - said.turned)
        flipped |= {key for key in said.stems - stems if OPPOSITES.get(key, "") in other.stems - said.stems}
        if flipped:
            return min(flipped)
    return ""


@lru_cache(maxsize=1024)
def _direction(text: str) -> _Direction:
    written = words(text.lower())
    unmade = {m["any"] or m["quality"] for m in map(DENIED_QUALITY.fullmatch, written) if m}
    bounds = frozenset(
        (next(way for way in OTHER_WAY if match[way]), what)
        for match in BOUND.finditer(text)
        if (what := _object(match["rest"]))
    )
    denies = DENYING.search(text) is not None
    return _Direction(bounds, frozenset(map(stem, written)), frozenset(map(stem, unmade)), denies)


def _object(rest: str) -> str:
    """Return the first telling word behind a bound."""
    return next((content_stem(word) for word in words(rest) if word.lower() not in STOP_WORDS), "")
