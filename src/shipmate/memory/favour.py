"""What past conversations do for the ranking: passages that were cited where the like was asked gain a little."""

from collections.abc import Sequence

import msgspec

from shipmate.messages import Hit, Passage, Recalled

__all__ = ["favoured"]

# What a passage gains at most, next to 1 for the best.
FAVOUR = 0.3
# Where less than nearly the same was asked, other passages answer.
NEARLY_SAME = 0.45


def favoured(hits: Sequence[Hit], recalled: Sequence[Recalled]) -> Sequence[Hit]:
    """Return the same hits in the order that past conversations suggest."""
    gains = [_gain(hit.passage, recalled) for hit in hits]
    if not any(gains):
        return hits
    best = hits[0].score
    better = [
        msgspec.structs.replace(hit, score=hit.score + FAVOUR * gain * best, legs={**hit.legs, "recalled": gain})
        if gain
        else hit
        for hit, gain in zip(hits, gains, strict=True)
    ]
    return sorted(better, key=lambda hit: hit.score, reverse=True)


def _gain(passage: Passage, recalled: Sequence[Recalled]) -> float:
    """Return how like the present question the most similar one is whose answer cites this passage."""
    near = [example for example in recalled if example.likeness >= NEARLY_SAME]
    return max([example.likeness for example in near if _cites(example, passage)], default=0.0)


def _cites(example: Recalled, passage: Passage) -> bool:
    return any(
        citation.source == passage.source and citation.quote in passage.text for citation in example.exchange.citations
    )
