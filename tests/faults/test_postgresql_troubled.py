"""PostgreSQL that is there and does not serve: locked tables, no connection left, a restart, writes forbidden.

Each is an error that comes in time, leaves nothing half written, and is over when its cause is, without a restart.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

from poolhouse.storage import open_database
from tests.attacks.wire import Reply
from tests.faults.process import ServerProcess, server_process
from tests.faults.traffic import Traffic, found
from tests.faults.wholeness import assert_whole
from tests.postgresql import Cluster, cluster_folder, start_cluster

CONNECTIONS = 8
PATIENCE = 60
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'poolhouse'"
FAILED = (500, "InternalErrorException")


@pytest.fixture
def own() -> Iterator[Cluster]:
    """A PostgreSQL server to be troubled."""
    with cluster_folder() as folder, start_cluster(folder, durable=True) as running:
        yield running


@asynccontextmanager
async def serving(url: str, tmp_path: Path, seconds: str = "2") -> AsyncIterator[tuple[ServerProcess, Traffic]]:
    """A server that must outlive the test's trouble, with a user; and everything must be whole at the end."""
    async with server_process(tmp_path / "served", url, POOLHOUSE_REQUEST_SECONDS=seconds) as server:
        await server.start()
        pid = server.pid
        traffic = Traffic(lambda: server.service, *await found(server.service))
        await traffic._life("alice")
        yield server, traffic
        assert (await traffic.sign_in("alice")).status == 200
        database = await open_database(url)
        await traffic.assert_kept(database)
        await assert_whole(database)
        await database.close()
        assert server.pid == pid
        assert await server.stop() == 0


