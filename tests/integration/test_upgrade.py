"""Every schema that a version ever wrote is opened by this one, after a backup, or told why not."""

import asyncio
import gzip
import sqlite3
from collections.abc import Sequence
from contextlib import closing as closed
from pathlib import Path

import pytest

from shipmate.adapters.folder import FolderLock
from shipmate.adapters.sqlite.database import connect
from shipmate.adapters.sqlite.schema import ensure_schema, migrate
from shipmate.adapters.sqlite.store import SqliteStore
from shipmate.errors import Damaged, FolderInUse, SchemaTooNew, SchemaTooOld, StorageError
from shipmate.sql import MIGRATIONS, Migration
from shipmate.upkeep import restore, upgrade

FIXTURES = sorted((Path(__file__).parents[1] / "fixtures" / "folders").glob("schema_*.db.gz"))
NEXT = len(MIGRATIONS) + 1


def later(text: str) -> Sequence[Migration]:
    """Return the migrations of a version that is still to come."""
    return (*MIGRATIONS, Migration(number=NEXT, name=f"{NEXT:04d}_later", text=text))


ADDS_A_COLUMN = later("ALTER TABLE messages ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm';\n")
BREAKS_OFF = later(
    "UPDATE messages SET text = 'gone';\nCREATE TABLE half (a TEXT) STRICT;\nINSERT INTO nowhere VALUES (1);\n"
)


@pytest.fixture(params=FIXTURES, ids=lambda path: path.name.removesuffix(".db.gz"))
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a state folder as a version left it."""
    folder = tmp_path / "assistant" / ".shipmate"
    folder.mkdir(parents=True)
    (folder / "shipmate.db").write_bytes(gzip.decompress(request.param.read_bytes()))
    return folder


async def said(state: Path) -> list[str]:
    store = SqliteStore.open(state / "shipmate.db")
    try:
        threads = [await store.conversation(place, "ada") for place in ("c1", "c2")]
        assert (await store.trace("t1", "ada")).reply.text == "t1 says so."
        assert len(await store.events(0, 100)) == 10
        return [message.text for thread in threads for message in thread.messages]
    finally:
        await store.close()


def schema_of(state: Path) -> tuple[int, list[str]]:
    with closed(sqlite3.connect(state / "shipmate.db")) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return version, [name for (name,) in connection.execute("SELECT name FROM migrations ORDER BY number")]


def test_every_schema_has_a_fixture() -> None:
    assert [path.name for path in FIXTURES] == [f"schema_{step.number:04d}.db.gz" for step in MIGRATIONS]


def test_a_folder_of_any_version_is_upgraded_and_reads_as_before(state: Path) -> None:
    before, _ = schema_of(state)
    done = upgrade(state)
    assert (done.schema, len(done.steps)) == (before, len(MIGRATIONS) - before)
    assert asyncio.run(said(state)) == [
        "t1 asks: 你好?",
        "t1 says so.",
        "t2 asks: 你好?",
        "t2 says so.",
        "t3 asks: 你好?",
        "t3 says so.",
        "t4 asks, and nobody answers",
    ]
    assert upgrade(state) == upgrade(state, dry_run=True), "there is nothing left to do"


def test_a_dry_run_tells_the_steps_and_changes_nothing(state: Path) -> None:
    upgrade(state)
    before = (state / "shipmate.db").read_bytes()
    backups = sorted(state.rglob("*.tar.gz"))
    told = upgrade(state, dry_run=True, known=ADDS_A_COLUMN)
    assert (told.schema, told.steps, told.backup) == (len(MIGRATIONS), (f"{NEXT:04d}_later",), None)
    assert (state / "shipmate.db").read_bytes() == before
    assert sorted(state.rglob("*.tar.gz")) == backups


def test_an_upgrade_saves_what_was_there_before(state: Path) -> None:
    upgrade(state)
    words = asyncio.run(said(state))
    done = upgrade(state, known=ADDS_A_COLUMN)
    assert schema_of(state) == (NEXT, [step.name for step in ADDS_A_COLUMN])
    assert done.backup
    assert done.backup.parent == state / "backups"
    with pytest.raises(SchemaTooNew, match=f"schema {NEXT}"):
        SqliteStore.open(state / "shipmate.db")
    restore(done.backup, state)
    assert asyncio.run(said(state)) == words


def test_an_upgrade_that_breaks_off_leaves_the_database_as_it_was(state: Path) -> None:
    upgrade(state)
    words = asyncio.run(said(state))
    with pytest.raises(StorageError, match="nowhere"):
        upgrade(state, known=BREAKS_OFF)
    assert asyncio.run(said(state)) == words
    assert schema_of(state)[0] == len(MIGRATIONS)


def test_nobody_upgrades_under_a_running_server(state: Path) -> None:
    with FolderLock(state / "serve.lock", "serve"):
        with pytest.raises(FolderInUse, match="`shipmate serve`"):
            upgrade(state, known=ADDS_A_COLUMN)
        assert upgrade(state, dry_run=True, known=ADDS_A_COLUMN).steps
    assert schema_of(state)[0] < NEXT


def test_an_earlier_schema_is_not_opened_before_its_upgrade(state: Path) -> None:
    upgrade(state)
    path = state / "shipmate.db"
    with closed(connect(path)) as connection:
        with pytest.raises(SchemaTooOld, match="shipmate upgrade"):
            ensure_schema(connection, path, known=ADDS_A_COLUMN)
        migrate(connection, path, known=ADDS_A_COLUMN)
        ensure_schema(connection, path, known=ADDS_A_COLUMN)


def test_a_migration_that_was_edited_after_its_release_is_noticed(state: Path) -> None:
    upgrade(state)
    edited = (Migration(number=1, name=MIGRATIONS[0].name, text="-- edited"), *MIGRATIONS[1:])
    with pytest.raises(Damaged, match="other migrations"):
        upgrade(state, known=edited)


def test_an_empty_database_and_an_empty_folder_have_nothing_to_lose(tmp_path: Path) -> None:
    assert upgrade(tmp_path).steps == ()
    (tmp_path / "shipmate.db").touch()
    done = upgrade(tmp_path)
    assert (done.schema, done.steps) == (0, tuple(step.name for step in MIGRATIONS))
    assert schema_of(tmp_path)[0] == len(MIGRATIONS)
