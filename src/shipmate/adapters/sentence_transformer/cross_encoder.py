"""A cross-encoder opened by sentence-transformers: a small model that reads a question and a text together."""

import asyncio
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from shipmate.adapters.logits import share_of_yes
from shipmate.adapters.model_files import readable
from shipmate.adapters.sentence_transformer.library import model_name, opened
from shipmate.text import words

__all__ = ["TorchCrossEncoder"]

LONGEST_TOKENS = 512
PAIRS_AT_ONCE = 32


class TorchCrossEncoder:
    """A `Reranker` from a folder that sentence-transformers opens; it is opened when it is first asked."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Find the files; raise `Missing` when they are not there."""
        self.name = model_name(folder)
        self._folder = folder
        self._threads = threads

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return how well each text answers the question, from 0 to 1; 0 where there are no words."""
        return await asyncio.to_thread(self._scores, question, texts)

    async def close(self) -> None:
        """Let go of the model; it is opened again when it is asked again."""
        self.__dict__.pop("_model", None)

    @cached_property
    def _model(self) -> Any:
        return opened("CrossEncoder", self._folder, threads=self._threads, longest_tokens=LONGEST_TOKENS)

    def _scores(self, question: str, texts: Sequence[str]) -> list[float]:
        scores = [0.0] * len(texts)
        worded = [number for number, text in enumerate(texts) if words(text)]
        if not worded or not words(question):
            return scores
        asked = readable(question, LONGEST_TOKENS)
        pairs = [(asked, readable(texts[number], LONGEST_TOKENS)) for number in worded]
        for number, logits in zip(worded, self._logits(pairs), strict=True):
            scores[number] = share_of_yes(logits)
        return scores

    def _logits(self, pairs: list[tuple[str, str]]) -> list[list[float]]:
        said = self._model.predict(
            pairs, batch_size=PAIRS_AT_ONCE, activation_fn=_as_it_is, convert_to_numpy=True, show_progress_bar=False
        )
        rows: list[list[float]] = np.asarray(said, np.float64).reshape(len(pairs), -1).tolist()
        return rows


def _as_it_is(logits: Any) -> Any:
    return logits
