"""PostgreSQL as a database of ours: held connections, prepared statements, a batch in one round trip.

A batch becomes one statement: each write a data-modifying CTE, the guards in the final SELECT. The server runs it
atomically and the client pays one round trip for a whole commit. Knows no table.
"""

import asyncio
import json
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from poolhouse.storage.database import (
    Batch,
    Database,
    DialectName,
    Incompatible,
    Listener,
    Row,
    StorageError,
    Unavailable,
    Value,
    follow,
)
from poolhouse.storage.dialect import numbered
from poolhouse.storage.migrate import check_known, load_migrations
from poolhouse.telemetry.log import get_logger

log = get_logger(__name__)

CONNECTIONS = 8
CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 30.0
WAIT_SECONDS = 10.0
"""How long a request waits for a free connection before it is refused."""
STATEMENTS = 512
"""Prepared statements kept on each connection."""
LOCK_SECONDS = 5.0
"""How long a write waits for somebody's lock: longer, and all held connections could be waiting."""
HEARTBEAT_SECONDS = 0.25
MIGRATION_LOCK = 0x506F6F6C
CHANNEL = "poolhouse"
GUARD_FAILED = "PH001"

_Gone = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

_CANNOT_SERVE = ("08", "25006", "53", "57", "58")
"""Beginnings of SQLSTATE that say nothing of the statement: connection, no writes here, resources, operator, system."""


class _Connection:
    """One held connection and the statements prepared on it."""

    __slots__ = ("raw", "statements")

    def __init__(self, raw: "asyncpg.Connection[Any]") -> None:
        self.raw = raw
        self.statements: OrderedDict[str, PreparedStatement[Any]] = OrderedDict()

    async def prepare(self, sql: str) -> "PreparedStatement[Any]":
        """Prepare what is not yet prepared; placeholders are `?` or already numbered."""
        statement = await self.raw.prepare(numbered(sql))
        self.statements[sql] = statement
        if len(self.statements) > STATEMENTS:
            self.statements.popitem(last=False)
        return statement


