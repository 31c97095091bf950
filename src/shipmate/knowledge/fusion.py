"""Make one ranking of the legs of a search: words lead, likeness helps, and the graph speaks where it may."""

from collections.abc import Collection, Mapping
from operator import itemgetter

from shipmate.messages import Led

__all__ = ["DENSE_SWAY", "DENSE_WEIGHT", "LEAST_DENSE", "MOST_DENSE", "SWAYED_BY", "fuse", "hinted", "ranked"]

Scores = Mapping[int, float]

# How much of the score is the dense leg's, where both legs' best stand out alike from what else they found,
DENSE_WEIGHT = 0.5
# how much more or less where one's does and the other's does not, of so many, and no more or less than that.
DENSE_SWAY = 0.5
SWAYED_BY = 20
LEAST_DENSE, MOST_DENSE = 0.25, 0.75
# What the graph's best passage gains on a best one of 1: without any trust in the graph, and with all of it. Where the
# question names the page that the words find first, the pages to which it leads come before all that merely share words.
GRAPH_HINT, GRAPH_TRUSTED = 0.7, 14.0


def fuse(lexical: Scores, cosine: Scores) -> dict[int, float]:
    """Return the passages that words or likeness found, each with its score, at most 1.

    `lexical` is positive, `cosine` any likeness; where one of them found nothing, the other counts in full.
    """
    words, likenesses = _of_best(lexical, 0.0), _of_best(cosine, min(cosine.values(), default=0.0))
    weight = _dense_weight(words.values(), likenesses.values())
    scores = {key: (1 - weight) * score for key, score in words.items()}
    for key, score in likenesses.items():
        scores[key] = scores.get(key, 0.0) + weight * score
    return scores


def hinted(led: Led) -> dict[int, float]:
    """Return what passages gain because the graph leads to them: the more, the more it is trusted."""
    weight = GRAPH_HINT + (GRAPH_TRUSTED - GRAPH_HINT) * led.trust
    return {key: weight * score for key, score in led.scores.items()}


def ranked(*shares: Scores) -> list[tuple[int, float]]:
    """Return the passages with the sums of their shares, best first; equal ones are ordered by key."""
    sums = dict(shares[0])
    for share in shares[1:]:
        for key, score in share.items():
            sums[key] = sums.get(key, 0.0) + score
    # Two sorts by plain keys take half as long as one by both.
    return sorted(sorted(sums.items()), key=itemgetter(1), reverse=True)


def _of_best(scores: Scores, least: float) -> dict[int, float]:
    """Return scores from 0 for the least to 1 for the best; where all are the least, 1."""
    width = max(scores.values(), default=0.0) - least
    return {key: (score - least) / width if width else 1.0 for key, score in scores.items()}


def _dense_weight(words: Collection[float], likenesses: Collection[float]) -> float:
    """Return how much likeness counts beside words: the more, the more its best stands out, for then it is sure."""
    if not words or not likenesses:
        return 1.0 if likenesses else 0.0
    sway = DENSE_SWAY * (_lead(likenesses) - _lead(words))
    return min(MOST_DENSE, max(LEAST_DENSE, DENSE_WEIGHT + sway))


def _lead(scores: Collection[float]) -> float:
    """Return how far the best is from the next ones on average, 0-1; one alone leads nobody."""
    following = sorted(scores, reverse=True)[1:SWAYED_BY]
    return 1 - sum(following) / len(following) if following else 0.0
