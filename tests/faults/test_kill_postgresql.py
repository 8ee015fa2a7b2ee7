"""PostgreSQL killed, away and back: nothing answered is lost, and the server goes on without being restarted."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from poolhouse.storage import open_database
from tests.faults.process import server_process
from tests.faults.traffic import Traffic, found
from tests.faults.wholeness import assert_whole
from tests.postgresql import Cluster, cluster_folder, start_cluster


@pytest.fixture
def durable() -> Iterator[Cluster]:
    """A PostgreSQL server that really writes, to be killed."""
    with cluster_folder() as folder, start_cluster(folder, durable=True) as running:
        yield running


async def test_a_killed_postgresql_has_lost_nothing_that_was_answered(durable: Cluster, tmp_path: Path) -> None:
    url = durable.create_database("killed")
    async with server_process(tmp_path / "served", url) as server:
        await server.start()
        pid = server.pid
        traffic = Traffic(lambda: server.service, *await found(server.service))
        running = asyncio.create_task(traffic.run(10))
        for _ in range(2):
            goal = len(traffic.refresh_tokens) + 25
            async with asyncio.timeout(30):
                while len(traffic.refresh_tokens) < goal:
                    await asyncio.sleep(0.005)
            await asyncio.to_thread(durable.kill)
            reply = await server.service.call("InitiateAuth", _sign_in(traffic.client_id))
            assert (reply.status, reply.error) == (500, "InternalErrorException")
            assert (await server.service.send("GET", "/readyz")).status == 503
            assert (await server.service.send("GET", "/healthz")).status == 200
            await asyncio.to_thread(durable.start)
        goal = len(traffic.refresh_tokens) + 25
        async with asyncio.timeout(30):
            while len(traffic.refresh_tokens) < goal:
                await asyncio.sleep(0.005)
        traffic.stop()
        await running
        assert set(traffic.failures) <= {"InternalErrorException"}, "an answer every time, no broken connection"
        database = await open_database(url)
        await traffic.assert_kept(database)
        await assert_whole(database)
        await database.close()
        assert server.pid == pid, "the same process"
        assert await server.stop() == 0


async def test_the_first_request_after_the_database_is_back_succeeds(durable: Cluster, tmp_path: Path) -> None:
    """The connections that died meanwhile are nobody's to trip over."""
    async with server_process(tmp_path / "served", durable.create_database("back")) as server:
        await server.start()
        traffic = Traffic(lambda: server.service, *await found(server.service))
        running = asyncio.create_task(traffic.run(20))  # opens every connection there may be
        async with asyncio.timeout(30):
            while len(traffic.refresh_tokens) < 20:
                await asyncio.sleep(0.005)
        traffic.stop()
        await running
        await asyncio.to_thread(durable.kill)
        await asyncio.to_thread(durable.start)
        for name in sorted(traffic.confirmed)[:20]:
            assert (await traffic.sign_in(name)).status == 200


async def test_a_server_whose_database_is_away_at_its_start_waits_for_it(durable: Cluster, tmp_path: Path) -> None:
    url = durable.create_database("late")
    await asyncio.to_thread(durable.kill)
    async with server_process(tmp_path / "served", url) as server:
        server.launch()
        await server.wrote("database_unavailable")
        await asyncio.to_thread(durable.start)
        await server.listening()
        traffic = Traffic(lambda: server.service, *await found(server.service))
        await traffic._life("alice")
        assert traffic.refresh_tokens
        assert await server.stop() == 0


async def test_a_server_that_waits_for_its_database_ends_when_it_is_told_to(durable: Cluster, tmp_path: Path) -> None:
    url = durable.create_database("never")
    await asyncio.to_thread(durable.kill)
    async with server_process(tmp_path / "served", url) as server:
        server.launch()
        await server.wrote("database_unavailable")
        assert await server.stop() == 0


def _sign_in(client_id: str) -> dict[str, object]:
    parameters = {"USERNAME": "user000000", "PASSWORD": "x"}
    return {"ClientId": client_id, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters}
