"""How good a ranking is against judged documents."""

import math
from collections.abc import Mapping, Sequence

__all__ = ["ndcg", "recall"]


def recall(ranked: Sequence[str], gold: Mapping[str, int], depth: int) -> float:
    """Return the share of the gold documents among the first so many, 0-1."""
    return sum(document in gold for document in ranked[:depth]) / len(gold)


def ndcg(ranked: Sequence[str], gold: Mapping[str, int], depth: int) -> float:
    """Return the gain of the first so many, discounted by rank, divided by that of the best order, 0-1."""
    gains = [gold.get(document, 0) for document in ranked[:depth]]
    return _discounted(gains) / _discounted(sorted(gold.values(), reverse=True)[:depth])


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 2) for rank, gain in enumerate(gains))
