"""A model in ONNX with its tokenizer: found in a folder, opened when it is first asked, run batch by batch."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from shipmate.adapters.model_files import Files, fingerprint
from shipmate.errors import Damaged, Missing, UsageError

__all__ = ["FILES", "Engine", "Output"]

# What a hub is asked for.
FILES = Files(
    extra="onnx",
    needed=("tokenizer.json",),
    model=("onnx/model.onnx", "model.onnx"),
    welcome=("1_Pooling/config.json",),
)
MODELS = ("model.onnx", "onnx/model.onnx", "*.onnx", "onnx/*.onnx")
# Tokens of a batch, padding counted: more are no faster.
BATCH_TOKENS = 2048


T = TypeVar("T")
# For one text: a row, or a row for each token.
Output = NDArray[np.floating[Any]]


class Engine:
    """A model and a tokenizer in a folder."""

    def __init__(self, folder: Path, *, longest_tokens: int, threads: int) -> None:
        """Find the files; raise `Missing` when they are not there."""
        found = [path for pattern in MODELS for path in sorted(folder.glob(pattern))]
        if not found or not (folder / "tokenizer.json").is_file():
            raise Missing(f"{folder} holds no model", do="name a folder with a model in ONNX and its tokenizer.json")
        self._folder = folder
        self._model = found[0]
        self._longest_tokens = longest_tokens
        self._threads = threads

    @cached_property
    def name(self) -> str:
        """Return the folder's name, and what tells this model from another under that name."""
        digest = fingerprint(self._model, self._folder / "tokenizer.json")
        return f"onnx-{self._folder.resolve().name}-{digest}"

    def close(self) -> None:
        """Let go of the model; it is opened again when it is asked again."""
        self.__dict__.pop("_opened", None)

    def run(self, texts: Sequence[Any], read: Callable[[Output], T]) -> list[T]:
        """Return what is read from the model's output for each text, or for each pair of texts, in order."""
        encodings = self._opened[1].encode_batch(texts)
        # Texts of about one length share a batch, so that little of it is padding.
        order = sorted(range(len(texts)), key=lambda number: -len(encodings[number].ids))
        said: dict[int, T] = {}
        while order:
            size = max(1, BATCH_TOKENS // max(1, len(encodings[order[0]].ids)))
            batch, order = order[:size], order[size:]
            outputs = self._run([encodings[number] for number in batch])
            said.update(zip(batch, map(read, outputs), strict=True))
        return [said[number] for number in range(len(texts))]

    @cached_property
    def _opened(self) -> tuple[Any, Any]:
        try:
            import onnxruntime  # noqa: PLC0415 - an extra
            import tokenizers  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise UsageError(f"a model in ONNX needs {error.name}", do="pip install 'shipmate[onnx]'") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(str(self._model), options, providers=["CPUExecutionProvider"])
            tokenizer = tokenizers.Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        except Exception as error:  # the engines raise what they like
            raise Damaged(f"the model in {self._folder} does not open: {error}", do="fetch the model again") from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(self._longest_tokens)
        return session, tokenizer

    def _run(self, encodings: list[Any]) -> list[Output]:
        session, _ = self._opened
        shape = (len(encodings), max(len(encoding.ids) for encoding in encodings))
        tokens, mask, types = (np.zeros(shape, np.int64) for _ in range(3))
        for row, encoding in enumerate(encodings):
            tokens[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
            types[row, : len(encoding.ids)] = encoding.type_ids
        given = {wanted.name: _meant(wanted.name, tokens, mask, types) for wanted in session.get_inputs()}
        outputs = {
            told.name: values for told, values in zip(session.get_outputs(), session.run(None, given), strict=True)
        }
        first = next(iter(outputs.values()))
        values = outputs.get("sentence_embedding", outputs.get("logits", first))
        # Padding is cut off: nobody is to mistake it for a token.
        return [
            row[: len(encoding.ids)] if row.ndim == 2 else row for row, encoding in zip(values, encodings, strict=True)
        ]


def _meant(
    name: str, tokens: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return what a model means by the name of an input."""
    if "mask" in name or name == "a":
        return mask
    return types if "type" in name else tokens
