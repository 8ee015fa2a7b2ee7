"""What one bad write must not do to the others, and what a feed of notices must not miss."""

import asyncio
from pathlib import Path

import pytest

from poolhouse.janitor import tidy
from poolhouse.storage import Batch, Database, StorageError, Unavailable, open_database
from poolhouse.storage.sqlite import SqliteDatabase

INSERT = "INSERT INTO facts (name, value) VALUES (?, ?)"


@pytest.mark.parametrize(
    ("sql", "args"),
    [
        ("INSERT INTO quotas (pool_id, subject, purpose, window_start, used) VALUES ('p', 's', 'x', ?, 0)", (2**70,)),
        ("INSERT INTO facts (name, value) VALUES (?, ?)", ("\ud800", b"x")),
    ],
)
async def test_a_value_that_cannot_be_written_spoils_its_own_batch_only(
    database: Database, sql: str, args: tuple[object, ...]
) -> None:
    """On SQLite all writes go through one thread: it must outlive whatever it is given."""
    bad, good = Batch(), Batch()
    bad.add(sql, *args)  # type: ignore[arg-type]
    good.add(INSERT, "fine", b"x")
    async with asyncio.timeout(10):
        outcomes = await asyncio.gather(database.commit(bad), database.commit(good), return_exceptions=True)
    assert isinstance(outcomes[0], Exception)
    assert outcomes[1] is None
    again = Batch()
    again.add(INSERT, "later", b"x")
    async with asyncio.timeout(10):
        await database.commit(again)
    assert len(await database.fetch("SELECT name FROM facts")) == 2


async def test_a_process_that_slept_through_notices_drops_everything_it_holds(tmp_path: Path) -> None:
    """Notices are kept for minutes; whoever was stopped for longer cannot know what was said."""
    url = f"sqlite:///{tmp_path}/p.db"
    awake, asleep = await open_database(url), await open_database(url)
    assert isinstance(asleep, SqliteDatabase)
    heard: list[tuple[str, str]] = []
    asleep.listen(lambda topic, key: heard.append((topic, key)))
    assert asleep._feed is not None
    asleep._feed.cancel()
    batch = Batch()
    for number in range(3):
        batch.notify("user", f"p/{number}")
    await awake.commit(batch)
    forgetting = Batch()
    forgetting.add("DELETE FROM notices WHERE id <= 2")
    await awake.commit(forgetting)
    asleep._read_notices()
    assert heard == [("", ""), ("user", "p/2")]
    await awake.close()
    await asleep.close()


@pytest.mark.parametrize(
    "url", ["postgresql://poolhouse:hunter2secret@127.0.0.1:port/db", "postgresql://u:hunter2secret@[::1/db"]
)
async def test_a_broken_url_is_named_without_its_password(url: str) -> None:
    with pytest.raises(Unavailable) as caught:
        await open_database(url)
    assert "hunter2" not in str(caught.value)


async def test_failures_of_names_that_nobody_has_are_forgotten_after_a_day(database: Database) -> None:
    """Otherwise whoever guesses at made-up names would fill the table for ever."""
    batch = Batch()
    day = 86_400_000
    for subject, failed_at in (("old", 0), ("fresh", 2 * day)):
        batch.add(
            "INSERT INTO attempts (pool_id, subject, failures, last_failed_at, locked_until) VALUES ('p', ?, 9, ?, ?)",
            subject,
            failed_at,
            failed_at + 900_000,
        )
    await database.commit(batch)
    await tidy(database, 2 * day + 1000, 400)
    assert [row[0] for row in await database.fetch("SELECT subject FROM attempts")] == ["fresh"]


async def test_a_statement_that_cannot_be_run_holds_up_nobody_after_it(database: Database) -> None:
    """A transaction that it left open would refuse every later one."""
    bad = Batch()
    bad.add(INSERT, "half", b"x")
    bad.add("INSERT INTO no_such_table (x) VALUES (?)", 1)
    with pytest.raises(StorageError):
        await database.commit(bad)
    good = Batch()
    good.add(INSERT, "fine", b"x")
    await database.commit(good)
    assert [row[0] for row in await database.fetch("SELECT name FROM facts")] == ["fine"]
