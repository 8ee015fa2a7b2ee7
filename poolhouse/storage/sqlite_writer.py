"""The writing side of an SQLite file: group commit, whose slow half waits on a thread of its own.

What waits in one round of the event loop goes into one transaction. Its statements run on the loop: they take
microseconds, and a thread that wanted the interpreter back after each of them would hold the file's write lock while it
waits. COMMIT, which waits for the disk, runs on the thread, and so does work that is large. Knows no table but
`notices`. (docs/decisions/0007-sqlite-writes-on-the-loop.md)
"""

import asyncio
import os
import queue
import sqlite3
import threading
import time
from contextlib import suppress

from poolhouse.storage.database import Batch, StorageError, Unavailable
from poolhouse.storage.sqlite_turn import WriteTurn
from poolhouse.telemetry.log import get_logger

log = get_logger(__name__)

BUSY_SECONDS = 5.0
"""How long a write waits for another process's transaction before it is refused."""
RETRY_SECONDS = 0.001
GROUP_LIMIT = 64
"""Batches in one transaction: bounds how long the loop is held, and is more than a second core can bring."""
NOTICE_KEEP_MS = 600_000

_UNWRITABLE = (
    *(sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError),
    *(OverflowError, UnicodeError),
)
"""What a batch's own values or statements are refused with: the fault of that batch, not of those beside it."""

_Job = tuple[Batch, "asyncio.Future[None]"]
Outcomes = list[Exception | None]
"""For each batch what it raised."""


class _Group:
    """What is written in one transaction. `outcomes` is there once the statements have run."""

    __slots__ = ("jobs", "outcomes")

    def __init__(self, jobs: list[_Job]) -> None:
        self.jobs = jobs
        self.outcomes: Outcomes | None = None

    @property
    def batches(self) -> list[Batch]:
        return [batch for batch, _ in self.jobs]


