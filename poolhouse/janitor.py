"""Removes what has served its time: expired sessions, spent tokens, old failures, old audit events.

Owns retention. Every node may run it at once: a deletion twice changes nothing. It may have a backlog of millions, so
it works in portions that others' commits go between.
"""

import asyncio
import random
from collections.abc import Callable

from poolhouse.storage import Batch, Database, StorageError
from poolhouse.storage.aged import ATTEMPTS, AUDIT, CODES, QUOTAS, SESSIONS, SPENT, AgedTable
from poolhouse.telemetry.log import get_logger

log = get_logger(__name__)

INTERVAL_SECONDS = 300.0
_DAY_MS = 86_400_000


def _bounds(now: int, audit_days: int) -> list[tuple[AgedTable, int]]:
    """What to delete from, and the time (epoch milliseconds) before which it is too old."""
    return [
        # A day longer than the refresh token lives: the longest access token may have been its last.
        (SESSIONS, now - _DAY_MS),
        (SPENT, now),
        (ATTEMPTS, now - _DAY_MS),
        (CODES, now - _DAY_MS),
        (QUOTAS, now - _DAY_MS),
        (AUDIT, now - audit_days * _DAY_MS),
    ]


async def tidy(database: Database, now: int, audit_days: int) -> None:
    """Delete what is too old at `now` (epoch milliseconds), in portions, until nothing of it is left."""
    for table, bound in _bounds(now, audit_days):
        while await table.has_before(database, bound):
            batch = Batch()
            table.delete_before(batch, bound)
            await database.commit(batch)


async def tidy_forever(database: Database, clock: Callable[[], float], chance: random.Random, audit_days: int) -> None:
    """Tidy every few minutes, at times that differ between nodes."""
    while True:
        await asyncio.sleep(INTERVAL_SECONDS * (0.5 + chance.random()))
        try:
            await tidy(database, int(clock() * 1000), audit_days)
        except StorageError as error:
            log.warning("tidying_postponed", error=str(error))
