"""The cross-encoder in ONNX on a real engine: a tiny one, and a whole one where `SHIPMATE_CROSS_ENCODER_FOLDER` names it.

The tiny one sums a direction of its own for each of its 25 words over the question and over the text, and says how alike the
sums are; it was made with `onnx.helper`.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shipmate.adapters.model_hub import Hub, fetch_model
from shipmate.adapters.onnx import FILES, OnnxCrossEncoder
from shipmate.errors import Damaged, Missing
from shipmate.ports import Reranker
from shipmate.testing.conformance.reranker import CHECKS

pytestmark = pytest.mark.real
FIXTURES = Path(__file__).parent.parent / "fixtures"
TINY = FIXTURES / "tiny-cross-encoder"
FOLDERS = [TINY, *filter(None, [os.environ.get("SHIPMATE_CROSS_ENCODER_FOLDER")])]


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_model_in_a_folder_keeps_the_promises(check: Callable[[Reranker], Awaitable[None]], folder: str) -> None:
    await check(OnnxCrossEncoder(Path(folder)))


async def test_fetched_model_says_what_the_folder_says(tmp_path: Path) -> None:
    app = web.Application()
    app.router.add_static("/team/tiny/resolve/main/", TINY)
    server = TestServer(app)
    await server.start_server()
    folder = await fetch_model("team/tiny", tmp_path, FILES, hub=Hub(str(server.make_url("/")), pause_s=0))
    await server.close()
    question, texts = "reset my password", ["The library opens at nine.", "my password"]
    fetched, here = OnnxCrossEncoder(folder), OnnxCrossEncoder(TINY)
    assert await fetched.scores(question, texts) == await here.scores(question, texts)


async def test_question_and_text_are_told_apart() -> None:
    """A question that says the text's words is nearer than the text said twice without it."""
    scores = await OnnxCrossEncoder(TINY).scores("password", ["password", "library", "password library"])
    assert scores[0] > scores[2] > scores[1]


async def test_encoder_of_single_texts_is_refused() -> None:
    with pytest.raises(Damaged, match="numbers of a question and a text"):
        await OnnxCrossEncoder(FIXTURES / "tiny-encoder").scores("reset my password", ["the library"])


async def test_folder_without_a_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="holds no model"):
        OnnxCrossEncoder(tmp_path)
