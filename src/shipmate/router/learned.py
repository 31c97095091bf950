"""What the router learns from the examples of its topics, and how it reads a message by that."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shipmate.router.calibration import Calibration, calibrate
from shipmate.router.classes import Classes, Examples, fit
from shipmate.router.nearest import Topic, features

__all__ = ["Example", "Learned", "examples_of", "learn"]


class Example(NamedTuple):
    """A text of a topic."""

    text: str
    # The topic's place.
    place: int
    # People ask so; the topic's name is learned from too.
    is_asked: bool


class Learned(NamedTuple):
    """What the router has learned."""

    classes: Classes
    calibration: Calibration

    @property
    def threshold(self) -> float:
        """Return from which confidence on a message counts as in scope."""
        return self.calibration.threshold

    def read(self, vector: NDArray[np.float32], words: Sequence[str]) -> tuple[int, float]:
        """Return the place of the best topic, and how likely it is that the message is of it, 0-1."""
        scores = self.classes.scores(vector.astype(np.float64), words)
        return int(scores.argmax()), float(self.calibration.confidence(scores))


def examples_of(topics: Sequence[Topic]) -> list[Example]:
    """Return all that is learned from, in the order in which `learn` wants its vectors."""
    return [
        Example(text, place, is_asked)
        for place, topic in enumerate(topics)
        for text, is_asked in ((topic.name.replace("_", " "), False), *((text, True) for text in topic.examples))
    ]


def learn(topics: Sequence[Topic], vectors: NDArray[np.float32], share: float) -> Learned:
    """Learn to tell three topics or more apart; at most `share` of left-out examples count as out of scope."""
    texts, places, are_asked = zip(*examples_of(topics), strict=True)
    examples = Examples(vectors.astype(np.float64), [features(text) for text in texts])
    classes = np.array(places)
    weights = fit(examples.kernel, classes, len(topics))
    return Learned(Classes(examples, weights), calibrate(examples.kernel, classes, np.array(are_asked), share))
