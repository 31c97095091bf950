"""Put what a search has found in the order in which a reranker sees it."""

from collections.abc import Sequence

import msgspec

from shipmate.messages import Hit
from shipmate.ports import Reranker

__all__ = ["RERANKED", "rerank"]

# How many of the best are read by a reranker: each costs it a run of its model.
RERANKED = 20


async def rerank(question: str, hits: Sequence[Hit], reranker: Reranker) -> list[Hit]:
    """Return the hits, those that answer best first, each with the reranker's score beside those of its legs.

    What the reranker sees as equal stays as it was.
    """
    scores = await reranker.scores(question, [hit.passage.in_full for hit in hits])
    scored = [
        msgspec.structs.replace(hit, legs={**hit.legs, "reranker": score})
        for hit, score in zip(hits, scores, strict=True)
    ]
    return sorted(scored, key=lambda hit: -hit.legs["reranker"])
