"""What answers are measured with: words in common with a reference, and how well scores separate."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from shipmate.text import fold, sentence_spans, stems, words

__all__ = ["auroc", "best_cover", "contains", "content", "mean", "oracle_share", "percentile", "rouge_l", "sentences"]

LINK_TARGET = re.compile(r"\]\([^)\s]*\)|<?https?://\S+")


def content(text: str) -> frozenset[str]:
    """Return the stems of the content words; the addresses of links are none."""
    return frozenset(stems(LINK_TARGET.sub(" ", text)))


def sentences(text: str) -> list[str]:
    """Return the sentences, list items and table rows of a text."""
    return [text[start:end] for start, end in sentence_spans(text)]


def oracle_share(reply: str, reference: str, sources: Iterable[str], weights: Mapping[str, float]) -> float:
    """Return which share of what three sentences of the sources can say of the reference the reply says, 0-1.

    Both count content words of the reference, each once, by weight. The three sentences are the best three together,
    found by exhaustive search. A reply that says more than they can counts as 1; where they can say nothing, the
    share is 0.
    """
    wanted = content(reference)
    said = _weight(wanted & content(reply), weights)
    best = best_cover(wanted, [content(sentence) for source in sources for sentence in sentences(source)], weights)
    return min(1.0, said / best) if best else 0.0


def best_cover(
    wanted: Collection[str], choices: Iterable[Collection[str]], weights: Mapping[str, float], *, count: int = 3
) -> float:
    """Return the greatest weight of wanted words that so many choices hold together."""
    parts = {frozenset(wanted).intersection(choice) for choice in choices}
    ranked = sorted(((_weight(part, weights), sorted(part)) for part in parts), reverse=True)
    sizes = [size for size, _ in ranked]
    sets = [frozenset(part) for _, part in ranked]

    def extend(held: frozenset[str], start: int, left: int, best: float) -> float:
        best = max(best, _weight(held, weights))
        if left:
            for at in range(start, len(sets)):
                # Even if nothing of the next choices were held already, they could not beat the best.
                if _weight(held, weights) + left * sizes[at] <= best:
                    break
                best = extend(held | sets[at], at + 1, left - 1, best)
        return best

    return extend(frozenset(), 0, count, 0.0)


def rouge_l(reply: str, reference: str) -> float:
    """Return the F1 of the longest common subsequence of words, 0-1."""
    ours, theirs = words(fold(reply)), words(fold(reference))
    if not ours or not theirs:
        return 0.0
    lengths = [0] * (len(theirs) + 1)
    for word in ours:
        diagonal = 0
        for at, other in enumerate(theirs, start=1):
            diagonal, lengths[at] = lengths[at], diagonal + 1 if word == other else max(lengths[at], lengths[at - 1])
    common = lengths[-1]
    return 2 * common / (len(ours) + len(theirs))


def contains(reply: str, answer: str) -> bool:
    """Tell whether the reply holds the answer's words next to each other, whatever the case and punctuation."""
    return f" {' '.join(words(fold(answer)))} " in f" {' '.join(words(fold(reply)))} "


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Return how often a positive score lies above a negative one; a tie counts half."""
    pairs = len(positive) * len(negative)
    return sum((high > low) + (high == low) / 2 for high in positive for low in negative) / pairs if pairs else 0.0


def mean(values: Sequence[float]) -> float:
    """Return the mean; 0 of nothing."""
    return sum(values) / len(values) if values else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies; 0 of nothing."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def _weight(held: Collection[str], weights: Mapping[str, float]) -> float:
    return sum(weights[stem] for stem in held)
