"""kill -9 of the server while it deletes a pool: the pool is whole, or gone and soon without a trace."""

import asyncio
from contextlib import suppress
from pathlib import Path

from poolhouse.storage import Batch, Database, open_database
from tests.faults.process import ServerProcess, server_process
from tests.faults.traffic import Traffic, found

MOMENTS = (0.0, 0.002, 0.005, 0.02, None)
"""Seconds between the request and the kill; None waits for the answer."""
ROWS = 3000
TABLES = ("users", "aliases", "sessions", "attempts", "spent", "clients", "signing_keys")


async def test_a_pool_is_whole_or_gone_whenever_the_server_was_killed(database_url: str, tmp_path: Path) -> None:
    async with server_process(tmp_path / "served", database_url) as server:
        await server.start()
        database = await open_database(database_url)
        kept = Traffic(lambda: server.service, *await found(server.service, "kept"))
        await kept._life("alice")
        for moment in MOMENTS:
            doomed = Traffic(lambda: server.service, *await found(server.service, "doomed"))
            await doomed._life("alice")
            await _weigh_down(database, doomed.pool_id)
            await _delete_and_kill(server, doomed.pool_id, moment)
            await server.start()
            described = await server.service.call("DescribeUserPool", {"UserPoolId": doomed.pool_id}, signed=True)
            if described.status == 200:
                assert moment is not None, "what was answered is so"
                assert (await doomed.sign_in("alice")).status == 200
            else:
                assert described.error == "ResourceNotFoundException"
                assert (await doomed.sign_in("alice")).error == "ResourceNotFoundException"
                async with asyncio.timeout(30):
                    while await _rows(database, doomed.pool_id):
                        await asyncio.sleep(0.02)
        assert (await kept.sign_in("alice")).status == 200
        await database.close()
        assert await server.stop() == 0


async def _weigh_down(database: Database, pool_id: str) -> None:
    """Rows enough for the removal to take several portions."""
    batch = Batch()
    for number in range(ROWS):
        batch.add("INSERT INTO spent (pool_id, token_id, expires_at) VALUES (?, ?, ?)", pool_id, str(number), 2**52)
    await database.commit(batch)


async def _delete_and_kill(server: ServerProcess, pool_id: str, moment: float | None) -> None:
    deleting = asyncio.create_task(server.service.call("DeleteUserPool", {"UserPoolId": pool_id}, signed=True))
    if moment is None:
        assert (await deleting).status == 200
    else:
        await asyncio.sleep(moment)
    server.kill()
    with suppress(OSError, EOFError):
        await deleting


async def _rows(database: Database, pool_id: str) -> int:
    counts = [await database.fetch(f"SELECT count(*) FROM {table} WHERE pool_id = ?", pool_id) for table in TABLES]
    return sum(int(rows[0][0]) for rows in counts)
