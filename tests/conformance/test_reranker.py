"""Every reranker keeps the promises of its port."""

from collections.abc import Awaitable, Callable

import pytest

from shipmate.ports import Reranker
from shipmate.testing.conformance.reranker import CHECKS
from shipmate.testing.overlap_reranker import OverlapReranker

RERANKERS: dict[str, Callable[[], Reranker]] = {"overlap": OverlapReranker}


@pytest.mark.parametrize("open_reranker", RERANKERS.values(), ids=RERANKERS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_reranker_keeps_its_promises(
    check: Callable[[Reranker], Awaitable[None]], open_reranker: Callable[[], Reranker]
) -> None:
    await check(open_reranker())
