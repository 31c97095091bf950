"""Whether a sentence says yes where its spans say no, or the other way round."""

import re
from functools import lru_cache

from shipmate.text import STOP_WORDS, stem

__all__ = ["contradicted", "denied"]

WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[,;:.!?()]")
DENYING = frozenset("not no never cannot without neither nor none nobody nothing nowhere hardly".split())
# Behind a "no" or "not", these do not deny what follows.
NO_DENIAL = frozenset("only just later more less fewer longer earlier sooner necessarily matter doubt one".split())
# So far behind the denying word stands what it denies.
REACH = 4


@lru_cache(maxsize=4096)
def denied(text: str) -> frozenset[str]:
    """Return the stem of the content word that each "not", "no" or "never" denies."""
    lowered = text.lower()
    if "n't" not in lowered and not any(word in lowered for word in ("no", "hardly", "without")):
        return frozenset()
    tokens = WORD.findall(lowered)
    found = set()
    for at, token in enumerate(tokens):
        if token not in DENYING and not token.endswith("n't"):
            continue
        for following in tokens[at + 1 : at + 1 + REACH]:
            if following in NO_DENIAL or not following[0].isalnum():
                break
            if following not in STOP_WORDS:
                found.add(stem(following))
                break
    return frozenset(found)


def contradicted(
    said: frozenset[str], denied_here: frozenset[str], spans: list[tuple[frozenset[str], frozenset[str]]]
) -> str:
    """Return a stem that a sentence denies and its spans affirm, or the other way round; empty when there is none.

    `said` are the sentence's stems; each span comes with its stems and those that it denies.
    """
    denied_there = frozenset().union(*(denied for _, denied in spans))
    affirmed = frozenset().union(*(stems - denied for stems, denied in spans))
    flipped = sorted((denied_here & affirmed - denied_there) | ((denied_there - affirmed - denied_here) & said))
    return flipped[0] if flipped else ""
