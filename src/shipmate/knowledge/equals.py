"""An order of hits that no index decides: equals stand in the order of their keys.

An index sums scores in single precision, in an order of its own, and lists equals as they happen to lie on disk. Both
change when other documents are edited; answers must not.
"""

from collections.abc import Callable, Iterator, Sequence

from shipmate.knowledge.keys import passage_key
from shipmate.messages import Hit

__all__ = ["EQUAL", "MOST", "best_of", "is_equal", "settled"]

# Scores that differ by no more than this share of them are equal: sums of single precision tell no more.
EQUAL = 2e-6
# So many more than wanted are fetched, to see whether the last wanted one has equals; then many more, and no more than that.
SPARE, MOST = 6, 400


def best_of(find: Callable[[int], Sequence[Hit]], limit: int) -> list[Hit]:
    """Return the best hits; of those that equal the last of them, the ones with the least keys."""
    for wanted in (limit + SPARE, max(MOST, 2 * limit)):
        found = find(wanted)
        if len(found) < wanted or not is_equal(found[limit - 1], found[-1]):
            break
    return settled(found)[:limit]


def settled(hits: Sequence[Hit]) -> list[Hit]:
    """Return hits, best first, with the same score for equals."""
    return [hit for equals in _groups(hits) for hit in (_by_key(equals) if len(equals) > 1 else equals)]


def _groups(hits: Sequence[Hit]) -> Iterator[Sequence[Hit]]:
    start = 0
    for end in range(1, len(hits) + 1):
        if end == len(hits) or not is_equal(hits[end - 1], hits[end]):
            yield hits[start:end]
            start = end


def is_equal(one: Hit, other: Hit) -> bool:
    """Tell whether a hit's score equals that of another, which is no worse."""
    return other.score >= one.score * (1 - EQUAL)


def _by_key(equals: Sequence[Hit]) -> list[Hit]:
    score = equals[0].score
    return [
        Hit(passage=hit.passage, score=score, legs={"lexical": score})
        for hit in sorted(equals, key=lambda hit: passage_key(hit.passage))
    ]
