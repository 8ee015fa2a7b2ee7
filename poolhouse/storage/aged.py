"""Rows that grow old: whether a table has some, and their deletion in portions. Knows no times that count as old."""

from msgspec import Struct

from poolhouse.storage.database import Batch, Database

PORTION = 500
"""Rows that one commit deletes at most: SQLite's only writer, and so every sign-in, waits for them."""


class AgedTable(Struct, frozen=True):
    """A table with its key's columns and the indexed column (epoch milliseconds) that tells how old a row is."""

    name: str
    key: str
    age: str

    async def has_before(self, database: Database, bound: int) -> bool:
        """Whether there are rows from before `bound`."""
        rows = await database.scan(f"SELECT 1 FROM {self.name} WHERE {self.age} < ? LIMIT 1", bound)
        return bool(rows)

    def delete_before(self, batch: Batch, bound: int) -> None:
        """Delete a portion of the rows from before `bound`, the oldest first.

        By key, because only the key is an address on both databases. The age is asked for twice: a row that another
        node is just renewing must be looked at again when its lock is released. The plus keeps the planner from
        walking the whole backlog for that second question.
        """
        oldest = f"SELECT {self.key} FROM {self.name} WHERE {self.age} < ? ORDER BY {self.age} LIMIT {PORTION}"
        batch.add(f"DELETE FROM {self.name} WHERE ({self.key}) IN ({oldest}) AND +{self.age} < ?", bound, bound)


SESSIONS = AgedTable("sessions", "pool_id, session_id", "expires_at")
SPENT = AgedTable("spent", "pool_id, token_id", "expires_at")
ATTEMPTS = AgedTable("attempts", "pool_id, subject", "last_failed_at")
CODES = AgedTable("codes", "pool_id, user_id, purpose", "expires_at")
QUOTAS = AgedTable("quotas", "pool_id, subject, purpose", "window_start")
AUDIT = AgedTable("audit", "pool_id, event_id", "at")
