"""A deployed document that this release cannot read stops neither the server nor what else is deployed."""

import time
from pathlib import Path
from typing import Any

import pytest

from poolhouse.stacks.resource import Fragment
from poolhouse.stacks.served import ServedStore
from poolhouse.storage import Batch
from tests.attacks.premises import Premises, open_premises
from tests.house import Clock

UNREADABLE: list[tuple[str, dict[str, Any]]] = [
    ("api", {"api_id": 5}),
    ("api", {"api_id": "x", "name": "x", "region": "r", "account": "a", "stages": {"v": {}}, "body": {"paths": []}}),
    ("function", {"name": "f"}),
    ("function", {"name": "f", "runtime": ["of", "another", "release"]}),
]


async def _deploy(premises: Premises, kind: str, document: dict[str, Any]) -> None:
    services = premises.app.services
    batch = Batch()
    fragment = Fragment(kind, "broken", document)
    served = ServedStore(services.database, services.keyring)
    served.replace(batch, "other", (), {(kind, "broken"): fragment}, 0)
    await services.database.commit(batch)


@pytest.mark.parametrize(("kind", "document"), UNREADABLE)
async def test_an_unreadable_deployment_stops_nothing_else(tmp_path: Path, kind: str, document: dict[str, Any]) -> None:
    clock = Clock(float(int(time.time())))
    async with open_premises("", tmp_path / "state", clock) as premises:
        await premises.found()
        await _deploy(premises, kind, document)
        await premises.user("alice")
        token = (await premises.sign_in("alice"))["IdToken"]
        assert await premises.visit(token) == 200
        await premises.deploy()  # what is deployed afterwards is followed still
        upstream = premises.upstream
        async with open_premises("", tmp_path / "state", clock, upstream=upstream) as again:
            await again.deployed()
            assert await again.visit(token) == 200, "and a server starts on it"
