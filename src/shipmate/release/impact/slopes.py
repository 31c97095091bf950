"""How the scores of one question move with an edit: to first order exactly, with a bound on the rest.

An edit moves all lexical scores a little: BM25 weighs each entry against the mean length. What a word weighs stays until
a count has grown by a step. `Moving` carries values with their slopes along the logarithm of the mean length, and with
how uncertain a slope is where the order of equals decides.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, chain, repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shipmate.messages import Hit, Passage
from shipmate.text import indexed_stems

__all__ = ["BM25_B", "BM25_K1", "Floats", "Moving", "lexical_slopes", "over", "shortened", "stems_of"]

Floats = NDArray[np.float64]
# BM25's own constants.
BM25_K1, BM25_B = 1.2, 0.75
# How exactly a score has to be what it is made of.
EXACTLY = 6e-6
PASSAGES_KEPT = 16_384
# Lengths are kept in a byte: each up to 40, then in steps that double after eight.
LENGTHS = (*range(40), *accumulate(chain([40], chain.from_iterable(repeat(2 << step, 8) for step in range(27)))))[:256]


class Moving(NamedTuple):
    """Values, their slopes, a column of them, and how far these may be off."""

    values: Floats
    slopes: Floats
    unsure: Floats


@lru_cache(maxsize=PASSAGES_KEPT)
def stems_of(passage: Passage) -> Counter[str]:
    """Return how often a passage's stems stand in it, as the index counts them."""
    return Counter(indexed_stems(" ".join((passage.title, *passage.headings)), passage.text))


def lexical_slopes(hits: Sequence[Hit], weighed: Mapping[str, float], length: float) -> Moving | None:
    """Return the scores of hits with their slopes; `weighed` is what each word weighs, `length` the mean length.

    None where the scores are not what these make of them.
    """
    values = np.array([hit.score for hit in hits])
    made = np.zeros(len(hits))
    slopes = np.zeros((len(hits), 1))
    for row, hit in enumerate(hits):
        count = stems_of(hit.passage)
        size = shortened(sum(count.values())) / length
        for stem, weight in weighed.items():
            times = count.get(stem, 0)
            if times:
                bent = BM25_K1 * (1 - BM25_B + BM25_B * size)
                share = weight * (BM25_K1 + 1) * times / (times + bent)
                made[row] += share
                slopes[row, 0] += share * BM25_K1 * BM25_B * size / (times + bent)
    if not np.allclose(made, values, rtol=EXACTLY, atol=0):
        return None
    return Moving(values, slopes, np.zeros(len(hits)))


def shortened(length: int) -> int:
    """Return a length as an index keeps it."""
    place = int(np.searchsorted(LENGTHS, length, side="right")) - 1
    return int(LENGTHS[place])


def over(moving: Moving, by: int) -> Moving:
    """Return values as shares of one of them."""
    whole = moving.values[by]
    shares = moving.values / whole
    slopes = (moving.slopes - shares[:, None] * moving.slopes[by]) / whole
    return Moving(shares, slopes, (moving.unsure + shares * moving.unsure[by]) / whole)
