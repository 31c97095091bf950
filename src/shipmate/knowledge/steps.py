"""Counts in steps: what is computed from them stays as it is when a few documents come or go.

A weight that moves with every edit lets an edit in one document reorder the answers from all others by a hair. In steps,
an edit is felt where its words stand, and elsewhere only when a count has grown by a step.
"""

import math

__all__ = ["in_octaves", "in_thirtyseconds"]

BITS = 5


def in_octaves(count: int) -> float:
    """Return the nearest power of two: how many passages hold a word matters by its order alone."""
    return 2.0 ** round(math.log2(count)) if count > 0 else 0.0


def in_thirtyseconds(count: int) -> int:
    """Return the count to five binary digits: all counts below 32, then steps of 3 to 6 %."""
    width = 1 << max(0, count.bit_length() - BITS)
    return (count + width // 2) // width * width
