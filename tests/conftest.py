"""Databases for the tests: every test that asks for `database` runs on SQLite and on a real PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from poolhouse.storage import Database, open_database
from tests.house import House, open_house
from tests.postgresql import Cluster, cluster_folder, start_cluster


@pytest.fixture(autouse=True)
def _logging_as_at_the_start() -> Iterator[None]:
    """A command run in this process sets the log up for itself; the next test finds it as it was."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of the tests' own, gone when they end."""
    with cluster_folder() as folder, start_cluster(folder) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, on each kind that we support."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/state/poolhouse.db"
        return
    running: Cluster = request.getfixturevalue("cluster")
    with running.schema() as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open, migrated, empty database, on each kind that we support."""
    opened = await open_database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """A whole installation in this process, on each kind of database."""
    opened = await open_house(database_url, tmp_path / "state")
    yield opened
    await opened.close()
