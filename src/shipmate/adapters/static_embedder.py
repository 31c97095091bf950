"""The embedder that comes with the house: a vector for each piece of a word, summed over a text. No model runs.

The vectors were distilled from all-MiniLM-L6-v2 by scripts/distill_embedder.py; how, and on which texts, stands in
static_weights/NOTICE. How much a piece weighs is the length of its vector.
"""

import asyncio
import re
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shipmate.errors import Damaged
from shipmate.text import Kept, fold, tokens

__all__ = ["WEIGHTS", "StaticEmbedder", "WordPieces"]

WEIGHTS = Path(__file__).parent / "static_weights"
WORD = re.compile(r"[a-z0-9]+|[α-ω]")
# A longer run of letters and digits is no word.
LONGEST_WORD = 64
# Of a long text, so many pieces are summed at a time: each takes a kilobyte.
PIECES_SUMMED = 4096
# So many texts take about a millisecond; more of them do not hold up the event loop.
AT_ONCE = 16


class WordPieces:
    """Takes words apart into known pieces; what is known of a token is kept."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self._known = {piece: place for place, piece in enumerate(pieces)}
        self._of = Kept(self._known_of)

    def __len__(self) -> int:
        """Return the number of known pieces."""
        return len(self._known)

    def places(self, text: str) -> list[int]:
        """Return the places of a text's pieces, in order; a word that has an unknown part is left out."""
        return list(chain.from_iterable(map(self._of.__getitem__, tokens(text))))

    def _known_of(self, token: str) -> tuple[int, ...]:
        return tuple(chain.from_iterable(map(self._split, WORD.findall(fold(token)))))

    def _split(self, word: str) -> tuple[int, ...]:
        """Return the longest known pieces of a word, from left to right."""
        if (whole := self._known.get(word)) is not None:
            return (whole,)
        pieces: list[int] = []
        start = 0
        while start < len(word) <= LONGEST_WORD:
            mark = "##" if start else ""
            for end in range(len(word), start, -1):
                if (piece := self._known.get(mark + word[start:end])) is not None:
                    pieces.append(piece)
                    start = end
                    break
            else:
                return ()
        return tuple(pieces)


class Weights(NamedTuple):
    """The pieces of words, and for each a row of bytes with the size of their unit."""

    pieces: WordPieces
    rows: np.ndarray[tuple[int, int], np.dtype[np.int8]]
    units: NDArray[np.float32]


class StaticEmbedder:
    """An `Embedder` that looks its vectors up; it opens its files when it is first asked."""

    def __init__(self, folder: Path = WEIGHTS) -> None:
        self._folder = folder

    @cached_property
    def name(self) -> str:
        """Return the name under which the weights were made; it changes with them."""
        return (self._folder / "name.txt").read_text("utf-8").strip()

    @property
    def dimensions(self) -> int:
        """Return the length of a vector."""
        return self._weights.rows.shape[1]

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a row of unit length for each text; of zeros where no word is known."""
        if len(texts) <= AT_ONCE:
            return self._embed(texts)
        return await asyncio.to_thread(self._embed, texts)

    async def close(self) -> None:
        """Have nothing to give back: the weights are mapped, and go with the process."""

    @cached_property
    def _weights(self) -> Weights:
        try:
            pieces = (self._folder / "pieces.txt").read_text("utf-8").split()
            rows = np.load(self._folder / "rows.npy", mmap_mode="r").view(np.ndarray)
            units = np.load(self._folder / "units.npy")
        except (OSError, ValueError) as error:
            raise Damaged(f"the embedder's weights do not open: {error}", do="install shipmate again") from error
        if not len(pieces) == len(rows) == len(units):
            raise Damaged(f"the embedder's weights in {self._folder} do not fit together", do="install shipmate again")
        return Weights(WordPieces(pieces), rows, units)

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        known, rows, units = self._weights
        vectors = np.zeros((len(texts), rows.shape[1]), np.float32)
        for number, text in enumerate(texts):
            places = np.array(known.places(text), np.intp)
            for start in range(0, len(places), PIECES_SUMMED):
                part = places[start : start + PIECES_SUMMED]
                vectors[number] += units.take(part) @ rows.take(part, axis=0).astype(np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, lengths, out=vectors, where=lengths > 0)
        return vectors
