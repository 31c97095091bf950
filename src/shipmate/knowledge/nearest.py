"""Find the nearest of many vectors: all of them are compared while that is quick, then only the likely ones.

A large block is kept in cells of vectors that lie together, and beside each vector the signs of its entries, 32 bytes
for 256 numbers. A search looks at the signs in the cells nearest to it, and compares those that differ least.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["COMPARED_ALL", "Matrix", "Signs", "cells", "likely", "signs"]

Matrix = NDArray[np.float32]
Signs = NDArray[np.uint64]
Places = NDArray[np.intp]

# So many vectors are compared in less than a millisecond.
COMPARED_ALL = 10_000
# Cells of so many vectors; a search looks into one in so many cells, and compares so many vectors by their numbers.
CELL = 200
CELLS_PER_LOOK = 5
COMPARED = 1500
ROUNDS = 6
# The middles of the cells are found on so many vectors for each.
SAMPLED = 40


def signs(rows: Matrix) -> Signs:
    """Return a bit for each entry, set where it is positive, in words of 64."""
    packed = np.packbits(rows > 0, axis=1)
    padded = np.zeros((len(rows), -(-packed.shape[1] // 8) * 8), np.uint8)
    padded[:, : packed.shape[1]] = packed
    return padded.view(np.uint64)


def cells(rows: Matrix) -> tuple[Matrix, Places]:
    """Return the middles of cells, and for each row in which cell it lies."""
    count = max(1, len(rows) // CELL)
    drawn = np.random.default_rng(0).permutation(len(rows))[: count * SAMPLED]
    sample = rows[np.sort(drawn)]
    middles = sample[:: max(1, len(sample) // count)][:count].copy()
    for _ in range(ROUNDS):
        nearest = _nearest_middle(sample, middles)
        sums = np.zeros_like(middles)
        np.add.at(sums, nearest, sample)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        middles = np.where(lengths > 0, sums / np.maximum(lengths, 1e-9), middles)
    return middles, _nearest_middle(rows, middles)


def likely(vector: Matrix, middles: Matrix, ends: Places, bits: Signs, allowed: NDArray[np.bool_] | None) -> Places:
    """Return the places of the vectors that are likely near, in the nearest cells by the signs."""
    looked = -(-len(middles) // CELLS_PER_LOOK)
    near = np.argpartition(-(middles @ vector), looked - 1)[:looked]
    near.sort()
    spans = [(ends[cell - 1] if cell else 0, ends[cell]) for cell in near.tolist()]
    places = np.concatenate([np.arange(start, end) for start, end in spans])
    differing = np.concatenate([bits[start:end] for start, end in spans])
    if allowed is not None:
        kept = allowed[places]
        places, differing = places[kept], differing[kept]
    differing ^= signs(vector[None])
    distances = np.bitwise_count(differing).sum(1, dtype=np.uint16)
    if len(places) <= COMPARED:
        return places
    within = int(np.searchsorted(np.bincount(distances).cumsum(), COMPARED))
    nearest: Places = places[distances <= within]
    return nearest


def _nearest_middle(rows: Matrix, middles: Matrix) -> Places:
    chunks = [np.argmax(rows[start : start + 4096] @ middles.T, axis=1) for start in range(0, len(rows), 4096)]
    return np.concatenate(chunks)
