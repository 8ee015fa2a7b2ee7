"""SQLite as a database of ours: WAL, full durability, one writer thread with group commit, reads on the loop.

A read by index takes microseconds and never waits for the writer, so it runs where it is asked for; whatever may
take long goes to a reader thread. Knows no table but `notices`.
"""

import asyncio
import math
import os
import queue
import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path

from poolhouse.storage.database import (
    Batch,
    Database,
    DialectName,
    Listener,
    Row,
    StorageError,
    Unavailable,
    Value,
    follow,
)
from poolhouse.storage.migrate import Migration, check_known, load_migrations
from poolhouse.telemetry.log import get_logger

log = get_logger(__name__)

BUSY_SECONDS = 5.0
"""How long a write waits for another process's transaction before it is refused."""
GROUP_LIMIT = 256
"""Batches that one fsync may carry."""
FEED_SECONDS = 0.1
"""How often a process looks for the notices of others."""
NOTICE_KEEP_MS = 600_000

_UNWRITABLE = (
    *(sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError),
    *(OverflowError, UnicodeError),
)
"""What a batch's own values or statements are refused with: the fault of that batch, not of those beside it."""

_Job = tuple[Batch, "asyncio.Future[None]"]


CACHE_KIB = 16_000
SCAN_CACHE_KIB = 2_000


def _connect(path: str, cache_kib: int = CACHE_KIB) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    # No mmap_size: a mapping grows with the file and counts as memory, and moving it costs more than it saves.
    connection.execute(f"PRAGMA cache_size=-{cache_kib}")
    connection.execute("PRAGMA temp_store=MEMORY")
    return connection


class SqliteDatabase(Database):
    """One SQLite file, shared by any number of processes on this machine."""

    dialect: DialectName = "sqlite"

    def __init__(self, path: str) -> None:
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._listeners: list[Listener] = []
        self._jobs: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._waiting: list[_Job] = []
        self._closed = False
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            # The file holds password verifiers: nobody but its owner may read it, from its first byte on.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._reader = _connect(path)
            self._scanner = _connect(path, SCAN_CACHE_KIB)
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(f"cannot open {path}: {error}") from error
        self._scan_lock = asyncio.Lock()
        self._writer = threading.Thread(target=self._write_forever, name="sqlite-writer", daemon=True)
        self._writer.start()
        self._feed: asyncio.Task[None] | None = None
        self._seen_version = -1
        self._seen_notice = 0
        self._fed_at = -math.inf

    async def fetch(self, sql: str, *args: Value) -> list[Row]:
        try:
            return self._reader.execute(sql, args).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(str(error)) from error

    async def fetch_row(self, sql: str, *args: Value) -> Row | None:
        try:
            cursor = self._reader.execute(sql, args)
            row: Row | None = cursor.fetchone()
            # An unfinished cursor would hold its snapshot, and with it the WAL, for as long as it lives.
            cursor.close()
        except sqlite3.Error as error:
            raise Unavailable(str(error)) from error
        return row

    async def scan(self, sql: str, *args: Value) -> list[Row]:
        async with self._scan_lock:
            try:
                return await asyncio.to_thread(lambda: self._scanner.execute(sql, args).fetchall())
            except sqlite3.Error as error:
                raise Unavailable(str(error)) from error

    async def commit(self, batch: Batch) -> None:
        if self._closed:
            raise Unavailable("the database is closed")
        done: asyncio.Future[None] = self._loop.create_future()
        if not self._waiting:
            # The loop cannot answer anyone before this round of callbacks is over, so the round's commits go together:
            # one thread switch and one fsync for all of them.
            self._loop.call_soon(self._hand_over)
        self._waiting.append((batch, done))
        # A caller that gives up cancels its own waiting only: the batch has been handed over, or will be.
        await done
        follow(batch, self._listeners)

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)
        if self._feed is None:
            self._seen_notice = self._newest_notice()
            self._feed = self._loop.create_task(self._follow())

    def feed_age(self) -> float:
        return time.monotonic() - self._fed_at

    async def migrate(self) -> list[int]:
        try:
            return await asyncio.to_thread(self._migrate)
        except sqlite3.Error as error:
            raise Unavailable(f"cannot bring {self._path} up to date: {error}") from error

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._feed is not None:
            self._feed.cancel()
        self._hand_over()
        self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)
        self._reader.close()
        self._scanner.close()

    def _tell(self, topic: str, key: str) -> None:
        for listener in self._listeners:
            listener(topic, key)

    def _hand_over(self) -> None:
        if self._waiting:
            self._jobs.put(self._waiting)
            self._waiting = []

    # -- the writer thread ------------------------------------------------------------------------------------

    def _write_forever(self) -> None:
        connection = _connect(self._path)
        while True:
            group = self._next_group()
            if not group:
                break
            outcomes: list[Exception | None] = []
            for first in range(0, len(group), GROUP_LIMIT):
                outcomes += _commit_group(connection, [batch for batch, _ in group[first : first + GROUP_LIMIT]])
            with suppress(RuntimeError):  # the loop is gone: nobody waits any more
                self._loop.call_soon_threadsafe(_settle, group, outcomes)
        connection.close()

    def _next_group(self) -> list[_Job]:
        """Everything that waits now; empty when the database closes."""
        group: list[_Job] = []
        jobs = self._jobs.get()
        while jobs is not None:
            group += jobs
            try:
                jobs = self._jobs.get_nowait()
            except queue.Empty:
                return group
        if group:
            self._jobs.put(None)
        return group

    # -- notices of other processes ---------------------------------------------------------------------------

    def _newest_notice(self) -> int:
        row = self._reader.execute("SELECT coalesce(max(id), 0) FROM notices").fetchone()
        return int(row[0])

    async def _follow(self) -> None:
        while True:
            try:
                self._read_notices()
                self._fed_at = time.monotonic()
            except sqlite3.Error as error:
                log.warning("notices_unreadable", error=str(error))
            await asyncio.sleep(FEED_SECONDS)

    def _read_notices(self) -> None:
        version = self._reader.execute("PRAGMA data_version").fetchone()[0]
        if version == self._seen_version:
            return
        rows = self._reader.execute(
            "SELECT id, topic, key FROM notices WHERE id > ? ORDER BY id", (self._seen_notice,)
        ).fetchall()
        # Only what has been read counts as seen: a read that failed is made again.
        self._seen_version = version
        if rows and rows[0][0] != self._seen_notice + 1:
            # Stopped for longer than notices are kept: what was said meanwhile is unknown.
            self._tell("", "")
        for notice, topic, key in rows:
            self._seen_notice = notice
            self._tell(topic, key)

    # -- migrations -------------------------------------------------------------------------------------------

    def _migrate(self) -> list[int]:
        connection = _connect(self._path)
        try:
            # The lock makes simultaneous starts take turns; the second finds the work done.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_versions (version INTEGER PRIMARY KEY, applied_at INTEGER)"
            )
            applied = {row[0] for row in connection.execute("SELECT version FROM schema_versions")}
            migrations = load_migrations("sqlite")
            check_known(applied, migrations)
            fresh = [migration for migration in migrations if migration.version not in applied]
            for migration in fresh:
                _apply(connection, migration)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            connection.close()
        return [migration.version for migration in fresh]


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    for statement in migration.statements:
        connection.execute(statement)
    connection.execute(
        "INSERT INTO schema_versions (version, applied_at) VALUES (?, ?)",
        (migration.version, int(time.time() * 1000)),
    )


