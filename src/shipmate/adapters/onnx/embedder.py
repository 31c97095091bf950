"""A text encoder in ONNX: the mean of what the model says of each token, or what it says of the first."""

import asyncio
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shipmate.adapters.model_files import readable
from shipmate.adapters.onnx.engine import Engine, Output
from shipmate.errors import Damaged
from shipmate.text import words

__all__ = ["OnnxEmbedder"]

# What encoders of sentences are trained on, as a rule.
LONGEST_TOKENS = 256


class OnnxEmbedder:
    """An `Embedder` from a folder with a model in ONNX and a `tokenizer.json`; it is opened when it is first asked."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Find the files; raise `Missing` when they are not there."""
        self._engine = Engine(folder, longest_tokens=LONGEST_TOKENS, threads=threads)
        self._folder = folder

    @property
    def name(self) -> str:
        """Return the folder's name, and what tells this model from another under that name."""
        return self._engine.name

    @cached_property
    def dimensions(self) -> int:
        """Return the length of a vector."""
        return len(self._encoded(["one"])[0])

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a row of unit length for each text; of zeros where there are no words."""
        return await asyncio.to_thread(self._embed, texts)

    async def close(self) -> None:
        """Let go of the model; it is opened again when it is asked again."""
        self._engine.close()

    @cached_property
    def _takes_first(self) -> bool:
        pooling = self._folder / "1_Pooling" / "config.json"
        try:
            return pooling.is_file() and bool(json.loads(pooling.read_bytes()).get("pooling_mode_cls_token", False))
        except (ValueError, AttributeError) as error:
            raise Damaged(f"{pooling} does not read: {error}", do="fetch the model again") from error

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        worded = [number for number, text in enumerate(texts) if words(text)]
        if worded:
            vectors[worded] = self._encoded([readable(texts[number], LONGEST_TOKENS) for number in worded])
        return vectors

    def _encoded(self, texts: list[str]) -> NDArray[np.float32]:
        rows = np.stack(self._engine.run(texts, self._pooled)).astype(np.float32)
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return rows

    def _pooled(self, said: Output) -> Output:
        if said.ndim == 1:
            return said
        pooled: Output = said[0] if self._takes_first else said.mean(0)
        return pooled
