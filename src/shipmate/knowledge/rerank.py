"""Look at fused passages once more, together: what else their documents say speaks for them. No weights, no model."""

from collections.abc import Mapping, Sequence

import msgspec

from shipmate.knowledge.fusion import Fused
from shipmate.messages import Passage

__all__ = ["DOCUMENT", "rerank"]

# What a passage gains of the score that the best other passage of its document has.
DOCUMENT_SHARE = 0.1
# The leg of that gain.
DOCUMENT = "document"
# What a passage says itself: where the graph leads tells of one page, not of its neighbours.
OWN_LEGS = ("lexical", "dense")


def rerank(fused: Sequence[Fused], found: Mapping[int, Passage]) -> list[Fused]:
    """Return the passages in their new order, best first; equal scores are ordered by key.

    `found` are those that hold words of the question: only they speak for each other.
    """
    own = {passage.key: _own_score(passage) for passage in fused if passage.key in found}
    best: dict[str, tuple[int, int | None]] = {}
    for key in sorted(own, key=lambda key: (-own[key], key)):
        source = found[key].source
        first, second = best.get(source, (key, None))
        best[source] = (first, key if second is None and key != first else second)
    lifted = []
    for passage in fused:
        first, second = best[found[passage.key].source] if passage.key in own else (passage.key, None)
        other = second if passage.key == first else first
        lifted.append(passage if other is None else _lifted(passage, DOCUMENT_SHARE * own[other]))
    return sorted(lifted, key=lambda passage: (-passage.score, passage.key))


def _own_score(passage: Fused) -> float:
    return sum(passage.legs.get(leg, 0.0) for leg in OWN_LEGS)


def _lifted(passage: Fused, gain: float) -> Fused:
    return msgspec.structs.replace(passage, score=passage.score + gain, legs={**passage.legs, DOCUMENT: gain})
