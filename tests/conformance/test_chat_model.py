"""Every chat model keeps the promises of its port."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import util
from pathlib import Path

import pytest

from shipmate.adapters.openai_compatible import OpenAICompatible, OpenAICompatibleSettings
from shipmate.ports import ChatModel
from shipmate.testing.conformance.chat_model import CHECKS
from shipmate.testing.llama_server import llama_server
from shipmate.testing.model_server import ModelServer, Stream
from shipmate.testing.scripted_model import ScriptedModel

Check = Callable[[ChatModel], Awaitable[None]]
GGUF = Path(__file__).parents[1] / "fixtures" / "tiny-faq.gguf"


@asynccontextmanager
async def scripted() -> AsyncIterator[ChatModel]:
    yield ScriptedModel(["Open", " the", " settings."])


@asynccontextmanager
async def over_http() -> AsyncIterator[ChatModel]:
    async with ModelServer(Stream(tokens=["Open", " the", " settings."])) as server:
        model = OpenAICompatible(OpenAICompatibleSettings(base_url=server.url, model="tiny"))
        try:
            yield model
        finally:
            await model.close()


MODELS: dict[str, Callable[[], AbstractAsyncContextManager[ChatModel]]] = {
    "scripted": scripted,
    "openai_compatible": over_http,
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_chat_model_keeps_its_promises(model: str, check: Check) -> None:
    async def run() -> None:
        async with MODELS[model]() as opened:
            await check(opened)

    asyncio.run(run())


@pytest.fixture(scope="module")
def llama(required: Callable[[bool, str], None]) -> Iterator[str]:
    required(util.find_spec("xllamacpp") is not None, "xllamacpp")
    with llama_server(GGUF) as url:
        yield url


@pytest.mark.real
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_llama_cpp_keeps_the_promises_of_a_chat_model(check: Check, llama: str) -> None:
    async def run() -> None:
        model = OpenAICompatible(OpenAICompatibleSettings(base_url=llama, model="tiny-faq"))
        try:
            await check(model)
        finally:
            await model.close()

    asyncio.run(run())
