"""What may happen to SQLite's file: shared by two servers, damaged before a start, not a database at all."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from poolhouse.storage import open_database
from tests.faults.process import ROOT, server_process
from tests.faults.traffic import Traffic, found
from tests.faults.wholeness import assert_whole

BURST = 40


async def test_two_servers_on_one_file_write_at_once_and_neither_is_told_that_it_is_locked(tmp_path: Path) -> None:
    state = tmp_path / "served"
    url = f"sqlite:///{state}/poolhouse.db"
    async with server_process(state, url) as one, server_process(state, url) as other:
        await one.start()
        await other.start()
        here = Traffic(lambda: one.service, *await found(one.service))
        there = Traffic(lambda: other.service, here.pool_id, here.client_id)
        await here._life("alice")
        doors = [here, there] * BURST
        replies = await asyncio.gather(*(traffic.sign_in("alice") for traffic in doors))
        assert [reply.status for reply in replies] == [200] * len(doors)
        replies = await asyncio.gather(*(traffic.create(f"user{place}") for place, traffic in enumerate(doors)))
        assert [reply.status for reply in replies] == [200] * len(doors)
        here.created.update(f"user{place}" for place in range(len(doors)))
        contested = await asyncio.gather(*(traffic.create("bob") for traffic in doors))
        assert sorted(reply.error or "" for reply in contested) == ["", *["UsernameExistsException"] * (len(doors) - 1)]
        here.created.add("bob")
        await _assert_whole(url, here)
        assert [await one.stop(), await other.stop()] == [0, 0]
        assert "database is locked" not in one.log


@pytest.mark.parametrize("tail", ["cut", "zeroes", "noise"])
async def test_a_log_with_a_damaged_tail_loses_the_tail_and_no_more(tmp_path: Path, tail: str) -> None:
    """As a power cut on a disk that lied may leave it."""
    state = tmp_path / "served"
    url = f"sqlite:///{state}/poolhouse.db"
    async with server_process(state, url) as server:
        await server.start()
        traffic = Traffic(lambda: server.service, *await found(server.service))
        await traffic._life("before")
        kept = (state / "poolhouse.db-wal").stat().st_size
        for number in range(5):
            await traffic.create(f"lost{number}")
        server.kill()
        _damage(state / "poolhouse.db-wal", kept, tail)
        await server.start()
        assert (await traffic.sign_in("before")).status == 200
        for number in range(5):
            assert (await traffic.create(f"lost{number}")).status == 200
            traffic.created.add(f"lost{number}")
        await _assert_whole(url, traffic)
        assert await server.stop() == 0


def _damage(log: Path, first: int, how: str) -> None:
    size = log.stat().st_size
    if how == "cut":
        os.truncate(log, first + 100)
        return
    with log.open("r+b") as file:
        file.seek(first)
        file.write(bytes(size - first) if how == "zeroes" else os.urandom(size - first))


async def test_a_file_that_is_no_database_is_one_line_and_a_status(tmp_path: Path) -> None:
    state = tmp_path / "served"
    async with server_process(state) as server:
        await server.start()
        assert await server.stop() == 0
    (state / "poolhouse.db").write_bytes(b"SQLite format 3\0" + os.urandom(8192))
    for leftover in ("poolhouse.db-wal", "poolhouse.db-shm"):
        (state / leftover).unlink(missing_ok=True)
    assert "poolhouse.db" in _refusal(state)


def test_a_state_folder_that_cannot_be_made_is_one_line_and_a_status(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "file" in _refusal(tmp_path / "file" / "state")


def _refusal(state: Path) -> str:
    """The one line with which a server refuses to start."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ},
        "POOLHOUSE_MODE": "development",
        "POOLHOUSE_STATE_DIR": str(state),
        "POOLHOUSE_PORT": "0",
        "POOLHOUSE_GATEWAY_PORT": "0",
    }
    command = [sys.executable, "-m", "poolhouse", "serve"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    [line] = [line for line in ended.stderr.splitlines() if line.startswith("error:")]
    return line


async def _assert_whole(url: str, traffic: Traffic) -> None:
    database = await open_database(url)
    await traffic.assert_kept(database)
    await assert_whole(database)
    rows = await database.fetch("PRAGMA integrity_check")
    assert [row[0] for row in rows] == ["ok"]
    await database.close()