class PostgresDatabase(Database):
    """A PostgreSQL database, shared by any number of nodes."""

    dialect: DialectName = "postgresql"

    def __init__(self, url: str, *, connections: int = CONNECTIONS) -> None:
        self._url = url
        self._limit = connections
        self._open = 0
        self._idle: list[_Connection] = []
        self._waiting: OrderedDict[asyncio.Future[None], None] = OrderedDict()
        self._listeners: list[Listener] = []
        self._feed: asyncio.Task[None] | None = None
        self._fed_at = -math.inf
        self._closed = False

    async def ping(self) -> None:
        """Raise Unavailable unless the database answers."""
        await self.fetch_row("SELECT 1")

    # The next three hold their connection without a context manager: it would be a tenth of a read's cost.

    async def fetch(self, sql: str, *args: Value) -> list[Row]:
        connection = self._take_idle() or await self._acquire()
        try:
            statement = connection.statements.get(sql) or await connection.prepare(sql)
            rows: list[Row] = await statement.fetch(*args)
        except BaseException as error:
            gone = self._let_go(connection, error)
            if gone is None:
                raise
            raise gone from error
        self._release(connection)
        return rows

    async def fetch_row(self, sql: str, *args: Value) -> Row | None:
        connection = self._take_idle() or await self._acquire()
        try:
            statement = connection.statements.get(sql) or await connection.prepare(sql)
            row: Row | None = await statement.fetchrow(*args)
        except BaseException as error:
            gone = self._let_go(connection, error)
            if gone is None:
                raise
            raise gone from error
        self._release(connection)
        return row

    async def scan(self, sql: str, *args: Value) -> list[Row]:
        return await self.fetch(sql, *args)

    async def commit(self, batch: Batch) -> None:
        if not batch.statements and not batch.notices:
            follow(batch, self._listeners)
            return
        sql, args = _compose(batch)
        connection = self._take_idle() or await self._acquire()
        try:
            statement = connection.statements.get(sql) or await connection.prepare(sql)
            await statement.fetchrow(*args)
        except BaseException as error:
            gone = self._let_go(connection, error)
            if gone is not None:
                raise gone from error
            if isinstance(error, asyncpg.PostgresError):
                raise _refusal(batch, error) from error
            raise
        self._release(connection)
        follow(batch, self._listeners)

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)
        if self._feed is None:
            self._feed = asyncio.get_running_loop().create_task(self._follow())

    def feed_age(self) -> float:
        return time.monotonic() - self._fed_at

    async def migrate(self) -> list[int]:
        async with self._connection() as connection:
            try:
                return await _migrate(connection.raw)
            except asyncpg.PostgresError as error:
                raise Incompatible(f"the schema could not be brought up to date: {error}") from error

    async def close(self) -> None:
        self._closed = True
        if self._feed is not None:
            self._feed.cancel()
            with suppress(asyncio.CancelledError):
                await self._feed
        for connection in self._idle:
            with suppress(*_Gone):
                await connection.raw.close(timeout=2)
        self._idle.clear()

    def _tell(self, topic: str, key: str) -> None:
        for listener in self._listeners:
            listener(topic, key)

    # -- held connections -------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[_Connection]:
        connection = self._take_idle() or await self._acquire()
        try:
            yield connection
        except BaseException as error:
            gone = self._let_go(connection, error)
            if gone is None:
                raise
            raise gone from error
        self._release(connection)

    def _let_go(self, connection: _Connection, error: BaseException) -> Unavailable | None:
        """Give back or drop the connection on which `error` arose; returns what it means where it means that."""
        if isinstance(error, _Gone):
            self._drop(connection)
            return Unavailable(f"the database went away: {error}")
        if isinstance(error, asyncio.CancelledError):
            # The protocol may be in the middle of an answer: this connection cannot be used again.
            self._drop(connection)
            return None
        if isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith(_CANNOT_SERVE):
            self._drop(connection)
            return Unavailable(f"the database cannot serve: {error}")
        self._release(connection)
        return None

    def _take_idle(self) -> _Connection | None:
        """An idle connection that still lives; those that the server has closed meanwhile are forgotten."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.raw.is_closed():
                return connection
            self._open -= 1
        return None

    async def _acquire(self) -> _Connection:
        if self._closed:
            raise Unavailable("the database is closed")
        while self._open >= self._limit and not self._idle:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting[turn] = None
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await turn
            except BaseException as error:
                if turn.done() and not turn.cancelled():
                    self._wake_one()  # the turn that this caller will not take is another's
                if isinstance(error, TimeoutError):
                    raise Unavailable("all database connections are busy") from error
                raise
            finally:
                self._waiting.pop(turn, None)
        idle = self._take_idle()
        if idle is not None:
            return idle
        self._open += 1
        try:
            return _Connection(await _connect(self._url))
        except BaseException:
            self._open -= 1
            self._wake_one()
            raise

    def _release(self, connection: _Connection) -> None:
        if connection.raw.is_closed():
            self._open -= 1
        else:
            self._idle.append(connection)
        self._wake_one()

    def _drop(self, connection: _Connection) -> None:
        self._open -= 1
        connection.raw.terminate()
        self._wake_one()

    def _wake_one(self) -> None:
        for turn in self._waiting:
            if not turn.done():
                turn.set_result(None)
                return

    # -- notices of every node --------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while not self._closed:
            try:
                await self._listen_once()
            except (Unavailable, *_Gone, asyncpg.PostgresError) as error:
                log.warning("notices_interrupted", error=str(error))
                self._fed_at = -math.inf
                await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _listen_once(self) -> None:
        raw = await _connect(self._url)
        try:
            await raw.add_listener(CHANNEL, self._on_notice)
            # What was said while nobody listened is unknown: everything held is stale.
            self._tell("", "")
            while True:
                asked = time.monotonic()
                # A notice committed before this answer has been delivered on this connection before it.
                await raw.fetchval("SELECT 1", timeout=1)
                self._fed_at = asked
                await asyncio.sleep(HEARTBEAT_SECONDS)
        finally:
            raw.terminate()

    def _on_notice(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        topic, _, key = str(payload).partition(" ")
        self._tell(topic, key)


async def _connect(url: str) -> "asyncpg.Connection[Any]":
    try:
        return await asyncpg.connect(
            url,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            statement_cache_size=0,
            server_settings={
                "application_name": "poolhouse",
                "jit": "off",
                "lock_timeout": str(int(LOCK_SECONDS * 1000)),
            },
        )
    except ValueError as error:
        # Its text quotes the URL's parts, and one of them is a password.
        raise Unavailable("cannot connect to PostgreSQL: the database's URL cannot be read") from error
    except (*_Gone, asyncpg.PostgresError) as error:
        raise Unavailable(f"cannot connect to PostgreSQL: {error or type(error).__name__}") from error


_composed: dict[tuple[tuple[str, int | None], ...], str] = {}


def _compose(batch: Batch) -> tuple[str, list[Value]]:
    """The batch as one statement, and its arguments in order."""
    shape = tuple((statement.sql, statement.expect) for statement in batch.statements)
    if batch.notices:
        shape += (("notify", None),)
    sql = _composed.get(shape)
    if sql is None:
        if len(_composed) > 2048:
            _composed.clear()
        sql = _composed[shape] = _compose_text(batch)
    args: list[Value] = []
    for statement in batch.statements:
        args.extend(statement.args)
    if batch.notices:
        args.append(json.dumps([f"{topic} {key}" for topic, key in batch.notices]))
    return sql, args


def _compose_text(batch: Batch) -> str:
    parts: list[str] = []
    checks: list[str] = []
    first = 1
    for place, statement in enumerate(batch.statements):
        parts.append(f"w{place} AS ({numbered(statement.sql, first)} RETURNING 1)")
        first += statement.sql.count("?")
        if statement.expect is not None:
            checks.append(f"poolhouse_expect((SELECT count(*) FROM w{place}), {statement.expect}, {place})")
    if batch.notices:
        checks.append(
            f"(SELECT count(pg_notify('{CHANNEL}', n)) FROM json_array_elements_text(${first}::text::json) AS n)"
        )
    head = f"WITH {', '.join(parts)} " if parts else ""
    return f"{head}SELECT {', '.join(checks) or '1'}"


def _refusal(batch: Batch, error: asyncpg.PostgresError) -> Exception:
    if error.sqlstate == GUARD_FAILED:
        refusal = batch.statements[int(str(error.args[0]))].refusal
        if refusal is not None:
            return refusal
    if error.sqlstate in ("40001", "40P01", "55P03"):
        return Unavailable(f"the database asked to try again: {error}")
    return StorageError(f"a write was refused: {error}")


async def _migrate(connection: "asyncpg.Connection[Any]") -> list[int]:
    async with connection.transaction():
        # The lock makes simultaneous starts take turns, however long one takes; the second finds the work done.
        await connection.execute("SET LOCAL lock_timeout = 0")
        await connection.execute(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT PRIMARY KEY, applied_at BIGINT)"
        )
        applied = {row[0] for row in await connection.fetch("SELECT version FROM schema_versions")}
        migrations = load_migrations("postgresql")
        check_known(applied, migrations)
        fresh = [migration for migration in migrations if migration.version not in applied]
        for migration in fresh:
            for statement in migration.statements:
                await connection.execute(statement)
            await connection.execute(
                "INSERT INTO schema_versions (version, applied_at) VALUES ($1, $2)",
                migration.version,
                int(time.time() * 1000),
            )
    return [migration.version for migration in fresh]
