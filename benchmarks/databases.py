"""The two databases to measure on, each new and as durable as in production, and the quick way to fill them.

Owns the bulk load and what the database server itself costs. Knows no user.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, Protocol

import asyncpg
import psutil

from benchmarks.people import Rows
from tests.postgresql import find_binary, start_cluster

Name = Literal["sqlite", "postgresql"]
TITLES: dict[Name, str] = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


class Storage(Protocol):
    """A database that a server can be started on."""

    name: Name
    url: str

    def load(self, portion: Sequence[Rows]) -> None:
        """Write rows past the server."""
        ...

    def settle(self) -> None:
        """Do now what the database would otherwise do in the background after a load."""
        ...

    def processes(self) -> list[psutil.Process]:
        """The processes of a database server of its own."""
        ...

    def cpu(self) -> float:
        """CPU seconds that a database server of its own has used so far; 0 where the database is a library."""
        ...


class Sqlite(Storage):
    """A file."""

    name: Name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._path = folder / "poolhouse.db"
        self.url = f"sqlite:///{self._path}"

    def load(self, portion: Sequence[Rows]) -> None:
        with contextlib.closing(sqlite3.connect(self._path, timeout=60, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("PRAGMA cache_size=-400000")
            connection.execute("BEGIN IMMEDIATE")
            for rows in portion:
                connection.executemany(rows.sql, rows.values)
            connection.execute("COMMIT")

    def settle(self) -> None:
        with contextlib.closing(sqlite3.connect(self._path, timeout=60)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def processes(self) -> list[psutil.Process]:
        return []

    def cpu(self) -> float:
        return 0.0


class Postgresql(Storage):
    """A server of its own."""

    name: Name = "postgresql"

    def __init__(self, url: str, postmaster: psutil.Process) -> None:
        self.url = url
        self._postmaster = postmaster

    def load(self, portion: Sequence[Rows]) -> None:
        asyncio.run(self._copy(portion))

    def settle(self) -> None:
        asyncio.run(self._run("VACUUM (ANALYZE)", "CHECKPOINT"))

    def processes(self) -> list[psutil.Process]:
        return [self._postmaster, *self._postmaster.children(recursive=True)]

    def cpu(self) -> float:
        total = 0.0
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    async def _copy(self, portion: Sequence[Rows]) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            for rows in portion:
                await connection.copy_records_to_table(rows.table, records=rows.values, columns=list(rows.columns))
        finally:
            await connection.close()

    async def _run(self, *commands: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            for command in commands:
                await connection.execute(command, timeout=300)
        finally:
            await connection.close()


@contextlib.contextmanager
def open_storage(name: Name, folder: Path) -> Iterator[Storage]:
    """A new database in `folder`, gone from memory at the end."""
    folder.mkdir(parents=True)
    if name == "sqlite":
        yield Sqlite(folder)
        return
    with start_cluster(folder, durable=True) as cluster:
        url = cluster.create_database("poolhouse")
        yield Postgresql(url, _postmaster(folder / "data"))


def available(name: Name) -> bool:
    """Whether this machine has the database."""
    return name == "sqlite" or find_binary("initdb") is not None


def _postmaster(data: Path) -> psutil.Process:
    return psutil.Process(int((data / "postmaster.pid").read_text().splitlines()[0]))
