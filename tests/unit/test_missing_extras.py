"""A model whose library is not installed says which command installs it."""

import sys
from pathlib import Path

import pytest

from shipmate.adapters.onnx import OnnxCrossEncoder, OnnxEmbedder
from shipmate.adapters.sentence_transformer import TorchCrossEncoder, TorchEmbedder
from shipmate.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("model.onnx", "model.safetensors", "tokenizer.json", "config.json"):
        (tmp_path / name).write_bytes(b"{}")
    return tmp_path


@pytest.mark.parametrize("library", ["onnxruntime", "tokenizers"])
async def test_onnx_names_its_extra(folder: Path, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", sys)
    monkeypatch.setitem(sys.modules, library, None)
    for asked in (OnnxEmbedder(folder).embed(["a"]), OnnxCrossEncoder(folder).scores("a", ["a"])):
        with pytest.raises(UsageError, match=library) as raised:
            await asked
        assert raised.value.do == "pip install 'shipmate[onnx]'"


async def test_sentence_transformers_names_its_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    for asked in (TorchEmbedder(folder).embed(["a"]), TorchCrossEncoder(folder).scores("a", ["a"])):
        with pytest.raises(UsageError, match="sentence_transformers") as raised:
            await asked
        assert raised.value.do == "pip install 'shipmate[sentence_transformers]'"
