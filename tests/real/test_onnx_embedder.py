"""The ONNX embedder on a real engine: a tiny encoder, and a whole one where `SHIPMATE_ONNX_FOLDER` names it.

The tiny one looks up a random direction for each of its 29 words; it was made with `onnx.helper`.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shipmate.adapters.model_hub import Hub, fetch_model
from shipmate.adapters.onnx import FILES, OnnxEmbedder
from shipmate.errors import Damaged, Missing
from shipmate.ports import Embedder
from shipmate.testing.conformance.embedder import CHECKS

pytestmark = pytest.mark.real
TINY = Path(__file__).parent.parent / "fixtures" / "tiny-encoder"
FOLDERS = [TINY, *filter(None, [os.environ.get("SHIPMATE_ONNX_FOLDER")])]


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_model_in_a_folder_keeps_the_promises(check: Callable[[Embedder], Awaitable[None]], folder: str) -> None:
    embedder = OnnxEmbedder(Path(folder))
    await check(embedder)
    await embedder.close()


async def test_fetched_model_says_what_the_folder_says(tmp_path: Path) -> None:
    app = web.Application()
    app.router.add_static("/team/tiny/resolve/main/", TINY)
    server = TestServer(app)
    await server.start_server()
    folder = await fetch_model("team/tiny", tmp_path, FILES, hub=Hub(str(server.make_url("/")), pause_s=0))
    await server.close()
    texts = ["Reset my password", "The library opens at nine."]
    np.testing.assert_array_equal(await OnnxEmbedder(folder).embed(texts), await OnnxEmbedder(TINY).embed(texts))


async def test_name_changes_with_the_model(tmp_path: Path) -> None:
    for name in ("model.onnx", "tokenizer.json"):
        (tmp_path / name).write_bytes((TINY / name).read_bytes())
    before = OnnxEmbedder(tmp_path).name
    assert OnnxEmbedder(tmp_path).name == before
    (tmp_path / "tokenizer.json").write_bytes((TINY / "tokenizer.json").read_bytes() + b"\n")
    assert OnnxEmbedder(tmp_path).name != before


async def test_folder_without_a_model_or_with_a_broken_one_is_said(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="holds no model"):
        OnnxEmbedder(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"no model")
    (tmp_path / "tokenizer.json").write_bytes(b"{")
    with pytest.raises(Damaged, match="does not open"):
        await OnnxEmbedder(tmp_path).embed(["a word"])