def _settle(group: list[_Job], outcomes: list[Exception | None]) -> None:
    for (_, done), outcome in zip(group, outcomes, strict=True):
        if done.done():
            continue
        if outcome is None:
            done.set_result(None)
        else:
            done.set_exception(outcome)


def _commit_group(connection: sqlite3.Connection, batches: list[Batch]) -> list[Exception | None]:
    """Run the batches in one transaction, each whole or not at all; returns what each one raised."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        outcomes = _run_all(connection, batches)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        _undo(connection, "ROLLBACK")
        log.error("commit_failed", error=str(error), batches=len(batches))
        return [Unavailable(str(error)) for _ in batches]
    return outcomes


def _run_all(connection: sqlite3.Connection, batches: list[Batch]) -> list[Exception | None]:
    """Run the batches in the open transaction, in their order.

    Hardly any group has a batch that is refused, so they run at first without the savepoints that could undo one alone.
    """
    for batch in batches:
        refusal = _run(connection, batch)
        if refusal is not None:
            break
    else:
        return [None] * len(batches)
    connection.execute("ROLLBACK")
    connection.execute("BEGIN IMMEDIATE")
    if len(batches) == 1:
        return [refusal]
    return [_run_in_savepoint(connection, batch) for batch in batches]


def _run_in_savepoint(connection: sqlite3.Connection, batch: Batch) -> Exception | None:
    connection.execute("SAVEPOINT batch")
    refusal = _run(connection, batch)
    if refusal is not None:
        connection.execute("ROLLBACK TO batch")
    connection.execute("RELEASE batch")
    return refusal


def _run(connection: sqlite3.Connection, batch: Batch) -> Exception | None:
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


def _undo(connection: sqlite3.Connection, command: str) -> None:
    # A full disk can end the transaction by itself; then there is nothing left to undo.
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute(command)
