"""Classes learned from a few examples each: what a message's words and its vector say of them, as one linear model."""

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
# Unit vectors are spread out so that a logistic curve of weights near 1 can part them.
SPREAD = 16.0
SWEEPS = 40
RIDGE = 1.0


class Examples:
    """Examples in numbers: vectors, and weighted words of which the rarer among the examples weigh more."""

    def __init__(self, vectors: Matrix, features: Sequence[Sequence[str]]) -> None:
        spread = Counter(feature for own in features for feature in frozenset(own))
        self._places = {feature: place for place, feature in enumerate(spread)}
        self._weights = [log(1 + len(features) / count) for count in spread.values()]
        self._unseen = log(1 + len(features))
        words = np.zeros((len(features), len(spread)))
        for row, own in zip(words, features, strict=True):
            places, weights = self.words(own)
            row[places] = weights
        self._vector_mean = vectors.mean(axis=0)
        self._words_mean = words.mean(axis=0)
        self._vectors = vectors - self._vector_mean
        self._words = words - self._words_mean
        likeness = self._vectors @ self._vectors.T + WORDS_SHARE * (self._words @ self._words.T)
        self.kernel: Matrix = SPREAD * likeness + 1

    def words(self, features: Sequence[str]) -> tuple[list[int], Matrix]:
        """Return the places of a text's known features, and their weights; unknown ones make the others lighter."""
        own = frozenset(features)
        places = sorted(place for feature in own if (place := self._places.get(feature)) is not None)
        weights = np.array([self._weights[place] for place in places])
        square = float(weights @ weights) + (len(own) - len(places)) * self._unseen**2
        return places, weights / (square**0.5 or 1.0)

    def classes(self, duals: Matrix) -> "Classes":
        """Return the linear model that these weights of the examples make."""
        of_vector = SPREAD * self._vectors.T @ duals
        of_words = SPREAD * WORDS_SHARE * self._words.T @ duals
        constant = duals.sum(axis=0) - self._vector_mean @ of_vector - self._words_mean @ of_words
        return Classes(self, of_vector, of_words, constant)


class Classes(NamedTuple):
    """A linear model: a score for each class."""

    examples: Examples
    of_vector: Matrix
    of_words: Matrix
    constant: Matrix

    def scores(self, vector: Matrix, features: Sequence[str]) -> Matrix:
        """Return the score of each class; a score grows with what speaks for the class."""
        places, weights = self.examples.words(features)
        return np.asarray(vector @ self.of_vector + weights @ self.of_words[places] + self.constant)


def fit(kernel: Matrix, classes: NDArray[np.intp], count: int) -> Matrix:
    """Return the examples' weights for each class: logistic regression, by steps that bound its curvature from above."""
    wanted = np.eye(count)[classes]
    duals = np.zeros_like(wanted)
    step = np.linalg.inv(kernel / 2 + RIDGE * np.eye(len(kernel)))
    for _ in range(SWEEPS):
        scores = kernel @ duals
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        duals -= step @ (shares - wanted + RIDGE * duals)
    return duals
