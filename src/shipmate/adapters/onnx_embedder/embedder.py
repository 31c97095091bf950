"""A text encoder in ONNX: tokenizer, model, and the mean of what it says of each token."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shipmate.errors import Damaged, Missing, UsageError
from shipmate.text import words

__all__ = ["OnnxEmbedder"]

MODELS = ("model.onnx", "onnx/model.onnx", "*.onnx", "onnx/*.onnx")
# What encoders of sentences are trained on, as a rule.
LONGEST_TOKENS = 256
# So many characters hold more tokens than are read, in any script.
LONGEST_CHARACTERS = 16 * LONGEST_TOKENS
# Tokens of a batch, padding counted: more are no faster.
BATCH_TOKENS = 2048
DIGESTED_BYTES = 1 << 20


class Engine(NamedTuple):
    """What is opened of a folder."""

    session: Any
    tokenizer: Any
    takes_first: bool


class OnnxEmbedder:
    """An `Embedder` from a folder with a model in ONNX and a `tokenizer.json`; it is opened when it is first asked."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Find the files; raise `Missing` when they are not there."""
        found = [path for pattern in MODELS for path in sorted(folder.glob(pattern))]
        if not found or not (folder / "tokenizer.json").is_file():
            raise Missing(f"{folder} holds no model", do="name a folder with a model in ONNX and its tokenizer.json")
        self._folder = folder
        self._model = found[0]
        self._threads = threads

    @cached_property
    def name(self) -> str:
        """Return the folder's name, and what tells this model from another under that name."""
        digest = hashlib.sha256(str(self._model.stat().st_size).encode())
        with self._model.open("rb") as file:
            digest.update(file.read(DIGESTED_BYTES))
            file.seek(-min(DIGESTED_BYTES, self._model.stat().st_size), 2)
            digest.update(file.read())
        digest.update((self._folder / "tokenizer.json").read_bytes())
        return f"onnx-{self._folder.resolve().name}-{digest.hexdigest()[:8]}"

    @cached_property
    def dimensions(self) -> int:
        """Return the length of a vector."""
        return len(self._encoded(["one"])[0])

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a row of unit length for each text; of zeros where there are no words."""
        return await asyncio.to_thread(self._embed, texts)

    async def close(self) -> None:
        """Let go of the model; it is opened again when it is asked again."""
        self.__dict__.pop("_engine", None)

    @cached_property
    def _engine(self) -> Engine:
        try:
            import onnxruntime  # noqa: PLC0415 - an extra
            import tokenizers  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise UsageError(f"the embedder needs {error.name}", do="pip install 'shipmate[onnx]'") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(str(self._model), options, providers=["CPUExecutionProvider"])
            tokenizer = tokenizers.Tokenizer.from_file(str(self._folder / "tokenizer.json"))
            pooling = self._folder / "1_Pooling" / "config.json"
            takes_first = pooling.is_file() and json.loads(pooling.read_bytes()).get("pooling_mode_cls_token", False)
        except Exception as error:  # the engines raise what they like
            raise Damaged(f"the model in {self._folder} does not open: {error}", do="fetch the model again") from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(LONGEST_TOKENS)
        return Engine(session, tokenizer, takes_first)

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        worded = [number for number, text in enumerate(texts) if words(text)]
        if worded:
            vectors[worded] = self._encoded([_readable(texts[number]) for number in worded])
        return vectors

    def _encoded(self, texts: list[str]) -> NDArray[np.float32]:
        ids = [encoding.ids for encoding in self._engine.tokenizer.encode_batch(texts)]
        # Texts of about one length share a batch, so that little of it is padding.
        order = sorted(range(len(ids)), key=lambda number: -len(ids[number]))
        rows: dict[int, NDArray[np.float32]] = {}
        while order:
            size = max(1, BATCH_TOKENS // max(1, len(ids[order[0]])))
            batch, order = order[:size], order[size:]
            rows.update(zip(batch, self._run([ids[number] for number in batch]), strict=True))
        return np.stack([rows[number] for number in range(len(texts))])

    def _run(self, ids: list[list[int]]) -> NDArray[np.float32]:
        session, _, takes_first = self._engine
        shape = (len(ids), max(map(len, ids)))
        tokens, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, own in enumerate(ids):
            tokens[row, : len(own)] = own
            mask[row, : len(own)] = 1
        given = {wanted.name: _meant(wanted.name, tokens, mask) for wanted in session.get_inputs()}
        outputs = {
            told.name: values for told, values in zip(session.get_outputs(), session.run(None, given), strict=True)
        }
        said = outputs.get("sentence_embedding", next(iter(outputs.values())))
        if said.ndim == 3:
            said = said[:, 0] if takes_first else (said * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        said = said.astype(np.float32)
        said /= np.maximum(np.linalg.norm(said, axis=1, keepdims=True), 1e-12)
        return np.asarray(said)


def _meant(name: str, tokens: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what a model means by the name of an input."""
    if "mask" in name or name == "a":
        return mask
    return np.zeros_like(tokens) if "type" in name else tokens


def _readable(text: str) -> str:
    """Return as much of a text as is read, without halves of surrogate pairs."""
    return text[:LONGEST_CHARACTERS].encode("utf-8", "replace").decode()
