"""How the scores of one question move with an edit: to first order exactly, with a bound on the rest.

An edit moves all lexical scores a little: BM25 weighs each word against how many entries there are and how many of them
hold it, and each entry against the mean length. A question has so many directions as it has words, and one more for the
length; along each stands the logarithm by which the word's weight, or the mean length, has changed. `Moving` carries
values with their slopes along these directions, and with how uncertain a slope is where the order of equals decides.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, chain, repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shipmate.messages import Hit, Passage
from shipmate.text import indexed_stems

__all__ = ["K1", "B", "Floats", "Moving", "bm25_weight", "lexical_slopes", "over", "shortened", "stems_of"]

Floats = NDArray[np.float64]
# BM25's own constants.
K1, B = 1.2, 0.75
# How exactly a score has to be what it is made of.
EXACTLY = 3e-6
PASSAGES_KEPT = 16_384
# Lengths are kept in a byte: each up to 40, then in steps that double after eight.
LENGTHS = (*range(40), *accumulate(chain([40], chain.from_iterable(repeat(2 << step, 8) for step in range(27)))))[:256]


class Moving(NamedTuple):
    """Values, their slopes along each direction, and how far these may be off."""

    values: Floats
    slopes: Floats
    unsure: Floats


@lru_cache(maxsize=PASSAGES_KEPT)
def stems_of(passage: Passage) -> Counter[str]:
    """Return how often a passage's stems stand in it, as the index counts them."""
    return Counter(indexed_stems(" ".join((passage.title, *passage.headings)), passage.text))


def lexical_slopes(
    hits: Sequence[Hit], terms: Mapping[str, float], weighed: Mapping[str, float], length: float
) -> Moving | None:
    """Return the scores of hits with their slopes; `weighed` is what each word weighs now, `length` the mean length.

    None where the scores are not what these make of them.
    """
    values = np.array([hit.score for hit in hits])
    slopes = np.zeros((len(hits), len(terms) + 1))
    for row, hit in enumerate(hits):
        count = stems_of(hit.passage)
        size = shortened(sum(count.values())) / length
        for column, (stem, weight) in enumerate(terms.items()):
            times = count.get(stem, 0)
            if times:
                bent = K1 * (1 - B + B * size)
                share = weight * weighed[stem] * (K1 + 1) * times / (times + bent)
                slopes[row, column] = share
                slopes[row, -1] += share * K1 * B * size / (times + bent)
    if not np.allclose(slopes[:, :-1].sum(axis=1), values, rtol=EXACTLY, atol=0):
        return None
    return Moving(values, slopes, np.zeros(len(hits)))


def bm25_weight(frequency: float, entries: float) -> float:
    """Return what a word weighs that so many entries hold."""
    return math.log(1 + (entries - frequency + 0.5) / (frequency + 0.5))


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
