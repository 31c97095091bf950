"""The single writer commits in groups, fails only the guilty, and goes on after every trouble."""

import asyncio
import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing as closed
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipmate.adapters.sqlite import writer as writing
from shipmate.adapters.sqlite.database import connect
from shipmate.adapters.sqlite.schema import ensure_schema
from shipmate.adapters.sqlite.store import SqliteStore
from shipmate.errors import Busy, Damaged, DiskFull, Missing, SchemaTooNew, SchemaTooOld, ShipmateError, StorageError
from shipmate.sql import MIGRATIONS, Migration
from shipmate.testing.conformance.store import closing, conversation, opening
from shipmate.testing.memory_store import MemoryStore
from tests.processes import python

LATER = Migration(number=len(MIGRATIONS) + 1, name="9999_later", text="CREATE TABLE later (a TEXT) STRICT;")

HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("COMMIT")
"""
CONTINUE = """
import asyncio, sys
from pathlib import Path
from shipmate.adapters.sqlite.store import SqliteStore
from shipmate.testing.conformance.store import closing, opening
async def main():
    store = SqliteStore.open(Path(sys.argv[1]))
    for number in range(int(sys.argv[2])):
        await store.open_turn(opening(f"other-{number}", f"other {number}?"))
        await store.close_turn(closing(f"other-{number}", f"other {number}!"))
    await store.close()
asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shipmate.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(path)
    yield opened
    await opened.close()


@contextmanager
def counted(store: SqliteStore) -> Iterator[list[str]]:
    """Collect the commits that the writer makes."""
    commits: list[str] = []
    connection = store._writer._connection
    connection.set_trace_callback(lambda query: commits.append(query) if query == "COMMIT" else None)
    yield commits
    connection.set_trace_callback(None)


async def texts(store: SqliteStore) -> list[str]:
    thread = await store.conversation("c1", "ada", messages=10_000)
    return [message.text for message in thread.messages]


async def lag_s(waiting: Awaitable[object]) -> float:
    """Return for how long the event loop stood still, at the most, while something was awaited."""
    longest = 0.0
    task = asyncio.ensure_future(waiting)
    loop = asyncio.get_running_loop()
    while not task.done():
        before = loop.time()
        await asyncio.sleep(0.005)
        longest = max(longest, loop.time() - before - 0.005)
    await task
    return longest


async def test_what_queues_up_during_a_commit_is_committed_together(store: SqliteStore) -> None:
    with counted(store) as commits:
        await asyncio.gather(*(store.open_turn(opening(f"t{number}")) for number in range(500)))
    assert len(commits) < 50
    assert len(await texts(store)) == 500
    await store.close()


async def test_what_one_pass_of_the_loop_queues_is_one_commit(store: SqliteStore) -> None:
    """Although the writer is at rest, and the processor is its own between the writes."""

    def queue(number: int) -> Awaitable[None]:
        time.sleep(0.02)
        return store.open_turn(opening(f"t{number}", str(number)))

    with counted(store) as commits:
        await asyncio.gather(*(queue(number) for number in range(5)))
    assert commits == ["COMMIT"]
    assert await texts(store) == [str(number) for number in range(5)]
    await store.close()


async def test_a_lone_turn_does_not_wait_for_company(store: SqliteStore) -> None:
    with counted(store) as commits:
        await store.open_turn(opening("t1"))
        await store.close_turn(closing("t1"))
    assert len(commits) == 2
    await store.close()


async def test_who_fails_fails_alone(store: SqliteStore) -> None:
    await store.open_turn(opening("mine"))
    bad = [opening("t1", "\udc00"), opening("t2", of=conversation(caller="bob")), opening("t3", "\ud800")]
    good = [opening(f"g{number}", str(number)) for number in range(20)]
    order = [bad[0], *good[:7], bad[1], *good[7:], bad[2]]
    results = await asyncio.gather(*(store.open_turn(turn) for turn in order), return_exceptions=True)
    assert [isinstance(result, Exception) for result in results] == [turn in bad for turn in order]
    assert await texts(store) == ["How?", *(str(number) for number in range(20))]
    await store.close()


