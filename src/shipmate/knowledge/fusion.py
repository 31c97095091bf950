"""Make one ranking of the legs of a search: words lead, likeness helps, and the graph speaks where it may."""

from collections.abc import Mapping

import msgspec

__all__ = ["Fused", "fuse"]

# How much of the score is the dense leg's, where there is one.
DENSE_WEIGHT = 0.5
# What the graph's best passage gains on a best one of 1: without any trust in the graph, and with all of it. Where the
# question names the page that the words find first, the pages to which it leads come before all that merely share words.
GRAPH_HINT, GRAPH_TRUSTED = 0.7, 14.0


class Fused(msgspec.Struct, frozen=True):
    """A passage by its key, with its score and each leg's share of it."""

    key: int
    score: float
    legs: dict[str, float]


def fuse(
    *,
    lexical: Mapping[int, float],
    cosine: Mapping[int, float] | None = None,
    graph: Mapping[int, float] | None = None,
    trust: float = 0.0,
    dense_weight: float = DENSE_WEIGHT,
) -> list[Fused]:
    """Return all passages that a leg found, best first.

    `lexical` is positive, `cosine` any likeness, `graph` 0-1; a leg that was not asked is left out, and then the others
    are as they were. Equal scores are ordered by key.
    """
    best = max(lexical.values(), default=0.0) or 1.0
    shares = {"lexical": {key: score / best for key, score in lexical.items()}}
    if cosine:
        shares["lexical"] = {key: (1 - dense_weight) * score for key, score in shares["lexical"].items()}
        shares["dense"] = {key: dense_weight * score for key, score in _stretched(cosine).items()}
    if graph:
        weight = GRAPH_HINT + (GRAPH_TRUSTED - GRAPH_HINT) * trust
        shares["graph"] = {key: weight * score for key, score in graph.items()}
    legs: dict[int, dict[str, float]] = {}
    for leg, found in shares.items():
        for key, share in found.items():
            legs.setdefault(key, {})[leg] = share
    fused = [Fused(key, sum(own.values()), own) for key, own in legs.items()]
    return sorted(fused, key=lambda passage: (-passage.score, passage.key))


def _stretched(cosine: Mapping[int, float]) -> dict[int, float]:
    """Return likenesses from 0 for the least to 1 for the greatest; of a single one, 1."""
    least, greatest = min(cosine.values()), max(cosine.values())
    width = greatest - least
    return {key: (value - least) / width if width else 1.0 for key, value in cosine.items()}
