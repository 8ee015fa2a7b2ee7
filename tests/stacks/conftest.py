"""An installation, a deployer on it, and a folder with templates and code."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.house import House, open_house
from tests.stacks.workshop import Workshop


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """An installation on each kind of database."""
    opened = await open_house(database_url, tmp_path / "state")
    yield opened
    await opened.close()


@pytest.fixture
def workshop(house: House, tmp_path: Path) -> Workshop:
    """A deployer with the real resource types."""
    folder = tmp_path / "work"
    folder.mkdir()
    return Workshop(house, folder)
