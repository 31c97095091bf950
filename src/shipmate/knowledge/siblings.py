"""What else a document says speaks for its passages. No weights, no model."""

from collections.abc import Mapping

__all__ = ["SHARE", "SIBLINGS", "siblings"]

# The leg of what a passage gains,
SIBLINGS = "siblings"
# which is so much of the score of the best other passage of its document.
SHARE = 0.1


def siblings(scores: Mapping[int, float], sources: Mapping[int, str]) -> dict[int, float]:
    """Return what passages gain by the others of their documents; one alone gains nothing.

    `sources` are those of the passages that hold words of the question: only they speak for each other.
    """
    own: dict[str, list[int]] = {}
    for key, source in sources.items():
        own.setdefault(source, []).append(key)
    gains = {}
    for keys in own.values():
        if len(keys) > 1:
            best, second = sorted((scores[key] for key in keys), reverse=True)[:2]
            first = next(key for key in keys if scores[key] == best)
            gains.update({key: SHARE * (second if key == first else best) for key in keys})
    return gains
