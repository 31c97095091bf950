"""A text encoder opened by sentence-transformers."""

import asyncio
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipmate.adapters.model_files import readable
from shipmate.adapters.sentence_transformer.library import model_name, opened
from shipmate.text import words

__all__ = ["TorchEmbedder"]

LONGEST_TOKENS = 512
TEXTS_AT_ONCE = 32


class TorchEmbedder:
    """An `Embedder` from a folder that sentence-transformers opens; it is opened when it is first asked."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Find the files; raise `Missing` when they are not there."""
        self.name = model_name(folder)
        self._folder = folder
        self._threads = threads

    @cached_property
    def dimensions(self) -> int:
        """Return the length of a vector."""
        return len(self._encoded(["one"])[0])

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a row of unit length for each text; of zeros where there are no words."""
        return await asyncio.to_thread(self._embed, texts)

    async def close(self) -> None:
        """Let go of the model; it is opened again when it is asked again."""
        self.__dict__.pop("_model", None)

    @cached_property
    def _model(self) -> Any:
        return opened("SentenceTransformer", self._folder, threads=self._threads, longest_tokens=LONGEST_TOKENS)

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        worded = [number for number, text in enumerate(texts) if words(text)]
        if worded:
            vectors[worded] = self._encoded([readable(texts[number], LONGEST_TOKENS) for number in worded])
        return vectors

    def _encoded(self, texts: list[str]) -> NDArray[np.float32]:
        rows = self._model.encode(
            texts, batch_size=TEXTS_AT_ONCE, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return np.asarray(rows, np.float32)
