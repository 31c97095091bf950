"""What past conversations do for the ranking: passages that were cited where nearly the same was asked come forward."""

from collections.abc import Iterator, Sequence

import msgspec

from shipmate.messages import Hit, Passage, Recalled

__all__ = ["favoured"]

# What a passage gains at most, next to 1 for the best.
FAVOUR = 0.3
# Where less than nearly the same was asked, other passages answer.
NEARLY_SAME = 0.45
# So many passages at most are added to those that were found.
ADDED = 3

Place = tuple[str, int, int]


def favoured(hits: Sequence[Hit], recalled: Sequence[Recalled]) -> Sequence[Hit]:
    """Return the hits in the order that past conversations suggest, with what those cited and the search did not find.

    Where the search has found nothing, there is nothing to add to.
    """
    gains: dict[Place, float] = {}
    cited: dict[Place, Passage] = {}
    for passage, likeness in _cited(recalled):
        place = _place(passage)
        gains[place] = max(likeness, gains.get(place, 0.0))
        cited[place] = passage
    if not gains or not hits:
        return hits
    known = {_place(hit.passage) for hit in hits}
    new = [passage for place, passage in cited.items() if place not in known][:ADDED]
    last = hits[-1].score
    joined = [*hits, *(Hit(passage=passage, score=last) for passage in new)]
    best = hits[0].score
    ranked = [_raised(hit, gains.get(_place(hit.passage), 0.0), best) for hit in joined]
    return sorted(ranked, key=lambda hit: hit.score, reverse=True)


def _cited(recalled: Sequence[Recalled]) -> Iterator[tuple[Passage, float]]:
    """Yield each passage that an answer to nearly the same question cites, with how alike the questions are."""
    for example in recalled:
        if example.likeness >= NEARLY_SAME:
            for passage in example.passages:
                yield passage, example.likeness


def _raised(hit: Hit, gain: float, best: float) -> Hit:
    if not gain:
        return hit
    return msgspec.structs.replace(hit, score=hit.score + FAVOUR * gain * best, legs={**hit.legs, "recalled": gain})


def _place(passage: Passage) -> Place:
    return passage.source, passage.start, passage.end