class Writer:
    """The one connection of a process that writes."""

    def __init__(
        self, path: str, connection: sqlite3.Connection, turn: WriteTurn, loop: asyncio.AbstractEventLoop
    ) -> None:
        """`connection` is to the file at `path`, and becomes the writer's own; nothing on it waits for locks by itself.

        Raises OSError when there is no such file.
        """
        connection.execute("PRAGMA busy_timeout=0")
        self._path = path
        self._file = _identity(path)
        self._connection = connection
        self._turn = turn
        self._loop = loop
        self._waiting: list[_Job] = []
        self._busy = False
        self._scheduled = False
        self._refused_from: float | None = None
        self._closing: asyncio.Future[None] | None = None
        self._groups: queue.SimpleQueue[_Group | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._finish_forever, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def commit(self, batch: Batch) -> None:
        """Make the batch durable, or raise its refusal. Raises Unavailable."""
        if self._closing is not None:
            raise Unavailable("the database is closed")
        done: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((batch, done))
        # The loop cannot answer anyone before this round of callbacks is over, so the round's commits go together.
        self._schedule()
        # A caller that gives up cancels its own waiting only: the batch is written all the same.
        await done

    async def close(self) -> None:
        """Finish what was accepted and end the thread."""
        if self._closing is None:
            self._closing = self._loop.create_future()
            self._tell_when_quiet()
        await self._closing
        self._groups.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()
        self._turn.close()

    # -- on the loop ------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if not self._scheduled and not self._busy:
            self._scheduled = True
            self._loop.call_soon(self._start)

    def _start(self) -> None:
        """Begin a transaction with what waits, or try again shortly while another process writes."""
        self._scheduled = False
        if self._busy or not self._waiting:
            return
        try:
            begun = self._begin()
        except (sqlite3.Error, OSError) as error:
            self._give_up(str(error))
            return
        if begun:
            self._run()
        elif self._has_waited_long():
            self._give_up("another process keeps the database locked")
        else:
            self._scheduled = True
            self._loop.call_later(RETRY_SECONDS, self._start)

    def _begin(self) -> bool:
        """Take the turn, and SQLite's own lock, which a program that takes no turns may hold.

        Raises sqlite3.Error; OSError where the file system has no locks, or no longer the file.
        """
        if not self._turn.take():
            return False
        try:
            self._require_file()
            self._connection.execute("BEGIN IMMEDIATE")
        except (sqlite3.Error, OSError) as error:
            self._turn.give()
            # Only what SQLite itself says has a code.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                return False
            raise
        self._refused_from = None
        return True

    def _require_file(self) -> None:
        """Raise OSError unless the file is still the one: what went into another would be lost with the next start."""
        if _identity(self._path) != self._file:
            raise OSError(f"{self._path} was replaced")

    def _run(self) -> None:
        group = _Group(self._waiting[:GROUP_LIMIT])
        del self._waiting[:GROUP_LIMIT]
        self._busy = True
        if not any(batch.large for batch in group.batches):
            group.outcomes = _run_all(self._connection, group.batches)
        self._groups.put(group)

    def _has_waited_long(self) -> bool:
        now = time.monotonic()
        if self._refused_from is None:
            self._refused_from = now + BUSY_SECONDS
        return now >= self._refused_from

    def _give_up(self, reason: str) -> None:
        """Refuse all that waits."""
        self._turn.forgo()
        self._refused_from = None
        refused, self._waiting = self._waiting, []
        _answer(refused, _failed(Unavailable(reason), len(refused)))
        self._tell_when_quiet()

    def _settle(self, group: _Group) -> None:
        assert group.outcomes is not None
        self._busy = False
        if self._waiting:
            self._schedule()
        _answer(group.jobs, group.outcomes)
        self._tell_when_quiet()

    def _tell_when_quiet(self) -> None:
        if self._closing is not None and not self._closing.done() and not self._busy and not self._waiting:
            self._closing.set_result(None)

    # -- on the thread ----------------------------------------------------------------------------------------

    def _finish_forever(self) -> None:
        while (group := self._groups.get()) is not None:
            self._finish(group)
            self._turn.give()
            with suppress(RuntimeError):  # the loop is gone: nobody waits any more
                self._loop.call_soon_threadsafe(self._settle, group)

    def _finish(self, group: _Group) -> None:
        connection = self._connection
        if group.outcomes is None:
            group.outcomes = _run_all(connection, group.batches)
        try:
            if connection.in_transaction:
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            _undo(connection)
            group.outcomes = _failed(error, len(group.jobs))


def _identity(path: str) -> tuple[int, int]:
    """Which file it is that the path names."""
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _answer(jobs: list[_Job], outcomes: Outcomes) -> None:
    for (_, done), outcome in zip(jobs, outcomes, strict=True):
        if done.done():
            continue
        if outcome is None:
            done.set_result(None)
        else:
            done.set_exception(outcome)


def _run_all(connection: sqlite3.Connection, batches: list[Batch]) -> Outcomes:
    """Run the batches in the open transaction, each whole or not at all, in their order.

    Hardly any group has a batch that is refused, so they run at first without the savepoints that could undo one alone.
    """
    try:
        for batch in batches:
            refusal = _run_batch(connection, batch)
            if refusal is not None:
                break
        else:
            return [None] * len(batches)
        connection.execute("ROLLBACK")
        connection.execute("BEGIN IMMEDIATE")
        if len(batches) == 1:
            return [refusal]
        return [_run_in_savepoint(connection, batch) for batch in batches]
    except Exception as error:  # noqa: BLE001 - the boundary: whatever fails, nobody is left waiting for an outcome
        _undo(connection)
        return _failed(error, len(batches))


def _failed(error: Exception, batches: int) -> Outcomes:
    """What each batch of a transaction that came to nothing raises.

    The refused ones too: what they were refused for may have been in the others.
    """
    log.error("commit_failed", error=str(error), batches=batches)
    return [Unavailable(str(error)) for _ in range(batches)]


def _run_in_savepoint(connection: sqlite3.Connection, batch: Batch) -> Exception | None:
    connection.execute("SAVEPOINT batch")
    refusal = _run_batch(connection, batch)
    if refusal is not None:
        connection.execute("ROLLBACK TO batch")
    connection.execute("RELEASE batch")
    return refusal


def _run_batch(connection: sqlite3.Connection, batch: Batch) -> Exception | None:
    for statement in batch.statements:
        try:
            cursor = connection.execute(statement.sql, statement.args)
        except _UNWRITABLE as error:
            return StorageError(f"a write was refused: {error}")
        if statement.expect is not None and cursor.rowcount != statement.expect:
            return statement.refusal
    if batch.notices:
        now = int(time.time() * 1000)
        for topic, key in batch.notices:
            connection.execute("INSERT INTO notices (topic, key, at) VALUES (?, ?, ?)", (topic, key, now))
        connection.execute("DELETE FROM notices WHERE at < ?", (now - NOTICE_KEEP_MS,))
    return None


def _undo(connection: sqlite3.Connection) -> None:
    # A full disk can end the transaction by itself; then there is nothing left to undo.
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
