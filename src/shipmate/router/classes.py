"""Classes learned from a few examples each: what their words and their vectors say of a message, in one model."""

from collections import Counter
from collections.abc import Sequence
from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Classes", "Examples", "Matrix", "fit"]

Matrix = NDArray[np.float64]

# How much the words count beside the vector.
WORDS_SHARE = 0.5
# Likeness is spread out so that a logistic curve of weights near 1 can part the classes.
SPREAD = 16.0
SWEEPS = 20
RIDGE = 1.0


class Examples:
    """Examples in numbers: vectors, and weighted words of which the rarer among the examples weigh more."""

    def __init__(self, vectors: Matrix, features: Sequence[Sequence[str]]) -> None:
        spread = Counter(feature for own in features for feature in frozenset(own))
        self._places = {feature: place for place, feature in enumerate(spread)}
        self._weights = [log(1 + len(features) / count) for count in spread.values()]
        self._unseen = log(1 + len(features))
        self._vectors = vectors
        # A row for each feature, a column for each example.
        self._words = np.zeros((len(spread), len(features)))
        for number, own in enumerate(features):
            places, weights = self._weighted(own)
            self._words[places, number] = weights
        self.kernel: Matrix = _kernel(vectors @ vectors.T, self._words.T @ self._words)

    def likeness(self, vector: Matrix, features: Sequence[str]) -> Matrix:
        """Return how much a text is like each example, as `kernel` has it of the examples among themselves."""
        places, weights = self._weighted(features)
        return _kernel(self._vectors @ vector, weights @ self._words[places])

    def _weighted(self, features: Sequence[str]) -> tuple[list[int], Matrix]:
        """Return the places of a text's known features, and their weights; unknown ones make the others lighter."""
        own = frozenset(features)
        places = sorted(place for feature in own if (place := self._places.get(feature)) is not None)
        weights = np.array([self._weights[place] for place in places])
        square = float(weights @ weights) + (len(own) - len(places)) * self._unseen**2
        return places, weights / (square**0.5 or 1.0)


class Classes(NamedTuple):
    """A score for each class, from the examples that a text is like."""

    examples: Examples
    # The weight of each example, for and against each class.
    weights: Matrix

    def scores(self, vector: Matrix, features: Sequence[str]) -> Matrix:
        """Return the score of each class; a score grows with what speaks for the class."""
        return np.asarray(self.examples.likeness(vector, features) @ self.weights)


def fit(kernel: Matrix, classes: NDArray[np.intp], count: int) -> Matrix:
    """Return the examples' weights for each class: logistic regression, by steps that bound its curvature from above."""
    wanted = np.eye(count)[classes]
    weights = np.zeros_like(wanted)
    step = np.linalg.inv(kernel / 2 + RIDGE * np.eye(len(kernel)))
    for _ in range(SWEEPS):
        scores = kernel @ weights
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        weights -= step @ (shares - wanted + RIDGE * weights)
    return weights


def _kernel(vectors: Matrix, words: Matrix) -> Matrix:
    """Return the likeness by cosines of vectors and of words; it falls off, so that what is far from all is like none."""
    return np.asarray(SPREAD * (np.exp(vectors - 1) + WORDS_SHARE * np.exp(words - 1)) + 1)
