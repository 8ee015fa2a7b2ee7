"""Who writes an SQLite file when, among processes that share it, and what does not wait meanwhile."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from poolhouse.storage import Batch, StorageError, Unavailable, open_database
from poolhouse.storage.sqlite import SqliteDatabase
from poolhouse.storage.sqlite_turn import WriteTurn

HOLD = """
import sys, time
from poolhouse.storage.sqlite_turn import WriteTurn
assert WriteTurn(sys.argv[1]).take()
print("held", flush=True)
time.sleep(60)
"""
MANY = (
    "INSERT INTO facts (name, value) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) "
    "SELECT ? || i, 'x' FROM n"
)


def put(name: str) -> Batch:
    batch = Batch()
    batch.add("INSERT INTO facts (name, value) VALUES (?, ?)", name, b"x")
    return batch


def test_whoever_waits_is_next(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    first, second, third = WriteTurn(path), WriteTurn(path), WriteTurn(path)
    assert first.take()
    assert not second.take()
    first.give()
    assert not first.take(), "the turn is promised to the one that waits"
    assert not third.take()
    assert second.take()
    second.give()
    assert third.take()
    third.give()
    for turn in (first, second, third):
        turn.close()


def test_who_waits_no_longer_is_passed_over(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    first, second = WriteTurn(path), WriteTurn(path)
    assert first.take()
    assert not second.take()
    second.forgo()
    first.give()
    assert first.take()
    first.close()
    second.close()


def test_a_killed_process_leaves_its_turn(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        turn = WriteTurn(path)
        assert not turn.take()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert turn.take()
        turn.close()


async def test_two_that_write_without_pause_take_turns(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/poolhouse.db"
    nodes = [await open_database(url), await open_database(url)]
    written: list[int] = []

    async def write(node: int) -> None:
        for number in range(50):
            await nodes[node].commit(put(f"{node}-{number}"))
            written.append(node)

    await asyncio.gather(write(0), write(1))
    longest = max(len(run) for run in "".join(map(str, written[:90])).replace("01", "0 1").replace("10", "1 0").split())
    assert longest <= 3, "one writes many times while the other waits"
    for node in nodes:
        await node.close()


async def test_the_loop_goes_on_while_a_large_batch_is_written(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:///{tmp_path}/poolhouse.db")
    batch = Batch(large=True)
    batch.add(MANY, "n")
    writing = asyncio.create_task(database.commit(batch))
    rounds = 0
    while not writing.done():
        rounds += 1
        await asyncio.sleep(0.001)
    await writing
    assert rounds > 10
    row = await database.fetch_row("SELECT count(*) FROM facts WHERE name LIKE 'n%'")
    assert row is not None
    assert row[0] == 200_000
    await database.close()


class Taken(Exception):
    """What the guard of a test raises."""


async def test_nobody_is_refused_for_what_was_not_kept(tmp_path: Path) -> None:
    """Two write one name in one transaction, whose COMMIT fails: the second must not hear that the name is taken."""
    database = await open_database(f"sqlite:///{tmp_path}/poolhouse.db")
    assert isinstance(database, SqliteDatabase)
    # The one refusal that SQLite keeps for COMMIT.
    database._writer._connection.execute("PRAGMA foreign_keys=ON")
    setting = Batch()
    setting.add("CREATE TABLE parents (name TEXT PRIMARY KEY)")
    setting.add("CREATE TABLE children (parent TEXT REFERENCES parents DEFERRABLE INITIALLY DEFERRED)")
    await database.commit(setting)
    first, second = put("contested"), Batch()
    first.add("INSERT INTO children VALUES ('nobody')")
    insert = "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING"
    second.add(insert, "contested", b"y", expect=1, refusal=Taken())
    told = await asyncio.gather(database.commit(first), database.commit(second), return_exceptions=True)
    assert [type(one) for one in told] == [Unavailable, Unavailable]
    assert await database.fetch_row("SELECT 1 FROM facts WHERE name = 'contested'") is None
    again = put("contested")
    await database.commit(again)
    await database.close()


async def test_a_batch_that_cannot_even_be_tried_holds_up_nobody(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:///{tmp_path}/poolhouse.db")
    broken = Batch()
    broken.add(None)  # type: ignore[arg-type]  # a defect of ours, which is none of SQLite's errors
    told = await asyncio.gather(database.commit(broken), return_exceptions=True)
    assert isinstance(told[0], StorageError)
    await database.commit(put("after"))
    await database.close()


async def test_closing_finishes_what_was_accepted(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/poolhouse.db"
    database = await open_database(url)
    writing = [asyncio.create_task(database.commit(put(f"n{number}"))) for number in range(200)]
    await asyncio.sleep(0)
    await database.close()
    assert await asyncio.gather(*writing, return_exceptions=True) == [None] * 200
    with pytest.raises(Unavailable):
        await database.commit(put("late"))
    with closing(sqlite3.connect(tmp_path / "poolhouse.db")) as reader:
        assert reader.execute("SELECT count(*) FROM facts WHERE name LIKE 'n%'").fetchone() == (200,)
