"""What has served its time is removed whole, in portions that others' commits go between."""

import asyncio
import random
from itertools import pairwise

import asyncpg
import pytest

from poolhouse.janitor import clear_leftovers, tidy, tidy_forever
from poolhouse.storage import Batch, Database, open_database
from poolhouse.storage.aged import PORTION
from poolhouse.storage.leftovers import deleted_pools
from poolhouse.storage.pools import PoolRow
from poolhouse.storage.store import Store
from tests.postgresql import Cluster

DAY = 86_400_000
NOW = 1000 * DAY
BACKLOG = 2 * PORTION + 1
# Each table's age column; every one of them is made with text keys that tell old from fresh.
TABLES = {
    "sessions": (
        "expires_at",
        "INSERT INTO sessions (pool_id, session_id, user_id, client_id, generation, auth_time, scope, event_id, "
        "expires_at) VALUES ('p', ?, 'u', 'c', 0, 0, '', 'e', ?)",
    ),
    "spent": ("expires_at", "INSERT INTO spent (pool_id, token_id, expires_at) VALUES ('p', ?, ?)"),
    "attempts": (
        "last_failed_at",
        "INSERT INTO attempts (pool_id, subject, failures, locked_until, last_failed_at) VALUES ('p', ?, 1, 0, ?)",
    ),
    "codes": (
        "expires_at",
        "INSERT INTO codes (pool_id, user_id, purpose, code_hash, destination, created_at, expires_at) "
        "VALUES ('p', ?, 'x', '', '', 0, ?)",
    ),
    "quotas": (
        "window_start",
        "INSERT INTO quotas (pool_id, subject, purpose, used, window_start) VALUES ('p', ?, 'x', 1, ?)",
    ),
    "audit": ("at", "INSERT INTO audit (pool_id, event_id, event, at) VALUES ('p', ?, 'x', ?)"),
}


async def _fill(database: Database, table: str, old: int) -> None:
    batch = Batch()
    for number in range(old):
        batch.add(TABLES[table][1], f"old{number}", number)
    batch.add(TABLES[table][1], "fresh", NOW)
    await database.commit(batch)


@pytest.mark.parametrize("table", list(TABLES))
async def test_a_backlog_is_removed_whole_and_what_is_fresh_stays(database: Database, table: str) -> None:
    await _fill(database, table, BACKLOG)
    await tidy(database, NOW, 400)
    assert [row[0] for row in await database.fetch(f"SELECT {TABLES[table][0]} FROM {table}")] == [NOW]


@pytest.mark.parametrize("table", list(TABLES))
async def test_no_commit_removes_more_than_a_portion(database: Database, table: str) -> None:
    """What one commit removes, every sign-in waits for: SQLite has one writer, PostgreSQL locks the rows."""
    await _fill(database, table, BACKLOG)
    counts = [BACKLOG + 1]
    inner = database.commit

    async def commit(batch: Batch) -> None:
        await inner(batch)
        counts.append((await database.fetch(f"SELECT count(*) FROM {table}"))[0][0])

    database.commit = commit  # type: ignore[method-assign]  # the real one, and then a look
    await tidy(database, NOW, 400)
    removed = [before - after for before, after in pairwise(counts)]
    assert removed == [PORTION, PORTION, 1]


async def test_commits_go_between_the_portions(database: Database) -> None:
    await _fill(database, "sessions", BACKLOG)
    tidying = asyncio.create_task(tidy(database, NOW, 400))
    left: list[int] = []
    while not tidying.done():
        batch = Batch()
        batch.add("INSERT INTO facts (name, value) VALUES (?, ?)", f"fact{len(left)}", b"")
        await database.commit(batch)
        left.append((await database.fetch("SELECT count(*) FROM sessions"))[0][0])
    await tidying
    assert any(1 < number < BACKLOG + 1 for number in left)


async def test_two_nodes_tidy_at_once(database_url: str) -> None:
    nodes = [await open_database(database_url) for _ in range(2)]
    await _fill(nodes[0], "spent", BACKLOG)
    await asyncio.gather(*(tidy(node, NOW, 400) for node in nodes))
    assert len(await nodes[0].fetch("SELECT 1 FROM spent")) == 1
    for node in nodes:
        await node.close()


