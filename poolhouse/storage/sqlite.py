"""SQLite as a database of ours: WAL, full durability, reads on the loop, one writer.

A read by index takes microseconds and never waits for the writer, so it runs where it is asked for; whatever may
take long goes to a reader thread. How it is written: sqlite_writer. Knows no table but `notices`.
"""

import asyncio
import math
import os
import sqlite3
import time
from pathlib import Path

from poolhouse.storage.database import (
    Batch,
    Database,
    DialectName,
    Listener,
    Row,
    Unavailable,
    Value,
    follow,
)
from poolhouse.storage.migrate import Migration, check_known, load_migrations
from poolhouse.storage.sqlite_turn import WriteTurn
from poolhouse.storage.sqlite_writer import BUSY_SECONDS, Writer
from poolhouse.telemetry.log import get_logger

log = get_logger(__name__)

FEED_SECONDS = 0.1
"""How often a process looks for the notices of others."""
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
        self._closed = False
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            # The file holds password verifiers: nobody but its owner may read it, from its first byte on.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._reader = _connect(path)
            self._scanner = _connect(path, SCAN_CACHE_KIB)
            self._writer = Writer(path, _connect(path), WriteTurn(path), self._loop)
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(f"cannot open {path}: {error}") from error
        self._scan_lock = asyncio.Lock()
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
        await self._writer.commit(batch)
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
        await self._writer.close()
        self._reader.close()
        self._scanner.close()

    def _tell(self, topic: str, key: str) -> None:
        for listener in self._listeners:
            listener(topic, key)

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
