"""Every embedder keeps the promises of its port."""

from collections.abc import Awaitable, Callable

import pytest

from shipmate.adapters.static_embedder import StaticEmbedder
from shipmate.ports import Embedder
from shipmate.testing.conformance.embedder import CHECKS
from shipmate.testing.hash_embedder import HashEmbedder

EMBEDDERS: dict[str, Callable[[], Embedder]] = {"hash": HashEmbedder, "static": StaticEmbedder}


@pytest.mark.parametrize("open_embedder", EMBEDDERS.values(), ids=EMBEDDERS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_embedder_keeps_its_promises(
    check: Callable[[Embedder], Awaitable[None]], open_embedder: Callable[[], Embedder]
) -> None:
    embedder = open_embedder()
    try:
        await check(embedder)
    finally:
        await embedder.close()
