"""kill -9 of the server in the middle of sign-ins and creates: what was answered is there, what is there is whole."""

import asyncio
from pathlib import Path

from poolhouse.storage import open_database
from tests.faults.process import server_process
from tests.faults.traffic import Traffic, found
from tests.faults.wholeness import assert_whole

KILLS = 3
PEOPLE = 12


async def test_a_killed_server_has_lost_nothing_that_it_answered(database_url: str, tmp_path: Path) -> None:
    async with server_process(tmp_path / "served", database_url) as server:
        await server.start()
        traffic = Traffic(lambda: server.service, *await found(server.service))
        for number in range(KILLS):
            running = asyncio.create_task(traffic.run(PEOPLE))
            goal = len(traffic.refresh_tokens) + 30 + 7 * number
            async with asyncio.timeout(30):
                while len(traffic.refresh_tokens) < goal:
                    await asyncio.sleep(0.005)
            server.kill()
            traffic.stop()
            await running
            await server.start()
            traffic = Traffic(
                lambda: server.service,
                traffic.pool_id,
                traffic.client_id,
                traffic.created,
                traffic.confirmed,
                traffic.refresh_tokens,
                _numbers=traffic._numbers,
            )
        database = await open_database(database_url)
        await traffic.assert_kept(database)
        await assert_whole(database)
        await database.close()
        assert await server.stop() == 0