async def test_a_full_queue_lets_everybody_wait_and_keeps_the_order(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "CAPACITY", 4)
    waiting = [store.open_turn(opening(f"t{number}", str(number))) for number in range(100)]
    assert store._writer._queue.qsize() <= 4
    await asyncio.gather(*waiting)
    assert await texts(store) == [str(number) for number in range(100)]
    await store.close()


async def test_who_stops_waiting_does_not_take_the_write_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "CAPACITY", 2)
    store = SqliteStore.open(path)
    waiting = [asyncio.ensure_future(store.open_turn(opening(f"t{number}", str(number)))) for number in range(6)]
    for task in waiting:
        task.cancel()
    assert all(isinstance(r, asyncio.CancelledError) for r in await asyncio.gather(*waiting, return_exceptions=True))
    await store.close()
    store = SqliteStore.open(path)
    assert await texts(store) == [str(number) for number in range(6)]
    await store.close()


async def test_closing_commits_what_nobody_awaited(path: Path) -> None:
    store = SqliteStore.open(path)
    for number in range(50):
        store.open_turn(opening(f"t{number}", str(number)))
    await store.close()
    with pytest.raises(StorageError, match="closed"):
        await store.conversation("c1", "ada")
    with pytest.raises(StorageError, match="closed"):
        await store.open_turn(opening("late"))
    assert [file.name for file in path.parent.iterdir()] == ["shipmate.db"], "the log was brought into the database"
    store = SqliteStore.open(path)
    assert len(await texts(store)) == 50
    await store.close()


def test_a_loop_that_ends_early_loses_no_write(path: Path) -> None:
    """The event loop stops before the answer comes; the next loop finds the message."""
    store = SqliteStore.open(path)

    async def hasty() -> None:
        store.open_turn(opening("t1", "hasty"))

    async def patient() -> list[str]:
        await store.open_turn(opening("t2", "patient"))
        found = await texts(store)
        await store.close()
        return found

    asyncio.run(hasty())
    assert asyncio.run(patient()) == ["hasty", "patient"]


@pytest.mark.parametrize("is_followed", [True, False])
def test_a_loop_that_never_comes_round_loses_no_write(path: Path, *, is_followed: bool) -> None:
    """It stops in the pass that queued the write, for good; the next write or the closing takes it along."""
    store = SqliteStore.open(path)
    loop = asyncio.new_event_loop()
    loop.call_soon(lambda: (store.open_turn(opening("t1", "stopped")), loop.stop()))
    loop.run_forever()

    async def go_on() -> list[str]:
        if is_followed:
            await store.open_turn(opening("t2", "followed"))
        await store.close()
        reopened = SqliteStore.open(path)
        found = await texts(reopened)
        await reopened.close()
        return found

    assert asyncio.run(go_on()) == ["stopped", "followed"][: 1 + is_followed]
    loop.close()


def test_loops_in_several_threads_keep_each_its_order(path: Path) -> None:
    store = SqliteStore.open(path)

    async def write(loop: int) -> None:
        for number in range(0, 60, 3):
            turns = [opening(f"{loop}-{n}", str(n), of=conversation(f"c{loop}")) for n in range(number, number + 3)]
            store.open_turn(turns[0])
            await asyncio.gather(*map(store.open_turn, turns[1:]))

    async def said() -> list[list[str]]:
        await store.close()
        reopened = SqliteStore.open(path)
        threads = [await reopened.conversation(f"c{loop}", "ada", messages=100) for loop in range(4)]
        await reopened.close()
        return [[message.text for message in thread.messages] for thread in threads]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda loop: asyncio.run(write(loop)), range(4)))
    assert asyncio.run(said()) == [[str(number) for number in range(60)]] * 4


async def test_another_processs_lock_is_waited_for_without_stopping_the_loop(path: Path, store: SqliteStore) -> None:
    with python(HOLD, path, 0.7) as holder:
        assert holder.stdout
        holder.stdout.readline()
        assert await lag_s(asyncio.ensure_future(store.open_turn(opening("t1")))) < 0.4
    assert await texts(store) == ["How?"]
    await store.close()


