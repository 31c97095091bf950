"""The single writer: one thread owns the connection and commits, in one transaction, all that has queued up."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from shipmate.adapters.sqlite.database import fault, is_locked, roll_back
from shipmate.errors import StorageError

__all__ = ["Effect", "Write", "Writer"]

# Writes that may wait; who brings more waits for a place first.
CAPACITY = 1024
# So long without a write, and the log is brought into the database.
IDLE_S = 1.0


class Effect(StrEnum):
    """What a committed write did."""

    # A first message began its conversation.
    BEGUN = "begun"
    # A message came to a conversation that there was.
    CONTINUED = "continued"
    # A reply came, and brought its conversation up to date.
    CLOSED = "closed"
    # A message and its reply came together to a conversation that there was, and brought it up to date.
    ANSWERED = "answered"
    # It was there already: nothing was changed.
    REPEATED = "repeated"


# Runs in the writer's thread inside a transaction, perhaps twice, but is committed once at the most.
Write = Callable[[sqlite3.Connection], Effect]
# Runs on the event loop, after the commit.
Committed = Callable[[Effect], None]


class Job(NamedTuple):
    """A write, and who waits for it."""

    write: Write
    committed: Committed
    settled: asyncio.Future[None]


class Writer:
    """Commits writes in groups, in the order in which they came, and hands the results back to the event loop.

    A write is queued by the call itself. A thread at rest is woken in the event loop's next pass, once for all that
    was queued until then; a busy one looks at the queue by itself. There is no lingering: a group is what came until
    then, or while the one before was being committed. Should the loop stop for good before that pass, the next write
    or `close` takes the rest along. A write that fails does not harm its neighbours.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        # Set when something was queued that the thread may not have seen.
        self._news = threading.Event()
        # The loop that tells the thread in its next pass. Another one tells it as well: this one may have stopped.
        self._bearer: asyncio.AbstractEventLoop | None = None
        # Who finds the queue full waits in line for a group to be taken from it.
        self._line = asyncio.Lock()
        self._room = asyncio.Event()
        self._late: set[asyncio.Task[None]] = set()
        self._is_closed = False
        # Held while the thread uses the connection.
        self._working = threading.Lock()
        self._version = self._data_version()
        self._others_wrote = False
        self._thread = threading.Thread(target=self._run, name="shipmate-writer", daemon=True)
        self._thread.start()

    def submit(self, write: Write, committed: Committed) -> Awaitable[None]:
        """Queue a write; the result is there after its commit. Where the queue is full, it is queued as places free."""
        if self._queue.qsize() < CAPACITY and not self._late:
            return self._enqueue(write, committed)
        late = asyncio.ensure_future(self._enqueue_late(write, committed))
        self._late.add(late)
        # Who stops waiting does not take the write back.
        return asyncio.shield(late)

    def others_wrote(self) -> bool:
        """Tell whether another process has written since this was asked last; never waits.

        While a group is being committed, the answer is the one of its beginning.
        """
        if self._working.acquire(blocking=False):
            try:
                self._look()
            except sqlite3.Error:
                self._others_wrote = True
            finally:
                self._working.release()
        wrote = self._others_wrote
        self._others_wrote = False
        return wrote

    async def close(self) -> None:
        """Commit what is queued and give the connection back; idempotent."""
        while self._late:
            await asyncio.wait(self._late)
        if not self._is_closed:
            self._is_closed = True
            self._queue.put(None)
            self._tell()
        await asyncio.to_thread(self._thread.join)

    def _enqueue(self, write: Write, committed: Committed) -> asyncio.Future[None]:
        if self._is_closed:
            raise StorageError("the store is closed", do="send it to the server that runs now")
        loop = asyncio.get_running_loop()
        job = Job(write, committed, loop.create_future())
        self._queue.put(job)
        if self._bearer is not loop:
            self._bearer = loop
            loop.call_soon(self._tell)
        return job.settled

    def _tell(self) -> None:
        """Wake the thread: once for many writes, since each time it takes the interpreter away from the loop."""
        self._bearer = None
        self._news.set()

    async def _enqueue_late(self, write: Write, committed: Committed) -> None:
        try:
            async with self._line:
                while self._queue.qsize() >= CAPACITY:
                    self._room.clear()
                    await self._room.wait()
                settled = self._enqueue(write, committed)
        finally:
            self._late.discard(asyncio.current_task())
        await settled

    def _hand_back(self, settled: Sequence[tuple[Job, Effect | Exception]]) -> None:
        self._room.set()
        for job, result in settled:
            if isinstance(result, Effect):
                job.committed(result)
            if job.settled.done():
                continue
            if isinstance(result, Exception):
                job.settled.set_exception(result)
            else:
                job.settled.set_result(None)

    # What follows runs in the writer's thread.

    def _run(self) -> None:
        is_open, has_log = True, False
        while is_open:
            group = self._next_group(IDLE_S if has_log else None)
            jobs = [job for job in group if job]
            is_open = len(jobs) == len(group)
            with self._working:
                results = self._settle(jobs)
                if has_log and not group:
                    self._checkpoint()
            has_log = bool(jobs)
            for loop, settled in groupby(zip(jobs, results, strict=True), key=_loop):
                # On a loop that is closed nobody waits any more.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._hand_back, list(settled))
        # Never given back: there is nothing left to look at.
        self._working.acquire()
        self._connection.close()

    def _next_group(self, wait_s: float | None) -> list[Job | None]:
        """Return all that is queued, waiting for the first; nothing when the time passes."""
        while self._queue.empty():
            if not self._news.wait(wait_s):
                return []
            # Before the next look at the queue: what comes after that look is news again.
            self._news.clear()
        return [self._queue.get_nowait() for _ in range(self._queue.qsize())]

    def _settle(self, jobs: Sequence[Job]) -> list[Effect | Exception]:
        """Commit the jobs as one; if that fails, each by itself, so that only the guilty fail."""
        if not jobs:
            return []
        try:
            return self._commit(jobs)
        except Exception as error:  # noqa: BLE001 - who asked for the write gets its error, whatever it is
            roll_back(self._connection)
            if len(jobs) == 1 or is_locked(error):
                return [fault(error, self._path) for _ in jobs]
        return [result for job in jobs for result in self._settle([job])]

    def _commit(self, jobs: Sequence[Job]) -> list[Effect | Exception]:
        self._connection.execute("BEGIN IMMEDIATE")
        self._look()
        effects: list[Effect | Exception] = [job.write(self._connection) for job in jobs]
        self._connection.execute("COMMIT")
        return effects

    def _look(self) -> None:
        version = self._data_version()
        if version != self._version:
            self._version = version
            self._others_wrote = True

    def _data_version(self) -> int:
        """Return a number that changes when another connection, and only another, has committed."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _checkpoint(self) -> None:
        # What a full disk or a reader keeps from being brought over stays in the log, and is tried again later.
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _loop(settled: tuple[Job, object]) -> asyncio.AbstractEventLoop:
    return settled[0].settled.get_loop()
