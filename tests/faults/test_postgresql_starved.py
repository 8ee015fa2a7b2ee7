"""PostgreSQL without space: errors that say so, no half state, and a recovery without a restart of ours.

Where the data volume alone is full, PostgreSQL refuses writes; where its log's volume is, it ends itself.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from poolhouse.storage import Batch, open_database
from tests.faults.disks import can_mount, fill, small_disk
from tests.faults.process import server_process
from tests.faults.traffic import Traffic, found
from tests.faults.wholeness import assert_whole
from tests.postgresql import Cluster, cluster_folder, give_to_owner, start_cluster

SEGMENT = 1 << 20
SEGMENTS = f"--wal-segsize={SEGMENT >> 20}"
REFUSALS = 20
PATIENCE = 60


class Space(ABC):
    """A PostgreSQL server's space, that can be taken away and given back."""

    def __init__(self, cluster: Cluster, url: str) -> None:
        self.cluster = cluster
        self.url = url

    @abstractmethod
    def take(self) -> None: ...

    @abstractmethod
    def give(self) -> None: ...


class SmallDisk(Space):
    """A file system of a few megabytes, filled up by somebody else."""

    def __init__(self, cluster: Cluster, url: str, disk: Path) -> None:
        super().__init__(cluster, url)
        self._disk = disk

    def take(self) -> None:
        fill(self._disk / "ballast")

    def give(self) -> None:
        (self._disk / "ballast").unlink()


class LimitedFiles(Space):
    """No file of PostgreSQL's processes may grow beyond a size: works on every machine."""

    def __init__(self, cluster: Cluster, url: str, limit: int) -> None:
        super().__init__(cluster, url)
        self._limit = limit

    def take(self) -> None:
        # A limit inside of a page: the write that meets it is cut short, as on a full disk.
        self.cluster.limit_files(self._limit + 100)

    def give(self) -> None:
        if not self.cluster.ended:
            self.cluster.limit_files(None)


DISKS = ["limited files", *(["small disk"] if can_mount() else [])]


@pytest.fixture
def folder() -> Iterator[Path]:
    with cluster_folder() as made:
        yield made


@pytest.fixture(params=DISKS)
def data(request: pytest.FixtureRequest, folder: Path) -> Iterator[Space]:
    """Space for the tables only: the write-ahead log lies elsewhere, or its files have their size already."""
    with start_cluster(folder, SEGMENTS, durable=True) as cluster:
        if request.param == "limited files":
            yield LimitedFiles(cluster, cluster.create_database("full"), SEGMENT)
            return
        disk = folder / "small"
        with small_disk(disk, "24m"):
            give_to_owner(disk)
            cluster.sql(f"CREATE TABLESPACE small LOCATION '{disk}'")
            yield SmallDisk(cluster, cluster.create_database("full", "--tablespace=small"), disk)
            cluster.stop()


@pytest.fixture(params=DISKS)
def log(request: pytest.FixtureRequest, folder: Path) -> Iterator[Space]:
    """Space for the write-ahead log."""
    if request.param == "limited files":
        with start_cluster(folder, SEGMENTS, durable=True) as cluster:
            # Not so little that it cuts what PostgreSQL overwrites in place: a full disk lets that be.
            yield LimitedFiles(cluster, cluster.create_database("full"), 1 << 16)
        return
    disk = folder / "log"
    with small_disk(disk, "24m"):
        give_to_owner(disk)
        with start_cluster(folder, SEGMENTS, f"--waldir={disk}/wal", durable=True) as cluster:
            yield SmallDisk(cluster, cluster.create_database("full"), disk)


async def test_a_full_data_disk_is_an_error_without_half_state_and_over_when_there_is_space(
    data: Space, tmp_path: Path
) -> None:
    async with server_process(tmp_path / "served", data.url) as server:
        await server.start()
        pid = server.pid
        traffic = Traffic(lambda: server.service, *await found(server.service))
        await traffic._life("before")
        if isinstance(data, LimitedFiles):
            await _grow_audit(data.url, SEGMENT)
        await asyncio.to_thread(data.take)
        refused: set[str] = set()
        for number in range(2000):
            name = f"full{number:04}"
            reply = await traffic.create(name)
            if reply.status == 200:
                traffic.created.add(name)
            else:
                assert (reply.status, reply.error) == (500, "InternalErrorException")
                refused.add(name)
            if len(refused) == REFUSALS:
                break
        assert len(refused) == REFUSALS, "the disk is not full"
        for _ in range(500):
            reply = await traffic.sign_in("before")
            if reply.status != 200:
                break
        assert (reply.status, reply.error) == (500, "InternalErrorException"), "a session that cannot be kept is none"
        assert (await server.service.send("GET", "/healthz")).status == 200
        assert (await server.service.send("GET", "/readyz")).status == 200, "reads are served"
        await asyncio.to_thread(data.give)
        for name in sorted(refused):
            assert (await traffic.create(name)).status == 200, "nothing of it was left behind"
        traffic.created |= refused
        await _assert_kept(data.url, traffic)
        assert server.pid == pid
        assert await server.stop() == 0


async def test_a_full_log_disk_ends_postgresql_and_loses_nothing_that_was_answered(log: Space, tmp_path: Path) -> None:
    async with server_process(tmp_path / "served", log.url) as server:
        await server.start()
        pid = server.pid
        traffic = Traffic(lambda: server.service, *await found(server.service))
        running = asyncio.create_task(traffic.run(5))
        await _until(lambda: len(traffic.refresh_tokens) >= 10)
        await asyncio.to_thread(log.take)
        await _until(lambda: traffic.failures.get("InternalErrorException", 0) >= REFUSALS)
        assert (await server.service.send("GET", "/healthz")).status == 200
        await asyncio.to_thread(log.give)
        if await asyncio.to_thread(_gave_up, log.cluster):
            await asyncio.to_thread(log.cluster.start)
        goal = len(traffic.refresh_tokens) + 20
        await _until(lambda: len(traffic.refresh_tokens) >= goal)
        traffic.stop()
        await running
        assert set(traffic.failures) == {"InternalErrorException"}, "an answer every time, no broken connection"
        await _assert_kept(log.url, traffic)
        assert server.pid == pid
        assert await server.stop() == 0


async def _until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not reached():
            await asyncio.sleep(0.005)


async def _grow_audit(url: str, size: int) -> None:
    """Make the table that every write adds to as large as the limit, so that the next page meets it."""
    database = await open_database(url)
    grow = (
        "INSERT INTO audit (pool_id, event_id, at, event) "
        f"SELECT 'ballast', lpad(i::text, 500, '0'), 0, '' FROM generate_series(1, {size // 500}) i"
    )
    batch = Batch()
    batch.add(grow)
    await database.commit(batch)
    await database.close()


def _gave_up(cluster: Cluster) -> bool:
    """Whether PostgreSQL has ended for want of space, or else comes back by itself."""
    for _ in range(100):
        if cluster.ended or cluster.ready:
            return cluster.ended
        time.sleep(0.1)
    return cluster.ended


async def _assert_kept(url: str, traffic: Traffic) -> None:
    database = await open_database(url)
    await traffic.assert_kept(database)
    await assert_whole(database)
    await database.close()
