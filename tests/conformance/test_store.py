"""Every store keeps the promises of its port."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from shipmate.adapters.sqlite.store import SqliteStore
from shipmate.messages import Conversation
from shipmate.testing.conformance.store import CHECKS, JournalledStore
from shipmate.testing.memory_store import MemoryStore

Check = Callable[[JournalledStore], Awaitable[None]]


class ForgetfulStore(SqliteStore):
    """Reads the database each time."""

    async def conversation(self, conversation_id: str, caller: str, *, messages: int = 12) -> Conversation:
        self._recent.forget()
        return await super().conversation(conversation_id, caller, messages=messages)


STORES: dict[str, Callable[[Path], JournalledStore]] = {
    "memory": lambda _: MemoryStore(),
    "sqlite": lambda folder: SqliteStore.open(folder / "shipmate.db"),
    "sqlite-full": lambda folder: SqliteStore.open(folder / "shipmate.db", durable="full"),
    "sqlite-uncached": lambda folder: ForgetfulStore.open(folder / "shipmate.db"),
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
