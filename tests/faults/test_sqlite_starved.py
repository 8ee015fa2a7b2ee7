"""A full disk and a locked file under SQLite: errors that say so, no half state, and a recovery without a restart."""

import asyncio
import resource
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from poolhouse.storage import open_database
from tests.attacks.wire import Door
from tests.faults.disks import can_mount, fill, small_disk
from tests.faults.process import ServerProcess, server_process
from tests.faults.traffic import Traffic, found
from tests.faults.wholeness import assert_whole


class Disk(ABC):
    """A folder whose space can be taken away from a process and given back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def fill(self, server: ServerProcess) -> None: ...

    @abstractmethod
    def free(self, server: ServerProcess) -> None: ...


class LimitedFiles(Disk):
    """No file of the process may grow beyond what the largest has: its log included."""

    def fill(self, server: ServerProcess) -> None:
        limit = (self.folder / "poolhouse.db-wal").stat().st_size
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def free(self, server: ServerProcess) -> None:
        unlimited = resource.RLIM_INFINITY
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))


class SmallDisk(Disk):
    """A file system of a few megabytes, filled up by somebody else."""

    def fill(self, server: ServerProcess) -> None:
        fill(self.folder / "ballast")

    def free(self, server: ServerProcess) -> None:
        (self.folder / "ballast").unlink()


# A real small disk where the machine lets us make one; the limit works everywhere.
DISKS = ["limited files", *(["small disk"] if can_mount() else [])]


@pytest.fixture(params=DISKS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "served"
    folder.mkdir()
    if request.param == "limited files":
        yield LimitedFiles(folder)
        return
    with small_disk(folder, "12m"):
        yield SmallDisk(folder)


async def _mailed(door: Door, traffic: Traffic, name: str) -> str | None:
    reply = await door.call(
        "AdminCreateUser",
        {
            "UserPoolId": traffic.pool_id,
            "Username": name,
            "DesiredDeliveryMediums": ["EMAIL"],
            "UserAttributes": [{"Name": "email", "Value": f"{name}@example.com"}],
        },
        signed=True,
    )
    return reply.error


async def test_a_full_disk_is_an_error_without_half_state_and_over_when_there_is_space(disk: Disk) -> None:
    url = f"sqlite:///{disk.folder}/poolhouse.db"
    async with server_process(disk.folder, url) as server:
        await server.start()
        traffic = Traffic(lambda: server.service, *await found(server.service))
        await traffic._life("before")
        disk.fill(server)
        refused: list[str] = []
        made: list[str] = []
        for number in range(400):
            name = f"full{number:04}"
            error = await _mailed(server.service, traffic, name)
            (made if error is None else refused).append(name)
            if error is not None:
                assert error == "InternalErrorException"
            if len(refused) == 20:
                break
        assert len(refused) == 20, "the disk is not full"
        reply = await traffic.sign_in("before")
        assert (reply.status, reply.error) == (500, "InternalErrorException"), "a session that cannot be kept is none"
        assert (await server.service.send("GET", "/healthz")).status == 200
        disk.free(server)
        for name in refused:
            assert await _mailed(server.service, traffic, name) is None, "nothing of it was left behind"
        traffic.created.update(refused, made)
        database = await open_database(url)
        await traffic.assert_kept(database)
        await assert_whole(database)
        rows = await database.fetch("PRAGMA integrity_check")
        assert [row[0] for row in rows] == ["ok"]
        await database.close()
        assert await server.stop() == 0


async def test_a_locked_database_is_waited_for_then_an_error_and_then_over(tmp_path: Path) -> None:
    state = tmp_path / "served"
    url = f"sqlite:///{state}/poolhouse.db"
    async with server_process(state, url) as server:
        await server.start()
        traffic = Traffic(lambda: server.service, *await found(server.service))
        await traffic._life("alice")
        with closing(sqlite3.connect(state / "poolhouse.db", isolation_level=None)) as intruder:
            intruder.execute("BEGIN EXCLUSIVE")
            blocked = asyncio.create_task(traffic.sign_in("alice"))
            token = traffic.refresh_tokens[0]
            refreshed = await server.service.call(
                "InitiateAuth",
                {
                    "ClientId": traffic.client_id,
                    "AuthFlow": "REFRESH_TOKEN_AUTH",
                    "AuthParameters": {"REFRESH_TOKEN": token},
                },
            )
            assert refreshed.status == 200, "what only reads is not held up"
            assert not blocked.done()
            reply = await blocked
            assert (reply.status, reply.error) == (500, "InternalErrorException")
            waiting = asyncio.create_task(traffic.sign_in("alice"))
            await asyncio.sleep(0.2)
            intruder.execute("ROLLBACK")
        assert (await waiting).status == 200, "a short wait is not an error"
        database = await open_database(url)
        await traffic.assert_kept(database)
        await assert_whole(database)
        await database.close()
        assert await server.stop() == 0
