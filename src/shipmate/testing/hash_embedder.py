"""An embedder of no size: each word points in a direction of its own, so that texts that share words lie close."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from shipmate.text import stems

__all__ = ["HashEmbedder"]


class HashEmbedder:
    """An `Embedder` in a few lines; it knows no word that means the same as another."""

    def __init__(self, *, name: str = "hash", dimensions: int = 64) -> None:
        self.name = name
        self.dimensions = dimensions

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the sum of the words' directions, at length 1."""
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for number, text in enumerate(texts):
            for stem in stems(text):
                vectors[number] += self._direction(stem)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, lengths, out=vectors, where=lengths > 0)
        return vectors

    async def close(self) -> None:
        """Have nothing to give back."""

    def _direction(self, stem: str) -> NDArray[np.float32]:
        seed = blake2b(stem.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        drawn = np.random.default_rng(int.from_bytes(seed, "little")).standard_normal(self.dimensions)
        return drawn.astype(np.float32)
