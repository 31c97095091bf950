"""Past conversations through the real parts: recalled by a turn, carried over by an upgrade, and gone when forgotten."""

import asyncio
import sqlite3
from contextlib import closing as closed
from pathlib import Path

import msgspec
import pytest

from shipmate import bootstrap
from shipmate.adapters.sqlite.database import connect
from shipmate.adapters.sqlite.schema import migrate
from shipmate.adapters.sqlite.store import SqliteStore
from shipmate.errors import Busy
from shipmate.memory.resolved import QUIET_S
from shipmate.messages import Ask, Finished, Reply
from shipmate.sql import MIGRATIONS
from shipmate.testing.clock import TickingClock
from shipmate.testing.conformance.episodes import thread, turn
from shipmate.testing.scripted_model import ScriptedModel
from tests.integration.test_turn import PAGES, Garden

SECRET = "My badge number is zebra4711, when are roses pruned?"


async def asked(garden: Garden, text: str, caller: str, *, consent_id: str = "k") -> Reply:
    events = [event async for event in garden.assistant.turn(Ask(text=text, caller=caller, consent_id=consent_id))]
    assert isinstance(events[-1], Finished)
    return events[-1].reply


async def rest(garden: Garden) -> None:
    garden.clock.at += QUIET_S + 1
    await garden.memory.refresh([garden.index])


async def test_a_turn_looks_back_on_what_others_were_told(tmp_path: Path) -> None:
    garden = Garden(tmp_path)
    await asked(garden, "When are roses pruned?", "ada")
    await rest(garden)
    reply = await asked(garden, "In which month are roses pruned?", "bob")
    trace = await garden.assistant.trace(reply.turn_id, "bob")
    assert [passage.source for passage in trace.passages if "recalled" in passage.legs] == ["roses.md"]


async def test_what_was_asked_without_consent_is_never_looked_back_on(tmp_path: Path) -> None:
    garden = Garden(tmp_path)
    await asked(garden, "When are roses pruned?", "ada", consent_id="")
    await rest(garden)
    reply = await asked(garden, "In which month are roses pruned?", "bob")
    trace = await garden.assistant.trace(reply.turn_id, "bob")
    assert all("recalled" not in passage.legs for passage in trace.passages)


async def test_a_model_is_shown_what_others_were_told_and_cannot_cite_it(tmp_path: Path) -> None:
    """What stands in an example alone does not pass the check of what the model says."""
    model = ScriptedModel(["Roses are pruned in March [1]. Your badge number is zebra4711 [1]."])
    garden = Garden(tmp_path, model=model)
    await asked(garden, SECRET, "ada")
    await rest(garden)
    reply = await asked(garden, "In which month are roses pruned?", "bob")
    assert "zebra4711" in model.asked[-1][-1].text
    assert "pruned in March" in reply.text
    assert "zebra4711" not in reply.text


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


@pytest.mark.parametrize("whom", ["ada", "c1"])
async def test_no_byte_of_what_was_forgotten_is_left(tmp_path: Path, whom: str) -> None:
    """Not in the database, not in its log: also after moves between pages, and beside what stays."""
    store = SqliteStore.open(tmp_path / "shipmate.db")
    for number in range(200):
        caller, place, word = ("ada", "c1", "zebra4711") if number % 2 else ("bob", "c2", f"lion{number}")
        await store.close_turn(
            turn(f"t{number}", thread(place, caller=caller, at=float(number)), f"{word} " * number, f"{word}!")
        )
    assert b"zebra4711" in bytes_of(tmp_path)
    assert await store.erase(whom) == 1
    assert b"zebra4711" not in bytes_of(tmp_path)
    assert b"lion198" in bytes_of(tmp_path)
    assert len((await store.conversation("c2", "bob")).messages) == 12
    await store.close()
    assert b"zebra4711" not in bytes_of(tmp_path)


