"""Where tickets lie close that ask for the same: an embedder's vectors beside the words that tell tickets apart."""

from collections import Counter
from collections.abc import Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from shipmate.ports import Embedder
from shipmate.text import stems
from shipmate.tickets.masks import MASK

__all__ = ["Matrix", "Space", "unit"]

Matrix = NDArray[np.float32]

# Words in fewer tickets than this tell nothing, nor do words in more than this share.
FEWEST_TICKETS, LARGEST_SHARE = 2, 0.5
MOST_WORDS = 4000
# Words that come together are taken together, in so many directions.
TOPICS = 64
ROUNDS = 3
# How much words count beside the vectors.
WORDS_WEIGHT = 0.7


class Space:
    """Made for a sample of tickets; places any ticket."""

    def __init__(self, embedder: Embedder, mean: Matrix, words: "Words") -> None:
        self._embedder = embedder
        self._mean = mean
        self._words = words

    @classmethod
    async def of(cls, texts: Sequence[str], embedder: Embedder, seed: int) -> "Space":
        """Return the space that tells these texts apart."""
        shown = [_shown(text) for text in texts]
        vectors = await embedder.embed(shown)
        told = vectors.any(axis=1)
        mean = vectors[told].mean(axis=0) if told.any() else np.zeros(vectors.shape[1], np.float32)
        return cls(embedder, mean, Words(shown, np.random.default_rng(seed)))

    async def place(self, texts: Sequence[str]) -> Matrix:
        """Return a row of unit length for each text; of zeros where nothing of it is known."""
        shown = [_shown(text) for text in texts]
        vectors = await self._embedder.embed(shown)
        # What all tickets of a company have in common does not tell them apart.
        meaning = np.where(vectors.any(axis=1, keepdims=True), vectors - self._mean, 0.0)
        return unit(np.hstack([unit(meaning), WORDS_WEIGHT * self._words.place(shown)]))


class Words:
    """The directions in which words come together in tickets, found by a randomised singular value decomposition."""

    def __init__(self, texts: Sequence[str], random: np.random.Generator) -> None:
        found = [stems(text) for text in texts]
        spread = Counter(stem for ticket in found for stem in dict.fromkeys(ticket))
        most = max(FEWEST_TICKETS, LARGEST_SHARE * len(texts))
        kept = [stem for stem, count in spread.most_common(MOST_WORDS) if FEWEST_TICKETS <= count <= most]
        self._columns = {stem: column for column, stem in enumerate(kept)}
        self._weights = np.array([log(1 + len(texts) / spread[stem]) for stem in kept], np.float32)
        self._directions = _directions(self._weighed(found), random)

    def place(self, texts: Sequence[str]) -> Matrix:
        """Return a row of unit length for each text; of zeros where no word of it is known."""
        return unit(self._weighed([stems(text) for text in texts]) @ self._directions)

    def _weighed(self, found: Sequence[Sequence[str]]) -> Matrix:
        rows = np.zeros((len(found), len(self._columns)), np.float32)
        for number, ticket in enumerate(found):
            for stem, count in Counter(ticket).items():
                if (column := self._columns.get(stem)) is not None:
                    rows[number, column] = (1 + log(count)) * self._weights[column]
        return unit(rows)


def unit(rows: Matrix) -> Matrix:
    """Return the rows at unit length; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0), np.float32)


def _directions(rows: Matrix, random: np.random.Generator) -> Matrix:
    """Return the directions in which the rows spread most, as columns."""
    wanted = min(TOPICS, *rows.shape)
    if not wanted:
        return np.zeros((rows.shape[1], 1), np.float32)
    basis = np.linalg.qr(rows @ random.standard_normal((rows.shape[1], wanted), np.float32))[0]
    for _ in range(ROUNDS):
        basis = np.linalg.qr(rows @ (rows.T @ basis))[0]
    return np.ascontiguousarray(np.linalg.svd(basis.T @ rows, full_matrices=False)[2][:wanted].T)


def _shown(text: str) -> str:
    """Return the text without masks, which would draw tickets together."""
    return MASK.sub(" ", text)
