"""A server to attack, on each kind of database."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.attacks.premises import Premises, open_premises
from tests.house import Clock


@pytest.fixture
async def premises(database_url: str, tmp_path: Path) -> AsyncIterator[Premises]:
    """A server with a pool, a client and a guarded API, on each kind of database."""
    async with open_premises(database_url, tmp_path / "state", Clock(float(int(time.time())))) as opened:
        await opened.found()
        yield opened


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[Premises]:
    """The same on SQLite alone, for what no database has a part in."""
    async with open_premises("", tmp_path / "state", Clock(float(int(time.time())))) as opened:
        await opened.found()
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Premises]:
    """One server on SQLite for a whole module of tests that leave no state behind."""
    state = tmp_path_factory.mktemp("standing") / "state"
    async with open_premises("", state, Clock(float(int(time.time())))) as opened:
        await opened.found()
        yield opened
