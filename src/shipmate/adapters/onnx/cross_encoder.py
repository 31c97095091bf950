"""A cross-encoder in ONNX: a small model that reads a question and a text together."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from shipmate.adapters.logits import share_of_yes
from shipmate.adapters.model_files import readable
from shipmate.adapters.onnx.engine import Engine, Output
from shipmate.text import words

__all__ = ["OnnxCrossEncoder"]

# Of question and text together: what such models are trained on.
LONGEST_TOKENS = 512


class OnnxCrossEncoder:
    """A `Reranker` from a folder with a model in ONNX and a `tokenizer.json`; it is opened when it is first asked."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Find the files; raise `Missing` when they are not there."""
        self._engine = Engine(folder, longest_tokens=LONGEST_TOKENS, threads=threads)

    @property
    def name(self) -> str:
        """Return the folder's name, and what tells this model from another under that name."""
        return self._engine.name

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return how well each text answers the question, from 0 to 1; 0 where there are no words."""
        return await asyncio.to_thread(self._scores, question, texts)

    async def close(self) -> None:
        """Let go of the model; it is opened again when it is asked again."""
        self._engine.close()

    def _scores(self, question: str, texts: Sequence[str]) -> list[float]:
        scores = [0.0] * len(texts)
        worded = [number for number, text in enumerate(texts) if words(text)]
        if not worded or not words(question):
            return scores
        asked = readable(question, LONGEST_TOKENS)
        pairs = [(asked, readable(texts[number], LONGEST_TOKENS)) for number in worded]
        for number, score in zip(worded, self._engine.run(pairs, _share), strict=True):
            scores[number] = score
        return scores


def _share(logits: Output) -> float:
    return share_of_yes(logits.reshape(-1).tolist())
