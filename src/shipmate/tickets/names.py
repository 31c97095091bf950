"""Names for groups of tickets: the two words that tell a group from the others, in the order in which people say them."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from math import log, sqrt

from shipmate.text import fold, stem, words
from shipmate.tickets.masks import MASK
from shipmate.tickets.wording import SMALL_TALK, STOPPED

__all__ = ["intent_names"]

# So many telling words of a group are tried in pairs.
TRIED = 12
# A pair names a group when so large a share of its tickets hold both words.
SMALLEST_SHARE = 0.06
LONGEST_NAME = 40
NOT_NAME = re.compile(r"[^a-z0-9]+")


class Group:
    """What the tickets of one group say."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.size = len(texts)
        self.spread: Counter[str] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.written: dict[str, Counter[str]] = defaultdict(Counter)
        self._stems = [self._ticket(text) for text in texts]

    def _ticket(self, text: str) -> list[str]:
        """Count a ticket's words; return their stems in order, each once."""
        found: dict[str, None] = {}
        for word in words(MASK.sub(" ", text)):
            if (
                not word.isalnum()
                or word.isdecimal()
                or word.casefold() in STOPPED
                or (key := stem(word)) in SMALL_TALK
            ):
                continue
            self.written[key][fold(word).removesuffix("'s")] += 1
            found[key] = None
        self.spread.update(found.keys())
        return list(found)

    def count_pairs(self, among: Sequence[str]) -> None:
        """Count in how many tickets one of these words comes before another."""
        known = set(among)
        for found in self._stems:
            self.pairs.update(combinations([key for key in found if key in known], 2))

    def share(self, key: str) -> float:
        """Return the share of the tickets that hold a word."""
        return self.spread[key] / self.size


def intent_names(groups: Sequence[Sequence[str]]) -> list[str]:
    """Return a name for each group of tickets, such as `reset_password`; no two are the same."""
    counted = [Group(texts) for texts in groups]
    everywhere: dict[str, float] = defaultdict(float)
    for group in counted:
        for key in group.spread:
            everywhere[key] += group.share(key)
    names: list[str] = []
    for number, group in enumerate(counted, 1):
        tried = [_written(group, keys) for keys in _telling(group, everywhere, len(counted))]
        free = [name for name in tried if name and name not in names]
        names.append(free[0] if free else f"topic_{number}")
    return names


def _telling(group: Group, everywhere: Mapping[str, float], count: int) -> list[tuple[str, ...]]:
    """Return what may name a group, the best first: pairs that many tickets hold, then single words.

    A word tells the more, the larger its share of this group's tickets is beside its shares of the others'; one that is
    as common everywhere tells nothing, and the less telling word of a pair counts as much as the other.
    """
    telling = {key: max(0.0, log(count * group.share(key) / everywhere[key])) for key in group.spread}
    best = sorted(telling, key=lambda key: (-group.share(key) * telling[key], key))[:TRIED]
    group.count_pairs(best)
    ordered: list[tuple[float, tuple[str, ...]]] = []
    for left, right in combinations(sorted(best), 2):
        there, back = group.pairs[left, right], group.pairs[right, left]
        if there + back >= SMALLEST_SHARE * group.size and telling[left] and telling[right]:
            worth = (there + back) * sqrt(telling[left] * telling[right])
            ordered.append((worth, (left, right) if there >= back else (right, left)))
    return [keys for _, keys in sorted(ordered, reverse=True)] + [(key,) for key in best]


def _written(group: Group, keys: Sequence[str]) -> str:
    """Return words as an identifier, each in the form that most tickets use; empty where no Latin letter is in them."""
    said = [NOT_NAME.sub("_", group.written[key].most_common(1)[0][0]).strip("_") for key in keys]
    return "_".join(said)[:LONGEST_NAME].strip("_") if all(said) else ""