async def test_a_lock_that_is_never_given_back_is_an_error_and_the_store_goes_on(
    path: Path, store: SqliteStore
) -> None:
    store._writer._connection.execute("PRAGMA busy_timeout = 50")
    with closed(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = [store.open_turn(opening(f"t{number}")) for number in range(3)]
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, Busy) for result in results)
        assert "held" in str(results[0])
        other.execute("COMMIT")
    await store.open_turn(opening("t1"))
    assert await texts(store) == ["How?"]
    await store.close()


async def test_another_process_may_continue_the_same_conversation(path: Path, store: SqliteStore) -> None:
    """`ask` while serving: the server sees what was said there, although it remembers the conversation."""
    await store.open_turn(opening("t1", "here?"))
    await store.close_turn(closing("t1", "here!"))
    assert await texts(store) == ["here?", "here!"]
    with python(CONTINUE, path, 1) as other:
        assert await asyncio.to_thread(other.wait) == 0
    assert await texts(store) == ["here?", "here!", "other 0?", "other 0!"]
    await store.close()


async def test_two_processes_write_at_once_and_neither_loses_a_turn(path: Path, store: SqliteStore) -> None:
    with python(CONTINUE, path, 100) as other:
        for number in itertools.count():
            await store.open_turn(opening(f"t{number}", "here?"))
            await store.close_turn(closing(f"t{number}", "here!"))
            if other.poll() is not None:
                break
    said = await texts(store)
    assert (said.count("here?"), said.count("here!")) == (number + 1, number + 1)
    assert [text for text in said if "other" in text] == [f"other {n}{sign}" for n in range(100) for sign in "?!"]
    await store.close()


steps = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["open", "close", "read", "stranger"]),
        st.integers(0, 9),
        st.integers(0, 30),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_what_is_remembered_equals_what_is_stored(tmp_path: Path, steps: list[tuple[int, str, int, int]]) -> None:
    """Two stores on one file act as one store, whatever they remember and whoever writes."""
    path = tmp_path / "remembered.db"
    path.unlink(missing_ok=True)

    async def run() -> None:
        pair = SqliteStore.open(path), SqliteStore.open(path)
        model = MemoryStore()
        try:
            for which, act, number, messages in steps:
                remembered = await outcome(pair[which], act, number, messages)
                assert remembered == await outcome(model, act, number, messages)
        finally:
            await asyncio.gather(*(store.close() for store in pair))

    async def outcome(store: SqliteStore | MemoryStore, act: str, number: int, messages: int) -> object:
        place = f"c{number % 2}"
        thread = conversation(place, last_at=float(messages))
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "open": lambda: store.open_turn(opening(f"t{number}", str(messages), of=thread)),
            "close": lambda: store.close_turn(closing(f"t{number}", str(messages), of=thread)),
            "read": lambda: store.conversation(place, "ada", messages=messages),
            "stranger": lambda: store.conversation(place, "bob", messages=messages),
        }
        try:
            return await calls[act]()
        except ShipmateError as error:
            return type(error)

    asyncio.run(run())


async def test_an_idle_writer_brings_the_log_into_the_database(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "IDLE_S", 0.02)
    await store.open_turn(opening("t1", "kept"))
    copy = path.with_name("alone.db")
    for _ in range(100):
        await asyncio.sleep(0.02)
        shutil.copyfile(path, copy)
        with closed(sqlite3.connect(f"file:{copy}?immutable=1", uri=True)) as alone:
            if alone.execute("SELECT name FROM sqlite_schema WHERE name = 'messages'").fetchone():
                found = alone.execute("SELECT text FROM messages").fetchall()
                if found:
                    break
    assert found == [("kept",)]
    await store.close()


async def test_a_full_database_fails_what_does_not_fit_and_nothing_else(store: SqliteStore) -> None:
    limited = store._writer._connection
    await store.open_turn(opening("t0"))
    (pages,) = limited.execute("PRAGMA page_count").fetchone()
    limited.execute(f"PRAGMA max_page_count = {pages + 8}")
    turns = [opening(f"t{number}", "x" * (100_000 if number % 2 else 10)) for number in range(1, 11)]
    results = await asyncio.gather(*(store.open_turn(turn) for turn in turns), return_exceptions=True)
    assert [type(result) for result in results] == [DiskFull, type(None)] * 5
    assert "free some space" in str(results[0])
    with pytest.raises(DiskFull):
        await store.close_turn(closing("t0", "y" * 100_000))
    assert await texts(store) == ["How?", *["x" * 10] * 5], "no reply without its trace, no half message"
    assert len(await store.events(0, 100)) == 6
    limited.execute("PRAGMA max_page_count = 1000000")
    await store.close_turn(closing("t0", "y" * 100_000))
    assert (await texts(store))[-1] == "y" * 100_000
    await store.close()


