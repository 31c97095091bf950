"""Whether people who label the same thing mean the same."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

__all__ = ["krippendorff_alpha"]


def krippendorff_alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Return Krippendorff's alpha for names: 1 is full agreement, 0 what chance would do.

    Each unit is the labels that it was given; units with fewer than two say nothing. Nothing where there are none, or
    where only one label was ever given, so that nobody could have disagreed.
    """
    given: Counter[Hashable] = Counter()
    differ = 0.0
    for unit in units:
        if len(unit) < 2:
            continue
        counts = Counter(unit)
        given.update(counts)
        differ += sum(count * (len(unit) - count) for count in counts.values()) / (len(unit) - 1)
    total = given.total()
    by_chance = sum(count * (total - count) for count in given.values())
    return 1 - (total - 1) * differ / by_chance if by_chance else None
