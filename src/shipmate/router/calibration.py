"""How sure a score is: measured on examples that a model has not learned from."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shipmate.router.classes import Matrix, fit

__all__ = ["Calibration", "calibrate"]

FOLDS = 5
CLASS_FOLDS = 10
SHARPNESSES = np.geomspace(0.25, 8, 26)
NEWTON_STEPS = 30
# Two parameters from a few dozen scores: this much holds them back.
HELD_BACK = 1e-2
# What is wrong four times in five is no reading.
LEAST_CONFIDENCE = 0.2


class Calibration(NamedTuple):
    """What turns scores into a confidence, and from which confidence on a message counts as in scope."""

    sharpness: float
    slope: float
    offset: float
    threshold: float = 0.0

    def confidence(self, scores: Matrix) -> Matrix:
        """Return for rows of scores how likely it is that the message is in scope and of the best class, 0-1."""
        return np.asarray(
            _best_share(scores * self.sharpness) / (1 + np.exp(-self.slope * _energy(scores) - self.offset))
        )


class LeftOut(NamedTuple):
    """What a model says of examples that it has not learned from, though others of their classes."""

    scores: Matrix
    right: NDArray[np.intp]


def calibrate(kernel: Matrix, classes: NDArray[np.intp], is_asked: NDArray[np.bool_], share: float) -> Calibration:
    """Measure on left-out examples, of which at most `share` may count as out of scope.

    `is_asked` tells which of the examples are such as people ask. What is out of scope is known from classes that were
    left out whole; in and out of scope count as equally frequent. Takes three classes or more.
    """
    folds = list(_without_examples(kernel, classes, is_asked))
    scores = np.concatenate([fold.scores for fold in folds])
    right = np.concatenate([fold.right for fold in folds])
    sharpness = min(SHARPNESSES, key=lambda sharpness: _surprise(scores * sharpness, right))
    strange = np.concatenate(list(_without_classes(kernel, classes, is_asked)))
    measured = Calibration(float(sharpness), *_border(_energy(scores), strange))
    known = np.sort(measured.confidence(scores))
    return measured._replace(threshold=max(LEAST_CONFIDENCE, float(known[int(share * len(known))])))


def _without_examples(kernel: Matrix, classes: NDArray[np.intp], is_asked: NDArray[np.bool_]) -> Iterator[LeftOut]:
    """Leave out some examples of each class; each example in its turn."""
    turn = _turns(classes, is_asked)
    for fold in range(FOLDS):
        held = is_asked & (turn == fold)
        if held.any():
            weights = fit(kernel[np.ix_(~held, ~held)], classes[~held], classes.max() + 1)
            yield LeftOut(kernel[np.ix_(held, ~held)] @ weights, classes[held])


def _without_classes(kernel: Matrix, classes: NDArray[np.intp], is_asked: NDArray[np.bool_]) -> Iterator[Matrix]:
    """Leave out some classes whole, each in its turn; yield what speaks for any of the others."""
    count = int(classes.max()) + 1
    folds = min(CLASS_FOLDS, count)
    for fold in range(folds):
        learned = classes % folds != fold
        kept, renumbered = np.unique(classes[learned], return_inverse=True)
        weights = fit(kernel[np.ix_(learned, learned)], renumbered, len(kept))
        yield _energy(kernel[np.ix_(~learned & is_asked, learned)] @ weights)


def _turns(classes: NDArray[np.intp], is_asked: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Deal the examples of each class out over the folds."""
    turns = np.zeros(len(classes), np.intp)
    for number in range(int(classes.max()) + 1):
        own = np.flatnonzero((classes == number) & is_asked)
        turns[own] = np.arange(len(own)) % FOLDS
    return turns


def _surprise(scores: Matrix, right: NDArray[np.intp]) -> float:
    """Return how little the right classes were expected."""
    return float((_energy(scores) - scores[np.arange(len(scores)), right]).sum())


def _energy(scores: Matrix) -> Matrix:
    """Return what speaks for any class at all: the logarithm of the sum of the exponentials of the scores."""
    best = scores.max(axis=-1, keepdims=True)
    return np.asarray(best[..., 0] + np.log(np.exp(scores - best).sum(axis=-1)))


def _best_share(scores: Matrix) -> Matrix:
    return np.asarray(np.exp(scores.max(axis=-1) - _energy(scores)))


def _border(inside: Matrix, outside: Matrix) -> tuple[float, float]:
    """Return slope and offset of the logistic curve that parts the two best, each counting as a half."""
    energies = np.concatenate([inside, outside])
    wanted = np.concatenate([np.ones(len(inside)), np.zeros(len(outside))])
    counts = np.concatenate([np.full(len(inside), 0.5 / len(inside)), np.full(len(outside), 0.5 / len(outside))])
    middle, spread = float(energies.mean()), float(energies.std()) or 1.0
    inputs = np.stack([(energies - middle) / spread, np.ones(len(energies))])
    weights = np.zeros(2)
    for _ in range(NEWTON_STEPS):
        shares = 1 / (1 + np.exp(-(weights @ inputs)))
        slope = inputs @ (counts * (shares - wanted)) + HELD_BACK * weights
        curve = (inputs * (counts * shares * (1 - shares))) @ inputs.T + HELD_BACK * np.eye(2)
        weights -= np.linalg.solve(curve, slope)
    return float(weights[0] / spread), float(weights[1] - weights[0] * middle / spread)
