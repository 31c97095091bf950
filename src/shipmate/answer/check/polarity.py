"""Whether a sentence says yes where its spans say no, or the other way round."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from shipmate.answer.check.claims import content, content_stem
from shipmate.text import STOP_WORDS, words

__all__ = ["Polarity", "contradicted", "polarity"]

WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[,;:.!?()]")
MAY_DENY = re.compile(r"n[o'e]|hardly|without", re.IGNORECASE)
DENYING = frozenset("not no never cannot without neither nor none nobody nothing nowhere hardly".split())
# Behind a "no" or "not", these do not deny what follows.
NO_DENIAL = frozenset(
    "only just later more less fewer longer earlier sooner necessarily really matter doubt yet".split()
)
# Who says "not" may mean one of these.
LIMITING = re.compile(
    r"\b(?:abst|avoid|ban|ceas|declin|den[iy]|except|exclu|fail|forb|lack|only|prevent|prohibit|refus|reject|restrict"
    r"|stop|turn(?:s|ed)? down|unless|until|instead|rather|un[a-z]{4}|non-?[a-z]{3}|less than)",
    re.IGNORECASE,
)
# So far behind the denying word stands what it denies.
REACH = 6


class Polarity(NamedTuple):
    """What a text speaks of, and what of that it denies."""

    stems: frozenset[str]
    # The content word behind each "not", "no" or "never".
    denied: frozenset[str]
    # What stands elsewhere than behind one. "What it calls unsafe, unless you do not call it so" does both.
    affirmed: frozenset[str]
    # It draws a line in other words: "only", "except", "unable".
    limits: bool


@lru_cache(maxsize=1024)
def polarity(text: str) -> Polarity:
    """Read what a text denies; `plain` has gone over it."""
    said = affirmed = content(text)
    denied = Counter(_denied(WORD.findall(text))) if MAY_DENY.search(text) else Counter[str]()
    if denied:
        spoken = Counter(map(content_stem, words(text)))
        affirmed = said - {stem for stem, times in denied.items() if times >= spoken[stem]}
    return Polarity(said, frozenset(denied), affirmed, LIMITING.search(text) is not None)


def _denied(tokens: list[str]) -> Iterator[str]:
    for at, token in enumerate(tokens):
        # "Never Shout Never" is the name of a band, and "No" before a comma an answer.
        named = at > 0 and token.istitle() and tokens[at - 1][0].isalnum()
        answer = at == 0 and token.lower() == "no" and tokens[1:2] and tokens[1].lower() in STOP_WORDS
        if named or answer or not (token.lower() in DENYING or token.lower().endswith("n't")):
            continue
        for following in map(str.lower, tokens[at + 1 : at + 1 + REACH]):
            if following in NO_DENIAL or not following[0].isalnum():
                break
            if following not in STOP_WORDS and following not in DENYING and not following.endswith("ly"):
                yield content_stem(following)
                break


def contradicted(said: Polarity, spans: Sequence[Polarity]) -> str:
    """Return a stem that a sentence denies and a span affirms, or the other way round; empty when there is none."""
    # What a span says with the same words and denials is borne out, whatever the others say.
    if said in spans or not (said.denied or any(span.denied for span in spans)):
        return ""
    # A span that alone holds half of the sentence speaks for itself.
    main: list[Sequence[Polarity]] = [(span,) for span in spans if 2 * len(said.stems & span.stems) >= len(said.stems)]
    return next(filter(None, (_flipped(said, part) for part in main or [spans])), "")


def _flipped(said: Polarity, spans: Sequence[Polarity]) -> str:
    denied = frozenset[str]().union(*(span.denied for span in spans))
    if not denied and not any(span.limits for span in spans):
        return min(said.denied, default="")
    affirmed = frozenset[str]().union(*(span.affirmed for span in spans))
    flipped = said.denied & affirmed - denied
    if not (said.denied or said.limits):
        flipped |= (denied - affirmed) & said.stems
    return min(flipped, default="")
