"""An encoder behind HTTP keeps the promises of its port, and says what is wrong when its server does not."""

from collections.abc import AsyncIterator, Awaitable, Callable

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shipmate.adapters.openai_compatible.embedder import OpenAIEmbedder
from shipmate.errors import ModelGarbled, ModelTimeout, ModelUnavailable
from shipmate.ports import Embedder
from shipmate.testing.conformance.embedder import CHECKS
from shipmate.testing.hash_embedder import HashEmbedder


class FakeServer:
    """Answers with the vectors of a `HashEmbedder`, last one first, or with what it is told to."""

    def __init__(self) -> None:
        self.embedder = HashEmbedder()
        self.refusals: list[int] = []
        self.said: bytes | None = None
        self.keys: list[str] = []
        self.largest = 0
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/v1/embeddings", self.answer)
        self.server = TestServer(app)

    def opened(self, *, dimensions: int = 64, silence_s: float = 5, key: str = "secret") -> OpenAIEmbedder:
        url = str(self.server.make_url("/v1/"))
        return OpenAIEmbedder(url, "tiny", dimensions=dimensions, key=key, silence_s=silence_s, pause_s=0)

    async def answer(self, request: web.Request) -> web.Response:
        if self.refusals:
            return web.Response(status=self.refusals.pop(), text="not now")
        if self.said is not None:
            return web.Response(body=self.said)
        self.keys.append(request.headers.get("Authorization", ""))
        asked = (await request.json())["input"]
        self.largest = max(self.largest, len(asked))
        rows = 3 * await self.embedder.embed(asked)
        # Some texts that have words have none that this encoder knows; a real one has always something to say.
        rows[~rows.any(1), 0] = 1
        data = [{"index": index, "embedding": row.tolist()} for index, row in enumerate(rows)]
        return web.json_response({"object": "list", "data": data[::-1], "model": "tiny"})


@pytest.fixture
async def fake() -> AsyncIterator[FakeServer]:
    server = FakeServer()
    await server.server.start_server()
    yield server
    await server.server.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_encoder_behind_http_keeps_the_promises(
    check: Callable[[Embedder], Awaitable[None]], fake: FakeServer
) -> None:
    embedder = fake.opened()
    await check(embedder)
    await embedder.close()


async def test_many_texts_are_asked_in_parts_with_the_key(fake: FakeServer) -> None:
    embedder = fake.opened()
    rows = await embedder.embed([f"text number {number}" for number in range(200)])
    await embedder.close()
    assert rows.shape == (200, 64)
    assert 1 < fake.largest <= 100
    assert set(fake.keys) == {"Bearer secret"}


@pytest.mark.parametrize("refusals", [[429], [500, 503, 502]])
async def test_passing_refusals_are_waited_out(fake: FakeServer, refusals: list[int]) -> None:
    fake.refusals = refusals
    embedder = fake.opened()
    np.testing.assert_allclose(np.linalg.norm(await embedder.embed(["a word"])), 1, atol=1e-5)
    await embedder.close()


@pytest.mark.parametrize("refusals", [[401], [404], [503] * 4])
async def test_lasting_refusals_are_said(fake: FakeServer, refusals: list[int]) -> None:
    fake.refusals = refusals
    embedder = fake.opened()
    with pytest.raises(ModelUnavailable, match=f"{refusals[0]}.*not now"):
        await embedder.embed(["a word"])
    await embedder.close()
    assert fake.refusals == []


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"<html>",
        b"{}",
        b'{"data": []}',
        b'{"data": [{"index": 0, "embedding": [1.0]}]}',
        b'{"data": [{"index": 0}]}',
    ],
)
async def test_answer_that_holds_no_vectors_is_garbled(fake: FakeServer, said: bytes) -> None:
    fake.said = said
    embedder = fake.opened()
    with pytest.raises(ModelGarbled):
        await embedder.embed(["a word"])
    await embedder.close()


async def test_nobody_there_and_silence_are_told_apart(fake: FakeServer) -> None:
    nobody = OpenAIEmbedder("http://127.0.0.1:1/v1", "tiny", dimensions=64, pause_s=0)
    with pytest.raises(ModelUnavailable):
        await nobody.embed(["a word"])
    await nobody.close()
    embedder = fake.opened(silence_s=1e-6)
    with pytest.raises(ModelTimeout):
        await embedder.embed(["a word"])
    await embedder.close()


async def test_the_password_of_the_address_is_in_no_error_and_no_name() -> None:
    nobody = OpenAIEmbedder("http://ada:s3cr3t@127.0.0.1:1/v1", "tiny", dimensions=64, pause_s=0)
    assert nobody.name == "tiny@http://127.0.0.1:1/v1/embeddings"
    with pytest.raises(ModelUnavailable) as error:
        await nobody.embed(["a word"])
    await nobody.close()
    assert "s3cr3t" not in str(error.value)
