"""Group tickets that ask for the same: spherical k-means with seeded starts, and how many groups there are."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shipmate.tickets.space import Matrix, unit

__all__ = ["Clusters", "Labels", "dense_groups", "different", "find_clusters", "outer_bound"]

Labels = NDArray[np.intp]

STARTS = 8
MOST_ROUNDS = 50
# How well groups are parted is measured on so many tickets: all are compared with all.
COMPARED = 2000
# Of other counts of groups, one that parts tickets so many times better is taken.
MUCH_BETTER = 1.2
# Tickets so alike say nearly the same.
NEARLY_SAME = 0.8
# A ticket fits its group when it is closer to its centre than so many of 100 tickets are to another group's nearest.
FITS_PERCENTILE = 95.0
# And it is at least so large a share as close as the middle one of all tickets.
FITS_SHARE = 0.5
# A group is held together by what its tickets ask when so large a share of them fit in.
FITTING_SHARE = 0.7


class Clusters(NamedTuple):
    """The centres of the groups, and the nearest of each ticket that they were found on."""

    centres: Matrix
    labels: Labels


def find_clusters(rows: Matrix, wanted: Sequence[int], beyond: Sequence[int], fewest: int, seed: int) -> Clusters:
    """Return as many groups as part the tickets best, each with at least `fewest` tickets where that can be.

    The best is the one with the highest mean silhouette: how much nearer tickets are to their own group than to the next.
    A count beyond those wanted is taken only where it parts them much better.
    """
    random = np.random.default_rng(seed)
    near = _best([_means(rows, count, random) for count in wanted if count <= len(rows)], rows, fewest)
    many = [_means(rows, count, random) for count in beyond if count * fewest <= len(rows)]
    far = _best(many, rows, fewest) if many else near
    return far if _silhouette(rows, far.labels) > MUCH_BETTER * max(0.0, _silhouette(rows, near.labels)) else near


def _best(parted: Sequence[Clusters], rows: Matrix, fewest: int) -> Clusters:
    large = [found for found in parted if np.bincount(found.labels, minlength=len(found.centres)).min() >= fewest]
    return max(large or parted, key=lambda found: _silhouette(rows, found.labels))


def different(rows: Matrix, fewest: int) -> Matrix:
    """Return the rows without those that nearly repeat an earlier one; all of them where too few would be left.

    A question that thousands asked in the same words would otherwise be a group of its own.
    """
    open_rows = np.ones(len(rows), np.bool_)
    for place in range(len(rows)):
        if open_rows[place]:
            open_rows[place + 1 :] &= rows[place + 1 :] @ rows[place] < NEARLY_SAME
    return rows[open_rows] if open_rows.sum() >= fewest else rows


def outer_bound(likeness: Matrix) -> float:
    """Return how close to its centre a ticket must be to fit in, by the likeness of tickets to each centre."""
    ordered = np.sort(likeness, axis=1)
    strangers = float(np.percentile(ordered[:, -2], FITS_PERCENTILE))
    return max(strangers, FITS_SHARE * float(np.median(ordered[:, -1])))


def dense_groups(likeness: Matrix, bound: float, fewest: int, smallest: int) -> list[int]:
    """Return the groups of at least `smallest` tickets most of which fit in; the next best where fewer than `fewest` do."""
    labels = likeness.argmax(axis=1)
    fits = likeness.max(axis=1) > bound
    sizes = [int((fits & (labels == group)).sum()) for group in range(likeness.shape[1])]
    shares = [size / max(1, int((labels == group).sum())) for group, size in enumerate(sizes)]
    worth = [share if size >= smallest else share - 1 for size, share in zip(sizes, shares, strict=True)]
    best = sorted((group for group, size in enumerate(sizes) if size), key=lambda group: (-worth[group], group))
    return best[: max(fewest, sum(share >= FITTING_SHARE for share in worth))]


def _means(rows: Matrix, count: int, random: np.random.Generator) -> Clusters:
    """Return the best of several starts: the one whose tickets are closest to their centres."""
    found = [_settled(rows, _start(rows, count, random)) for _ in range(STARTS)]
    return max(found, key=lambda clusters: float((rows @ clusters.centres.T).max(axis=1).sum()))


def _start(rows: Matrix, count: int, random: np.random.Generator) -> Matrix:
    """Return centres far from each other: each is drawn the likelier, the farther it is from those before."""
    chosen = [int(random.integers(len(rows)))]
    far = 1.0 - rows @ rows[chosen[0]]
    while len(chosen) < count:
        weight = np.maximum(far, 1e-9).astype(np.float64)
        chosen.append(int(random.choice(len(rows), p=weight / weight.sum())))
        far = np.minimum(far, 1.0 - rows @ rows[chosen[-1]])
    return rows[chosen]


def _settled(rows: Matrix, centres: Matrix) -> Clusters:
    """Move the centres into the middle of their tickets until no ticket changes its group."""
    labels = (rows @ centres.T).argmax(axis=1)
    for _ in range(MOST_ROUNDS):
        sums = _members(labels, len(centres)).T @ rows
        # A centre that has lost its tickets stays where it was.
        centres = np.where(sums.any(axis=1, keepdims=True), unit(sums), centres)
        moved = (rows @ centres.T).argmax(axis=1)
        if (moved == labels).all():
            break
        labels = moved
    return Clusters(centres, labels)


def _silhouette(rows: Matrix, labels: Labels) -> float:
    """Return the mean over the tickets of (b - a) / max(a, b): a is the mean distance in the own group, b in the next."""
    rows, labels = rows[:COMPARED], labels[:COMPARED]
    members = _members(labels, int(labels.max()) + 1)
    sizes = members.sum(axis=0)
    distances = (1.0 - rows @ rows.T) @ members
    places = np.arange(len(rows))
    own = distances[places, labels] / np.maximum(sizes[labels] - 1, 1)
    means = np.where(sizes > 0, distances / np.maximum(sizes, 1), np.inf)
    means[places, labels] = np.inf
    following = means.min(axis=1)
    return float(np.mean((following - own) / np.maximum(np.maximum(own, following), 1e-9)))


def _members(labels: Labels, count: int) -> Matrix:
    """Return a row for each ticket, with a one in its group's column."""
    return np.eye(count, dtype=np.float32)[labels]
