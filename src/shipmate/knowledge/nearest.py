"""Find the vectors that are likely near without comparing all: by the signs of their entries, 32 bytes for 256 numbers.

The signs of all are compared with the query's. Of those that differ least, signs are counted again where the query's
entry is large: such a sign tells more. What is left after that is worth a comparison of the numbers.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["COMPARED_ALL", "Matrix", "Signs", "likely", "sign_words"]

Matrix = NDArray[np.float32]
# One row for each 64 entries, with a word of their signs for each vector.
Signs = NDArray[np.uint64]
Places = NDArray[np.intp]

# So many vectors are compared in less than a millisecond.
COMPARED_ALL = 10_000
# By all signs so many are kept, then by those of the query's large entries so many.
COUNTED_AGAIN = 6000
COMPARED = 1400
# Among many vectors more are like the query by chance: one of so many is counted again, and one of so many compared.
COUNTED_AGAIN_PER, COMPARED_PER = 50, 500
# Where there are more than so many, the bound is found on one count in so many.
SAMPLED_FROM, SAMPLED = 50_000, 8
ALL = np.uint64(2**64 - 1)


def sign_words(rows: Matrix) -> Signs:
    """Return a bit for each entry, set where it is positive, in words of 64."""
    packed = np.packbits(rows > 0, axis=1)
    padded = np.zeros((len(rows), -(-packed.shape[1] // 8) * 8), np.uint8)
    padded[:, : packed.shape[1]] = packed
    return np.ascontiguousarray(padded.view(np.uint64).T)


def likely(vector: Matrix, bits: Signs, allowed: NDArray[np.bool_] | None) -> Places:
    """Return the places of the allowed vectors that are likely nearest."""
    asked = sign_words(vector[None])
    count = bits.shape[1]
    places = _least(_counts(bits, asked), allowed, max(COUNTED_AGAIN, count // COUNTED_AGAIN_PER))
    differing = [word.take(places) ^ sign for word, sign in zip(bits, asked, strict=True)]
    weighed = np.zeros(len(places), np.uint16)
    for large in (np.full_like(asked, ALL), *_large_entries(vector)):
        for word, entries in zip(differing, large, strict=True):
            weighed += np.bitwise_count(word & entries)
    nearest: Places = places[_least(weighed, None, max(COMPARED, count // COMPARED_PER))]
    return nearest


def _counts(bits: Signs, asked: Signs) -> NDArray[Any]:
    """Return in how many signs each vector differs from what is asked."""
    # One that differs in all of 256 signs would count as 0 in a byte: it is compared, and falls behind then.
    counts = np.zeros(bits.shape[1], np.uint8 if len(bits) <= 4 else np.uint16)
    differing = np.empty(bits.shape[1], np.uint64)
    count = np.empty(bits.shape[1], np.uint8)
    for word, sign in zip(bits, asked, strict=True):
        np.bitwise_count(np.bitwise_xor(word, sign, out=differing), out=count)
        np.add(counts, count, out=counts)
    return counts


def _large_entries(vector: Matrix) -> list[Signs]:
    """Return which entries count again: the larger two thirds, and once more the largest third."""
    sizes = np.abs(vector)
    ordered = np.sort(sizes)
    return [sign_words(sizes[None] - ordered[len(ordered) * share // 3]) for share in (1, 2)]


def _least(counts: NDArray[Any], allowed: NDArray[np.bool_] | None, most: int) -> Places:
    """Return where the least counts are, about so many."""
    known = counts if allowed is None else counts[allowed]
    if len(known) <= most:
        return np.arange(len(counts)) if allowed is None else np.flatnonzero(allowed)
    step = SAMPLED if len(known) > SAMPLED_FROM else 1
    bound = int(np.searchsorted(np.bincount(known[::step]).cumsum(), most // step))
    within = counts <= bound
    return np.flatnonzero(within if allowed is None else within & allowed)
