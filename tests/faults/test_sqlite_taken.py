"""SQLite's file taken away from under a server: nothing is answered with success that a restart would have lost."""

import shutil
from pathlib import Path

import pytest

from poolhouse.storage import open_database
from tests.faults.process import server_process
from tests.faults.traffic import Traffic, found
from tests.faults.wholeness import assert_whole


@pytest.mark.parametrize("fate", ["removed", "replaced"])
async def test_what_a_file_that_was_taken_away_would_lose_is_refused(tmp_path: Path, fate: str) -> None:
    state, aside = tmp_path / "served", tmp_path / "aside"
    url = f"sqlite:///{state}/poolhouse.db"
    async with server_process(state, url) as server:
        await server.start()
        traffic = Traffic(lambda: server.service, *await found(server.service))
        await traffic._life("alice")
        aside.mkdir()
        for name in ("poolhouse.db", "poolhouse.db-wal", "poolhouse.db-shm"):
            (state / name).rename(aside / name)
            if fate == "replaced":
                shutil.copy(aside / name, state / name)
        for reply in (await traffic.create("bob"), await traffic.sign_in("alice")):
            assert (reply.status, reply.error) == (500, "InternalErrorException")
        for name in ("poolhouse.db", "poolhouse.db-wal", "poolhouse.db-shm"):
            (aside / name).replace(state / name)
        assert (await traffic.create("bob")).status == 200, "put back, it serves again"
        traffic.created.add("bob")
        database = await open_database(url)
        await traffic.assert_kept(database)
        await assert_whole(database)
        await database.close()
        assert await server.stop() == 0
