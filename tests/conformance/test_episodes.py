"""Every store keeps the promises of past conversations."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from shipmate.adapters.sqlite.store import SqliteStore
from shipmate.testing.conformance.episodes import CHECKS, RecallingStore
from shipmate.testing.memory_store import MemoryStore

Check = Callable[[RecallingStore], Awaitable[None]]

STORES: dict[str, Callable[[Path], RecallingStore]] = {
    "memory": lambda _: MemoryStore(),
    "sqlite": lambda folder: SqliteStore.open(folder / "shipmate.db"),
}


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_store_keeps_its_promises(store: str, check: Check, tmp_path: Path) -> None:
    async def run() -> None:
        opened = STORES[store](tmp_path)
        try:
            await check(opened)
        finally:
            await opened.close()

    asyncio.run(run())
