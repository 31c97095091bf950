"""A process that is killed at any moment loses nothing that it has acknowledged, and leaves nothing half-written."""

import asyncio
import os
import random
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing as closed
from pathlib import Path

import pytest

from shipmate.adapters.sqlite.snapshot import check_integrity
from shipmate.adapters.sqlite.store import SqliteStore
from shipmate.messages import Role
from shipmate.testing.conformance.store import closing, opening
from tests.processes import python

# Runs turns until it is killed; each line that it prints is an acknowledgement.
TURNS = """
import asyncio, os, sys
from itertools import count
from pathlib import Path
from shipmate.adapters.sqlite import writer
from shipmate.adapters.sqlite.store import SqliteStore
from shipmate.testing.conformance.store import closing, conversation, opening
writer.IDLE_S = 0.004
numbers = count()
async def turns(store, run, worker):
    thread = conversation(f"c{worker}")
    for number in numbers:
        is_whole = number % 3 == 0
        turn_id = f"{run}-{number}{'-whole' * is_whole}"
        size = 1 + number * 7919 % 20_000
        asked = opening(turn_id, "q" * size, of=thread)
        if not is_whole:
            await store.open_turn(asked)
            os.write(1, f"opened {turn_id} {size}\\n".encode())
        await store.close_turn(closing(turn_id, "a" * size, of=thread, asked=asked.message if is_whole else None))
        os.write(1, f"closed {turn_id} {size}\\n".encode())
        if number % 16 == 0:
            await asyncio.sleep(0.01)
async def main():
    store = SqliteStore.open(Path(sys.argv[1]))
    await asyncio.gather(*(turns(store, sys.argv[2], worker) for worker in range(4)))
asyncio.run(main())
"""
LONGEST_LIFE_S = 0.15


def killed_run(path: Path, run: int, life_s: float) -> list[list[str]]:
    """Let a process run turns, kill it so long after its first acknowledgement, and return all that it acknowledged."""
    with python(TURNS, path, run) as process:
        assert process.stdout
        first = process.stdout.readline()
        time.sleep(life_s)
        process.kill()
        rest = process.stdout.read()
    lines = (first + rest).splitlines(keepends=True)
    return [line.split() for line in lines if line.endswith("\n")]


def assert_whole(path: Path, acknowledged: list[list[str]]) -> None:
    check_integrity(path)
    with closed(sqlite3.connect(path)) as connection:
        said = {
            (turn, role): len(text)
            for turn, role, text in connection.execute("SELECT turn_id, role, text FROM messages")
        }
        traces = {turn for (turn,) in connection.execute("SELECT turn_id FROM traces")}
        events = Counter(turn for (turn,) in connection.execute("SELECT event ->> '$.turn_id' FROM events"))
    for act, turn, size in acknowledged:
        assert said.get((turn, Role.USER)) == int(size), f"{act} {turn}: the question is lost"
        assert act == "opened" or said.get((turn, Role.ASSISTANT)) == int(size), f"{act} {turn}: the reply is lost"
    questions = {turn for turn, role in said if role == Role.USER}
    replies = {turn for turn, role in said if role == Role.ASSISTANT}
    assert replies <= questions, "a reply without its question"
    assert replies == traces, "a reply without its trace"
    wholes = {turn for turn in questions if turn.endswith("-whole")}
    assert wholes <= replies, "a question without the reply that came with it"
    assert events == {turn: 1 + 2 * (turn in replies) - (turn in wholes) for turn in questions}, (
        "events without their message"
    )


@pytest.mark.parametrize("batch", [0, *(pytest.param(batch, marks=pytest.mark.real) for batch in range(1, 11))])
def test_twenty_kills_lose_nothing(tmp_path: Path, batch: int) -> None:
    """Ten more batches with other seeds make the long run's two hundred."""
    path = tmp_path / "shipmate.db"
    seed = int(os.environ.get("SHIPMATE_KILL_SEED", "1")) + batch
    chance = random.Random(seed)
    acknowledged: list[list[str]] = []
    for run in range(20):
        acknowledged += killed_run(path, run, chance.uniform(0, LONGEST_LIFE_S))
        assert_whole(path, acknowledged)
    sys.stdout.write(f"20 kills with seed {seed}: {len(acknowledged)} acknowledgements, none lost\n")
    asyncio.run(one_more_turn(path))
    assert_whole(path, acknowledged)


async def one_more_turn(path: Path) -> None:
    store = SqliteStore.open(path)
    await store.open_turn(opening("after"))
    await store.close_turn(closing("after"))
    await store.close()
