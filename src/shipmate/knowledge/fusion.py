"""Make one ranking of the legs of a search: words lead, likeness helps, and the graph speaks where it may."""

from collections.abc import Mapping
from operator import itemgetter

from shipmate.messages import Led

__all__ = ["fuse", "hinted", "ranked"]

Scores = Mapping[int, float]

# How much of the score is the dense leg's, where there is one.
DENSE_WEIGHT = 0.5
# What the graph's best passage gains on a best one of 1: without any trust in the graph, and with all of it. Where the
# question names the page that the words find first, the pages to which it leads come before all that merely share words.
GRAPH_HINT, GRAPH_TRUSTED = 0.7, 14.0


def fuse(lexical: Scores, cosine: Scores) -> dict[int, float]:
    """Return the passages that words or likeness found, each with its score, at most 1.

    `lexical` is positive, `cosine` any likeness; where one of them found nothing, the other counts in full.
    """
    weight = DENSE_WEIGHT if lexical else 1.0
    scale = (1 - DENSE_WEIGHT if cosine else 1.0) / max(lexical.values(), default=1.0)
    scores = {key: score * scale for key, score in lexical.items()}
    least = min(cosine.values(), default=0.0)
    width = max(cosine.values(), default=0.0) - least
    for key, value in cosine.items():
        scores[key] = scores.get(key, 0.0) + weight * ((value - least) / width if width else 1.0)
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
