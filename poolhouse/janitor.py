"""Removes what has served its time: expired sessions, spent tokens, old failures, old audit events.

Owns retention. Every node may run it at once: a deletion twice changes nothing.
"""

import asyncio
import random
from collections.abc import Callable

from poolhouse.storage import Batch, Database, StorageError
from poolhouse.telemetry.log import get_logger

log = get_logger(__name__)

INTERVAL_SECONDS = 300.0
_DAY_MS = 86_400_000


def _deletions(now: int, audit_days: int) -> list[tuple[str, int]]:
    """What to delete, and the time (epoch milliseconds) before which it is too old."""
    return [
        # A day longer than the refresh token lives: the longest access token may have been its last.
        ("DELETE FROM sessions WHERE expires_at < ?", now - _DAY_MS),
        ("DELETE FROM spent WHERE expires_at < ?", now),
        ("DELETE FROM attempts WHERE last_failed_at < ?", now - _DAY_MS),
        ("DELETE FROM codes WHERE expires_at < ?", now - _DAY_MS),
        ("DELETE FROM quotas WHERE window_start < ?", now - _DAY_MS),
        ("DELETE FROM audit WHERE at < ?", now - audit_days * _DAY_MS),
    ]


async def tidy(database: Database, now: int, audit_days: int) -> None:
    """Delete once what is too old at `now` (epoch milliseconds)."""
    for sql, before in _deletions(now, audit_days):
        batch = Batch()
        batch.add(sql, before)
        await database.commit(batch)


async def tidy_forever(database: Database, clock: Callable[[], float], chance: random.Random, audit_days: int) -> None:
    """Tidy every few minutes, at times that differ between nodes."""
    while True:
        await asyncio.sleep(INTERVAL_SECONDS * (0.5 + chance.random()))
        try:
            await tidy(database, int(clock() * 1000), audit_days)
        except StorageError as error:
            log.warning("tidying_postponed", error=str(error))