FILL = """
import asyncio, sys
from pathlib import Path
from shipmate.adapters.sqlite.store import SqliteStore
from shipmate.errors import DiskFull
from shipmate.testing.conformance.store import closing, opening
async def main():
    ballast = Path(sys.argv[1]) / "ballast"
    ballast.write_bytes(bytes(1 << 20))
    path = Path(sys.argv[1]) / "shipmate.db"
    store = SqliteStore.open(path)
    kept, lost = [], []
    for number in range(400):
        try:
            await store.open_turn(opening(f"t{number}", f"{number} " + "x" * 20_000))
            kept.append(number)
        except DiskFull:
            lost.append(number)
            if len(lost) == 3:
                ballast.unlink()
                await store.open_turn(opening("after", "after"))
                break
    await store.close()
    store = SqliteStore.open(path)
    thread = await store.conversation("c1", "ada", messages=10_000)
    await store.close()
    said = [message.text.split()[0] for message in thread.messages]
    assert lost and said == [*map(str, kept), "after"], (len(kept), lost, said[-3:])
    print("kept", len(kept), "lost", len(lost))
asyncio.run(main())
"""


def test_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """A file system of 4 MiB of its own, filled to the last page; then there is room again."""
    script = tmp_path / "fill.py"
    script.write_text(FILL)
    mount = 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@" "$0"'
    folder = tmp_path / "small"
    folder.mkdir()
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    command = [*alone, "sh", "-c", mount, str(folder), sys.executable, str(script)]
    probe = subprocess.run([*alone, "mount", "-t", "tmpfs", "tmpfs", str(folder)], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("this container lets nobody mount a file system of their own")
    source = str(Path(writing.__file__).parents[3])
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": source})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("kept")


@pytest.mark.parametrize("content", [b"not a database" * 100, b"\x00" * 4096, b"SQLite format 3\x00" + b"\xff" * 4080])
def test_a_file_that_is_no_database_is_said_to_be_damaged(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(Damaged, match=r"restore"):
        SqliteStore.open(path)
    assert path.read_bytes() == content


def test_somebody_elses_database_is_left_alone(path: Path) -> None:
    with closed(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (a)")
    with pytest.raises(Damaged, match="not a database of Shipmate's"):
        SqliteStore.open(path)


def test_a_folder_that_does_not_exist_is_named(path: Path) -> None:
    with pytest.raises(Missing, match="nowhere does not exist"):
        SqliteStore.open(path.parent / "nowhere" / "shipmate.db")


async def test_a_later_schema_is_not_opened_and_an_earlier_one_points_to_upgrade(path: Path) -> None:
    with closed(connect(path)) as connection:
        ensure_schema(connection, path)
        with pytest.raises(SchemaTooOld, match="shipmate upgrade"):
            ensure_schema(connection, path, known=(*MIGRATIONS, LATER))
        connection.execute(f"PRAGMA user_version = {LATER.number}")
    with pytest.raises(SchemaTooNew, match=f"schema {LATER.number}.*\n.*later one"):
        SqliteStore.open(path)


def test_the_database_is_its_owners_alone(path: Path) -> None:
    connect(path).close()
    assert path.stat().st_mode & 0o077 == 0


def test_stores_that_begin_together_make_one_database(path: Path) -> None:
    begin = "import sys, asyncio\nfrom pathlib import Path\nfrom shipmate.adapters.sqlite.store import SqliteStore\n"
    begin += "sys.stdin.read(1)\nasyncio.run(SqliteStore.open(Path(sys.argv[1])).close())"
    started = [python(begin, path) for _ in range(4)]
    for process in started:
        assert process.stdin
        process.stdin.write("x")
        process.stdin.flush()
    for process in started:
        process.communicate()
    assert [process.returncode for process in started] == [0] * 4
