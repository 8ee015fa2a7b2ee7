"""Removes what has served its time: expired sessions, spent tokens, old failures and audit events, deleted pools' rows.

Owns retention. Every node may run it at once: a deletion twice changes nothing. It may have a backlog of millions, so
it works in portions that others' commits go between.
"""

import asyncio
import random
from collections.abc import Callable

from poolhouse.storage import Batch, Database, StorageError
from poolhouse.storage.aged import ATTEMPTS, AUDIT, CODES, QUOTAS, SESSIONS, SPENT, AgedTable
from poolhouse.storage.leftovers import TOPIC, deleted_pools, forget_deleted, remove_leftovers
from poolhouse.telemetry.log import get_logger

log = get_logger(__name__)

INTERVAL_SECONDS = 300.0
_HOUR_MS = 3_600_000
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
            batch = Batch(large=True)
            table.delete_before(batch, bound)
            await database.commit(batch)


async def clear_leftovers(database: Database, now: int) -> None:
    """Remove what deleted pools have left behind."""
    for pool_id, deleted_at in await deleted_pools(database):
        await remove_leftovers(database, pool_id)
        # A node that had not heard of the deletion may have written for a moment more.
        if now - deleted_at > _HOUR_MS or deleted_at - now > _HOUR_MS:
            batch = Batch()
            forget_deleted(batch, pool_id)
            await database.commit(batch)


async def tidy_forever(database: Database, clock: Callable[[], float], chance: random.Random, audit_days: int) -> None:
    """Tidy every few minutes, at times that differ between nodes; clear up after a deleted pool at once."""
    deleted = asyncio.Event()
    deleted.set()  # a node that was killed while it cleared up has left the rest to whoever starts next

    def on_notice(topic: str, _key: str) -> None:
        if topic in (TOPIC, ""):
            deleted.set()

    database.listen(on_notice)
    await asyncio.gather(
        _tidy_regularly(database, clock, chance, audit_days, deleted), _clear(database, clock, deleted)
    )


async def _tidy_regularly(
    database: Database, clock: Callable[[], float], chance: random.Random, audit_days: int, deleted: asyncio.Event
) -> None:
    while True:
        await asyncio.sleep(INTERVAL_SECONDS * (0.5 + chance.random()))
        deleted.set()
        try:
            await tidy(database, int(clock() * 1000), audit_days)
        except StorageError as error:
            log.warning("tidying_postponed", error=str(error))


async def _clear(database: Database, clock: Callable[[], float], deleted: asyncio.Event) -> None:
    while True:
        await deleted.wait()
        deleted.clear()
        try:
            await clear_leftovers(database, int(clock() * 1000))
        except StorageError as error:
            log.warning("tidying_postponed", error=str(error))