@asynccontextmanager
async def session(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Somebody else at the same database."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def failed(reply: Reply) -> bool:
    return (reply.status, reply.error) == FAILED


async def refreshed(server: ServerProcess, traffic: Traffic) -> Reply:
    return await server.service.call(
        "InitiateAuth",
        {
            "ClientId": traffic.client_id,
            "AuthFlow": "REFRESH_TOKEN_AUTH",
            "AuthParameters": {"REFRESH_TOKEN": traffic.refresh_tokens[0]},
        },
    )


@pytest.mark.parametrize("table", ["sessions", "users", "audit"])
async def test_a_locked_table_is_an_error_in_time_and_holds_no_connection_when_it_is_free(
    own: Cluster, tmp_path: Path, table: str
) -> None:
    async with serving(url := own.create_database("locked"), tmp_path) as (server, traffic), session(url) as intruder:
        locked = intruder.transaction()
        await locked.start()
        await intruder.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        for _ in range(2):
            replies = await asyncio.gather(*(traffic.sign_in("alice") for _ in range(2 * CONNECTIONS)))
            assert all(map(failed, replies))
        reply = await traffic.create("bob") if table != "sessions" else replies[0]
        assert failed(reply)
        assert (await server.service.send("GET", "/readyz")).status == 200, "what needs another table is served"
        await locked.rollback()
        await _settled(intruder)
        replies = await asyncio.gather(*(traffic.sign_in("alice") for _ in range(2 * CONNECTIONS)))
        assert [reply.status for reply in replies] == [200] * (2 * CONNECTIONS)
        held = await intruder.fetchval("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'poolhouse'")
        assert held <= CONNECTIONS + 1, "the pool and the notices' connection, and none left behind"


async def test_reads_go_on_beside_a_locked_table_while_connections_are_left(own: Cluster, tmp_path: Path) -> None:
    url = own.create_database("locked")
    async with serving(url, tmp_path, "20") as (server, traffic), session(url) as intruder, session(url) as watch:
        locked = intruder.transaction()
        await locked.start()
        await intruder.execute("LOCK TABLE audit IN ACCESS EXCLUSIVE MODE")
        blocked = [asyncio.create_task(traffic.sign_in("alice")) for _ in range(CONNECTIONS - 1)]
        await _until_waiting(watch, CONNECTIONS - 1)
        assert (await refreshed(server, traffic)).status == 200
        await locked.rollback()
        assert [(await reply).status for reply in blocked] == [200] * (CONNECTIONS - 1), "a short wait is not an error"


async def test_no_connection_left_is_an_error_and_over_when_there_is_one(own: Cluster, tmp_path: Path) -> None:
    url = own.create_database("crowded")
    async with serving(url, tmp_path) as (server, traffic):
        crowd: list[asyncpg.Connection[asyncpg.Record]] = []
        async with session(url) as operator:
            # As after a failover, when everybody comes back at once: the places are taken before this server has one.
            while await _count(operator, "true"):
                await operator.execute(CUT)
                with suppress(asyncpg.TooManyConnectionsError):
                    while True:
                        crowd.append(await asyncpg.connect(url))
            replies = await asyncio.gather(*(traffic.sign_in("alice") for _ in range(CONNECTIONS)))
            assert all(map(failed, replies))
            assert failed(await traffic.create("bob"))
            assert (await server.service.send("GET", "/readyz")).status == 503
            assert (await server.service.send("GET", "/healthz")).status == 200
            for connection in crowd:
                await connection.close()
        for _ in range(CONNECTIONS):
            assert (await traffic.sign_in("alice")).status == 200
        assert (await traffic.create("bob")).status == 200
        traffic.created.add("bob")


async def test_a_restart_in_the_middle_loses_nothing_that_was_answered(own: Cluster, tmp_path: Path) -> None:
    async with serving(own.create_database("restarted"), tmp_path) as (_, traffic):
        running = asyncio.create_task(traffic.run(10))
        for _ in range(2):
            await _until_more(traffic)
            await asyncio.to_thread(own.restart)
        await _until_more(traffic)
        traffic.stop()
        await running
        assert set(traffic.failures) <= {"InternalErrorException"}, "an answer every time, no broken connection"


async def test_a_database_that_takes_no_writes_serves_reads_and_is_written_again_when_it_does(
    own: Cluster, tmp_path: Path
) -> None:
    async with serving(own.create_database("standby"), tmp_path) as (server, traffic):
        own.sql("ALTER SYSTEM SET default_transaction_read_only = on")
        own.sql("SELECT pg_reload_conf()")
        async with asyncio.timeout(PATIENCE):
            while (await traffic.sign_in("alice")).status == 200:
                await asyncio.sleep(0.01)
        assert failed(await traffic.sign_in("alice"))
        assert failed(await traffic.create("bob"))
        assert (await refreshed(server, traffic)).status == 200
        own.sql("ALTER SYSTEM RESET default_transaction_read_only")
        own.sql("SELECT pg_reload_conf()")
        async with asyncio.timeout(PATIENCE):
            while (await traffic.create("bob")).status != 200:
                await asyncio.sleep(0.01)
        traffic.created.add("bob")


async def _until_more(traffic: Traffic) -> None:
    """Twenty more people have signed in."""
    goal = len(traffic.refresh_tokens) + 20
    async with asyncio.timeout(PATIENCE):
        while len(traffic.refresh_tokens) < goal:
            await asyncio.sleep(0.005)


async def _count(connection: "asyncpg.Connection[asyncpg.Record]", condition: str) -> int:
    where = f"application_name = 'poolhouse' AND {condition}"
    number: int = await connection.fetchval(f"SELECT count(*) FROM pg_stat_activity WHERE {where}")
    return number


async def _until_waiting(connection: "asyncpg.Connection[asyncpg.Record]", number: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await _count(connection, "wait_event_type = 'Lock'") < number:
            await asyncio.sleep(0.01)


async def _settled(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Nobody works at a statement any more."""
    async with asyncio.timeout(PATIENCE):
        while await _count(connection, "state = 'active'"):
            await asyncio.sleep(0.01)


async def test_connections_that_were_opened_while_no_writes_were_taken_are_not_kept(
    own: Cluster, tmp_path: Path
) -> None:
    """After a failover the held ones lead to what is now the standby: only new ones lead to what takes writes."""
    async with serving(url := own.create_database("promoted"), tmp_path) as (_, traffic), session(url) as operator:
        await operator.execute("ALTER DATABASE promoted SET default_transaction_read_only = on")
        await operator.execute(CUT)
        replies = await asyncio.gather(*(traffic.sign_in("alice") for _ in range(CONNECTIONS)))
        assert all(map(failed, replies))
        await operator.execute("ALTER DATABASE promoted SET default_transaction_read_only = off")
        for _ in range(CONNECTIONS):
            assert (await traffic.sign_in("alice")).status == 200