async def test_forgetting_under_a_reader_is_said_and_can_be_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another program reads the state from before, its words may still stand in the log."""
    monkeypatch.setattr("shipmate.adapters.sqlite.database.LOCK_WAIT_S", 0.2)
    path = tmp_path / "shipmate.db"
    store = SqliteStore.open(path)
    await store.close_turn(turn("t1", thread("c1"), "zebra4711?"))
    with closed(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM messages").fetchone()
        with pytest.raises(Busy):
            await store.erase("ada")
    assert await store.erase("ada") == 0
    assert b"zebra4711" not in bytes_of(tmp_path)
    await store.close()


async def test_a_server_in_another_process_forgets_too(tmp_path: Path) -> None:
    """Two stores on one file: what one erased, the other neither reads from its cache nor lists."""
    serving, commanding = (SqliteStore.open(tmp_path / "shipmate.db") for _ in range(2))
    await serving.close_turn(turn("t1", thread("c1")))
    before = await serving.erasures()
    await commanding.erase("ada")
    assert await serving.erasures() == before + 1
    assert await serving.rested(since=0.0, until=9.0, limit=9) == []
    with pytest.raises(Exception, match="no such conversation"):
        await serving.conversation("c1", "ada")
    for store in (serving, commanding):
        await store.close()


def test_an_upgrade_takes_over_the_turns_that_had_consent(tmp_path: Path) -> None:
    """The first schema kept the episode and the consent of a turn in the journal alone."""
    path = tmp_path / "shipmate.db"
    with closed(connect(path)) as connection:
        migrate(connection, path, known=MIGRATIONS[:1])
    with closed(sqlite3.connect(path)) as connection:
        for number, consent_id in enumerate(("k", "", "k")):
            whole = turn(f"t{number}", thread(f"c{number}", at=float(number), consent_id=consent_id), f"{number}?")
            add_as_the_first_schema_did(connection, whole.trace.turn_id, f"c{number}", consent_id, number)
            connection.execute(
                "INSERT INTO traces VALUES (?, ?, ?)", (f"t{number}", f"c{number}", msgspec.msgpack.encode(whole.trace))
            )
        connection.commit()
    with closed(connect(path)) as connection:
        migrate(connection, path)

    async def episodes() -> list[str]:
        store = SqliteStore.open(path)
        try:
            found = await store.episodes(await store.rested(since=0.0, until=9.0, limit=9))
            return [exchange.text for episode in found for exchange in episode.exchanges]
        finally:
            await store.close()

    assert asyncio.run(episodes()) == ["2?", "0?"]


def add_as_the_first_schema_did(
    connection: sqlite3.Connection, turn_id: str, conversation_id: str, consent_id: str, at: float
) -> None:
    connection.execute(
        "INSERT INTO conversations VALUES (?, 'ada', ?, ?, 'i', '', '', ?)", (conversation_id, at, at, consent_id)
    )
    event = {"name": "assistant.turn.completed", "ts": at, "event_id": "e", "turn_id": turn_id}
    event |= {"issue_id": f"i{at}"} | ({"consent": consent_id} if consent_id else {})
    connection.execute(
        "INSERT INTO events (name, ts, event) VALUES (?, ?, ?)",
        ("assistant.turn.completed", at, msgspec.json.encode(event).decode()),
    )


async def test_a_running_assistant_takes_up_what_came_to_rest_and_forgets_at_a_command(tmp_path: Path) -> None:
    """Through the composition root, within its own rhythm; the command works beside it."""
    (tmp_path / "knowledge").mkdir()
    for source, text in PAGES.items():
        (tmp_path / "knowledge" / source).write_text(f"# {source[:-3].title()}\n\n{text}\n")
    project = bootstrap.load(tmp_path)
    await asyncio.to_thread(bootstrap.ingest, project, progress=lambda _: None)
    clock = TickingClock()
    async with bootstrap.open_assistant(project, clock=clock) as assistant:

        async def looks_back(caller: str) -> bool:
            ask = Ask(text="When exactly are roses pruned?", caller=caller)
            (*_, finished) = [event async for event in assistant.turn(ask)]
            assert isinstance(finished, Finished)
            trace = await assistant.trace(finished.reply.turn_id, caller)
            return any("recalled" in passage.legs for passage in trace.passages)

        async def comes_to_be(*, recalled: bool) -> bool:
            for number in range(40):
                if await looks_back(f"bob{recalled}{number}") is recalled:
                    return True
                await asyncio.sleep(0.25)
            return False

        async for _ in assistant.turn(Ask(text="When are roses pruned?", caller="ada", consent_id="k")):
            pass
        assert not await looks_back("bob")
        clock.at += QUIET_S + 1
        assert await comes_to_be(recalled=True)
        assert await bootstrap.forget(project, "ada") == 1
        assert await comes_to_be(recalled=False)
