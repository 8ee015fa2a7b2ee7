"""The table of access keys: who may sign administrative requests, and what for.

Secrets arrive and leave sealed. Knows neither policies nor signatures.
"""

import msgspec

from poolhouse.storage.database import Batch, Database

TOPIC = "access_keys"
"""Notices carry the key id whose row changed."""


class AccessKeyRow(msgspec.Struct, frozen=True, array_like=True):
    """One access key; times are epoch milliseconds."""

    key_id: str
    principal: str
    policy: str
    created_at: int
    disabled_at: int | None


class SealedAccessKeyRow(msgspec.Struct, frozen=True, array_like=True):
    """What verifying a signature needs of a key."""

    secret: bytes
    principal: str
    policy: str
    disabled_at: int | None


def insert_access_key(batch: Batch, row: AccessKeyRow, sealed_secret: bytes) -> None:
    """Add a key. Its id is drawn at random and never used again."""
    batch.add(
        "INSERT INTO access_keys (key_id, secret, principal, policy, created_at) VALUES (?, ?, ?, ?, ?)",
        row.key_id,
        sealed_secret,
        row.principal,
        row.policy,
        row.created_at,
    )


def disable_access_key(batch: Batch, key_id: str, now_ms: int, *, unknown: Exception) -> None:
    """Disable a key on every node; one already disabled keeps its time. `unknown` is raised if there is none."""
    batch.add(
        "UPDATE access_keys SET disabled_at = COALESCE(disabled_at, ?) WHERE key_id = ?",
        now_ms,
        key_id,
        expect=1,
        refusal=unknown,
    )
    batch.notify(TOPIC, key_id)


async def find_access_key(database: Database, key_id: str) -> SealedAccessKeyRow | None:
    """The key of that id, disabled or not."""
    row = await database.fetch_row(
        "SELECT secret, principal, policy, disabled_at FROM access_keys WHERE key_id = ?", key_id
    )
    return None if row is None else msgspec.convert(tuple(row), SealedAccessKeyRow)


async def list_access_keys(database: Database, after: str, limit: int) -> list[AccessKeyRow]:
    """Keys in order of their ids, from the first one past `after` (empty: from the beginning)."""
    rows = await database.fetch(
        "SELECT key_id, principal, policy, created_at, disabled_at FROM access_keys"
        " WHERE key_id > ? ORDER BY key_id LIMIT ?",
        after,
        limit,
    )
    return [msgspec.convert(tuple(row), AccessKeyRow) for row in rows]
