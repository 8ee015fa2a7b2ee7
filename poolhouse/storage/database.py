"""What every database of ours can do: read rows, commit a batch, and tell when another node changed something.

Owns the contract that SQLite and PostgreSQL both keep (tests/storage proves it on each). Knows no table.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

Value = str | int | float | bytes | None
Row = Sequence[Any]
"""Columns as the database gives them; a repository turns them into a typed record at once."""
DialectName = Literal["sqlite", "postgresql"]
Listener = Callable[[str, str], None]
"""Called on the event loop with (topic, key) after a commit that carried the notice, on every node."""

MAX_NOTICE_BYTES = 4000
"""PostgreSQL refuses NOTIFY payloads of 8000 bytes and more."""


class StorageError(Exception):
    """Base of what a database can answer instead of a result."""


class Unavailable(StorageError):
    """The database did not take the work: away, locked, full or broken. Nothing was promised; try again."""


class Incompatible(StorageError):
    """The schema is newer than this release, or damaged; the text says what to do."""


class Statement:
    """One write: its SQL with `?` placeholders, and how many rows it must touch."""

    __slots__ = ("args", "expect", "refusal", "sql")

    def __init__(self, sql: str, args: tuple[Value, ...], expect: int | None, refusal: Exception | None) -> None:
        self.sql = sql
        self.args = args
        self.expect = expect
        self.refusal = refusal


class Batch:
    """Writes that commit together or not at all.

    The statements must not depend on one another's effects and no two may touch the same row: PostgreSQL
    runs them as one statement over one snapshot, which is what makes a commit a single round trip.
    A statement with `expect` that touches another number of rows undoes the whole batch and raises its `refusal`;
    with several such statements the first one in order decides. That is the only read-then-write there is:
    the database compares and swaps, never the operation.
    """

    __slots__ = ("followers", "large", "notices", "statements")

    def __init__(self, *, large: bool = False) -> None:
        """`large` is for writes of so many rows that nothing else of this process should wait while they run."""
        self.large = large
        self.statements: list[Statement] = []
        self.notices: list[tuple[str, str]] = []
        self.followers: list[Callable[[], None]] = []

    def add(self, sql: str, *args: Value, expect: int | None = None, refusal: Exception | None = None) -> None:
        """Append a write. `refusal` is raised, as it is, when the number of touched rows is not `expect`."""
        if (expect is None) != (refusal is None):
            raise ValueError("a guard needs both: the rows expected and what to raise")
        self.statements.append(Statement(sql, args, expect, refusal))

    def notify(self, topic: str, key: str) -> None:
        """Tell every node, after the commit, that what it may hold of `key` is stale."""
        if len(topic) + len(key.encode()) + 1 > MAX_NOTICE_BYTES:
            raise ValueError("a notice is an id, not a document")
        self.notices.append((topic, key))

    def then(self, follower: Callable[[], None]) -> None:
        """Call `follower` on this node when the batch is durable; it must be quick and must not fail."""
        self.followers.append(follower)


def follow(batch: Batch, listeners: Sequence[Listener]) -> None:
    """Tell this node's listeners and followers that the batch is durable."""
    for topic, key in batch.notices:
        for listener in listeners:
            listener(topic, key)
    for follower in batch.followers:
        follower()


class Database(Protocol):
    """An open database. All methods raise Unavailable when it cannot serve."""

    dialect: DialectName

    async def fetch(self, sql: str, *args: Value) -> list[Row]:
        """Rows of a short, indexed read."""
        ...

    async def fetch_row(self, sql: str, *args: Value) -> Row | None:
        """The first row of a short, indexed read."""
        ...

    async def scan(self, sql: str, *args: Value) -> list[Row]:
        """Rows of a read that may take long (counts, reports): never blocks other requests."""
        ...

    async def commit(self, batch: Batch) -> None:
        """Make the batch durable, or raise its refusal. When this returns, a crash loses nothing of it."""
        ...

    def listen(self, listener: Listener) -> None:
        """Call `listener` for each notice of every node. An empty key means: drop all you hold of the topic."""
        ...

    def feed_age(self) -> float:
        """Seconds since it was last certain that no notice of another node is outstanding; inf when unknown."""
        ...

    async def migrate(self) -> list[int]:
        """Bring the schema up to this release; safe when several nodes start at once. Returns what was applied."""
        ...

    async def close(self) -> None:
        """Finish what was accepted and let go."""
        ...
