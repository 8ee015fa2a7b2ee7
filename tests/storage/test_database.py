"""The contract of storage/database.py, kept by every database."""

import asyncio

import pytest

from poolhouse.storage import Batch, Database, Incompatible, StorageError, open_database

INSERT = "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING"


class Taken(Exception):
    """What the tests' guards raise."""


def put(batch: Batch, name: str, value: bytes = b"x", refusal: Exception | None = None) -> None:
    if refusal is None:
        batch.add(INSERT, name, value)
    else:
        batch.add(INSERT, name, value, expect=1, refusal=refusal)


async def names(database: Database) -> list[object]:
    return [row[0] for row in await database.fetch("SELECT name FROM facts ORDER BY name")]


async def test_a_batch_commits_whole(database: Database) -> None:
    batch = Batch()
    put(batch, "a")
    put(batch, "b")
    await database.commit(batch)
    assert await names(database) == ["a", "b"]


async def test_a_failed_guard_undoes_the_batch_and_raises_its_refusal(database: Database) -> None:
    first = Batch()
    put(first, "taken")
    await database.commit(first)
    second = Batch()
    put(second, "new")
    put(second, "taken", refusal=Taken("first guard"))
    put(second, "taken too", refusal=Taken("second guard"))
    with pytest.raises(Taken, match="first guard"):
        await database.commit(second)
    assert await names(database) == ["taken"]


async def test_of_parallel_batches_for_one_name_exactly_one_wins(database: Database) -> None:
    async def attempt(number: int) -> bool:
        batch = Batch()
        put(batch, f"own-{number}")
        put(batch, "contested", str(number).encode(), refusal=Taken())
        try:
            await database.commit(batch)
        except Taken:
            return False
        return True

    outcomes = await asyncio.gather(*(attempt(number) for number in range(40)))
    assert outcomes.count(True) == 1
    winner = outcomes.index(True)
    assert await names(database) == ["contested", f"own-{winner}"]
    row = await database.fetch_row("SELECT value FROM facts WHERE name = ?", "contested")
    assert row is not None
    assert row[0] == str(winner).encode()


async def test_parallel_increments_are_all_counted(database: Database) -> None:
    async def fail_once() -> None:
        batch = Batch()
        batch.add(
            "INSERT INTO attempts (pool_id, subject, failures, last_failed_at, locked_until) VALUES (?, ?, 1, 0, 0) "
            "ON CONFLICT (pool_id, subject) DO UPDATE SET failures = attempts.failures + 1",
            "p",
            "s",
        )
        await database.commit(batch)

    await asyncio.gather(*(fail_once() for _ in range(200)))
    row = await database.fetch_row("SELECT failures FROM attempts WHERE pool_id = ? AND subject = ?", "p", "s")
    assert row is not None
    assert row[0] == 200


async def test_a_broken_constraint_spoils_only_its_own_batch(database: Database) -> None:
    bad = Batch()
    bad.add("INSERT INTO facts (name, value) VALUES (?, ?)", "n", None)
    good = Batch()
    put(good, "fine")
    results = await asyncio.gather(database.commit(bad), database.commit(good), return_exceptions=True)
    assert isinstance(results[0], StorageError)
    assert results[1] is None
    assert await names(database) == ["fine"]


async def test_text_compares_by_code_point_for_paging_and_prefixes(database: Database) -> None:
    batch = Batch()
    for name in ("b", "B", "a", "ä", "Z"):
        put(batch, name)
    await database.commit(batch)
    assert await names(database) == ["B", "Z", "a", "b", "ä"]


async def test_state_survives_closing_and_opening(database_url: str) -> None:
    opened = await open_database(database_url)
    batch = Batch()
    put(batch, "kept")
    await opened.commit(batch)
    await opened.close()
    again = await open_database(database_url)
    assert await names(again) == ["kept"]
    await again.close()


async def test_nodes_that_start_at_once_migrate_once(database_url: str) -> None:
    nodes = await asyncio.gather(*(open_database(database_url) for _ in range(5)))
    rows = await nodes[0].fetch("SELECT version FROM schema_versions ORDER BY version")
    assert [row[0] for row in rows] == sorted({row[0] for row in rows})
    for node in nodes:
        await node.close()


async def test_a_newer_schema_is_refused_with_what_to_do(database_url: str) -> None:
    opened = await open_database(database_url)
    batch = Batch()
    batch.add("INSERT INTO schema_versions (version, applied_at) VALUES (?, ?)", 9999, 0)
    await opened.commit(batch)
    await opened.close()
    with pytest.raises(Incompatible, match="start a release at least as new"):
        await open_database(database_url)


async def test_a_notice_reaches_every_node_within_a_second(database_url: str) -> None:
    here, there = await open_database(database_url), await open_database(database_url)
    heard_here: list[tuple[str, str]] = []
    heard_there: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    here.listen(lambda topic, key: heard_here.append((topic, key)))
    there.listen(lambda topic, key: heard_there.put_nowait((topic, key)))
    async with asyncio.timeout(5):
        while there.feed_age() > 1:
            await asyncio.sleep(0.01)
    batch = Batch()
    put(batch, "n")
    batch.notify("user", "pool/sub with blank")
    await here.commit(batch)
    assert ("user", "pool/sub with blank") in heard_here  # at once where it happened
    async with asyncio.timeout(1):
        while await heard_there.get() != ("user", "pool/sub with blank"):
            pass
    await here.close()
    await there.close()


async def test_an_undone_batch_sends_no_notice(database: Database) -> None:
    heard: list[str] = []
    database.listen(lambda topic, key: heard.append(key))
    first = Batch()
    put(first, "taken")
    await database.commit(first)
    second = Batch()
    put(second, "taken", refusal=Taken())
    second.notify("user", "never")
    with pytest.raises(Taken):
        await database.commit(second)
    third = Batch()
    third.notify("user", "after")
    await database.commit(third)
    assert "never" not in heard
    assert "after" in heard


async def test_of_batches_committed_at_once_only_the_refused_one_is_undone(database: Database) -> None:
    batches = [Batch() for _ in range(9)]
    for number, batch in enumerate(batches):
        put(batch, f"beside-{number}")
        put(batch, "wanted by three" if number in (2, 5, 7) else f"own-{number}", refusal=Taken())
    outcomes = await asyncio.gather(*(database.commit(batch) for batch in batches), return_exceptions=True)
    refused = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, Taken)]
    assert len(refused) == 2
    assert set(refused) < {2, 5, 7}
    kept = {name for name in await names(database) if str(name).startswith("beside-")}
    assert kept == {f"beside-{number}" for number in range(9) if number not in refused}


async def test_a_follower_is_told_of_what_is_durable_only(database: Database) -> None:
    told: list[str] = []
    first, second, empty = Batch(), Batch(), Batch()
    put(first, "taken")
    first.then(lambda: told.append("first"))
    await database.commit(first)
    put(second, "taken", refusal=Taken())
    second.then(lambda: told.append("second"))
    with pytest.raises(Taken):
        await database.commit(second)
    empty.then(lambda: told.append("empty"))
    await database.commit(empty)
    assert told == ["first", "empty"]


async def test_a_cancelled_caller_does_not_undo_what_was_accepted(database: Database) -> None:
    batch = Batch()
    put(batch, "x")
    task = asyncio.create_task(database.commit(batch))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    follow_up = Batch()
    put(follow_up, "y")
    await database.commit(follow_up)
    assert "y" in await names(database)