async def test_a_failure_that_is_just_being_counted_is_not_forgotten(cluster: Cluster) -> None:
    """On PostgreSQL the row is old in the janitor's snapshot and fresh when its lock is released."""
    with cluster.schema() as url:
        database, guess = await open_database(url), await asyncpg.connect(url)
        try:
            await _fill(database, "attempts", 1)
            await guess.execute("BEGIN")
            await guess.execute("UPDATE attempts SET failures = 9, last_failed_at = $1 WHERE subject = 'old0'", NOW)
            tidying = asyncio.create_task(tidy(database, NOW, 400))
            await _waits_for_a_lock(database, "DELETE FROM attempts")
            await guess.execute("COMMIT")
            await tidying
            rows = await database.fetch("SELECT failures FROM attempts WHERE subject = 'old0'")
            assert [row[0] for row in rows] == [9]
        finally:
            await guess.close()
            await database.close()


async def _waits_for_a_lock(database: Database, statement: str) -> None:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND position(CAST(? AS TEXT) IN query) > 0"
    async with asyncio.timeout(30):
        while not await database.fetch(waiting, statement):
            await asyncio.sleep(0.01)


# -- deleted pools ----------------------------------------------------------------------------------------------------


async def _delete_pool(database: Database, users: int) -> Store:
    """A pool with users, deleted, beside one that stays."""
    store = Store(database)
    for pool_id in ("gone", "kept"):
        batch = Batch()
        store.pools.insert(batch, PoolRow(pool_id, "people", 0, 0, 1, "{}"), Exception())
        for number in range(users):
            user_id = f"u{number}"
            batch.add("INSERT INTO aliases VALUES (?, ?, 'username', ?)", pool_id, user_id, user_id)
            batch.add(TABLES["spent"][1].replace("'p'", f"'{pool_id}'"), user_id, NOW)
        await database.commit(batch)
    row = await store.pools.get("gone")
    assert row is not None
    batch = Batch()
    store.pools.delete(batch, row, NOW, Exception())
    await database.commit(batch)
    return store


async def _left(database: Database, table: str) -> dict[str, int]:
    return dict(await database.fetch(f"SELECT pool_id, count(*) FROM {table} GROUP BY pool_id"))  # type: ignore[arg-type]


async def test_a_deleted_pools_rows_are_removed_in_portions_and_nobody_elses(database: Database) -> None:
    await _delete_pool(database, BACKLOG)
    counts = [(await _left(database, "aliases"))["gone"]]
    inner = database.commit

    async def commit(batch: Batch) -> None:
        await inner(batch)
        counts.append((await _left(database, "aliases")).get("gone", 0))

    database.commit = commit  # type: ignore[method-assign]  # the real one, and then a look
    await clear_leftovers(database, NOW)
    assert max(before - after for before, after in pairwise(counts)) == PORTION
    assert await _left(database, "aliases") == await _left(database, "spent") == {"kept": BACKLOG}


async def test_whoever_starts_next_finishes_what_a_killed_node_left(database_url: str) -> None:
    first = await open_database(database_url)
    await _delete_pool(first, BACKLOG)
    inner, portions = first.commit, 0

    async def die_at_the_second(batch: Batch) -> None:
        nonlocal portions
        portions += 1
        if portions == 2:
            raise KeyboardInterrupt
        await inner(batch)

    first.commit = die_at_the_second  # type: ignore[method-assign]  # the real one, for once
    with pytest.raises(KeyboardInterrupt):
        await clear_leftovers(first, NOW)
    await first.close()
    second = await open_database(database_url)
    assert (await _left(second, "aliases"))["gone"] == BACKLOG - PORTION
    tidying = asyncio.create_task(tidy_forever(second, lambda: NOW / 1000, random.Random(1), 400))
    async with asyncio.timeout(30):
        while "gone" in await _left(second, "aliases") or "gone" in await _left(second, "spent"):
            await asyncio.sleep(0.01)
    tidying.cancel()
    await asyncio.gather(tidying, return_exceptions=True)
    await second.close()


async def test_what_a_node_writes_that_has_not_heard_of_the_deletion_is_removed_too(database: Database) -> None:
    await _delete_pool(database, 1)
    await clear_leftovers(database, NOW)
    late = Batch()
    late.add("INSERT INTO aliases VALUES ('gone', 'late', 'username', 'late')")
    await database.commit(late)
    await clear_leftovers(database, NOW + 2 * 3_600_000)
    assert await _left(database, "aliases") == {"kept": 1}
    assert await deleted_pools(database) == []
