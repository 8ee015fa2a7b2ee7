"""What a deleted pool leaves behind: which pools those are, and the removal of their rows in portions.

A pool's id is never used again, so its rows are nobody's. Knows nothing of pools that exist.
"""

from msgspec import Struct

from poolhouse.storage.aged import PORTION
from poolhouse.storage.database import Batch, Database


class _OwnedTable(Struct, frozen=True):
    """A table of rows that belong to pools, with its key's columns."""

    name: str
    key: str


_OWNED = (
    _OwnedTable("users", "pool_id, user_id"),
    _OwnedTable("aliases", "pool_id, alias"),
    _OwnedTable("groups", "pool_id, name"),
    _OwnedTable("group_members", "pool_id, group_name, user_id"),
    _OwnedTable("sessions", "pool_id, session_id"),
    _OwnedTable("attempts", "pool_id, subject"),
    _OwnedTable("spent", "pool_id, token_id"),
    _OwnedTable("codes", "pool_id, user_id, purpose"),
    _OwnedTable("quotas", "pool_id, subject, purpose"),
    _OwnedTable("devices", "pool_id, user_id, device_key"),
)
TOPIC = "leftovers"
"""Topic of the notice that a pool was deleted and has left rows behind."""


def note_deleted(batch: Batch, pool_id: str, now: int) -> None:
    """Remember, with the deletion itself, that the pool's rows are still to be removed."""
    batch.add("INSERT INTO deleted_pools (pool_id, deleted_at) VALUES (?, ?) ON CONFLICT DO NOTHING", pool_id, now)
    batch.notify(TOPIC, pool_id)


async def deleted_pools(database: Database) -> list[tuple[str, int]]:
    """Pools that may have left rows behind, and when (epoch milliseconds) they were deleted."""
    rows = await database.scan("SELECT pool_id, deleted_at FROM deleted_pools ORDER BY pool_id")
    return [(str(pool_id), int(deleted_at or 0)) for pool_id, deleted_at in rows]


async def remove_leftovers(database: Database, pool_id: str) -> None:
    """Remove every row of a deleted pool; whoever is interrupted in it is followed by the next."""
    for table in _OWNED:
        portion = f"SELECT {table.key} FROM {table.name} WHERE pool_id = ? LIMIT {PORTION}"
        while await database.scan(f"SELECT 1 FROM {table.name} WHERE pool_id = ? LIMIT 1", pool_id):
            batch = Batch(large=True)
            batch.add(f"DELETE FROM {table.name} WHERE ({table.key}) IN ({portion})", pool_id)
            await database.commit(batch)


def forget_deleted(batch: Batch, pool_id: str) -> None:
    """Nothing of the pool can come any more."""
    batch.add("DELETE FROM deleted_pools WHERE pool_id = ?", pool_id)
