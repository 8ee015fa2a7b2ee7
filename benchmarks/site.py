"""An installation to measure: the benchmark's stack deployed, an access key issued, its people known.

Made in this process by the product's own parts; then served by a process of its own.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

import poolhouse.userpools.operations  # noqa: F401  # the deployer asks the operations
from benchmarks.databases import Storage
from benchmarks.people import Population, portions
from benchmarks.process import ROOT, settings
from benchmarks.scene import Scene
from poolhouse.access.keys import AccessKeys
from poolhouse.access.policy import FULL_ACCESS
from poolhouse.cli.installation import Installation
from poolhouse.config import load_config
from poolhouse.crypto.master_key import MasterKey
from poolhouse.opening import open_services
from poolhouse.services import Services
from poolhouse.stacks.drafting import DeployRequest

_STACK = ROOT / "benchmarks" / "stack.yaml"


class _Made(Struct, frozen=True):
    pool_id: str
    client_id: str
    key_id: str
    secret: str


class Site:
    """A deployed installation on a database."""

    def __init__(self, storage: Storage, folder: Path, upstream: str) -> None:
        self.storage = storage
        self.folder = folder
        self.state = folder / "state"
        self.state.mkdir(mode=0o700, parents=True)
        self.log = folder / "server.log"
        self.environment = settings(storage.url, self.state, MasterKey.generate().text())
        self._made = asyncio.run(self._deploy(upstream))
        self.population: Population | None = None

    @property
    def pool_id(self) -> str:
        """The pool."""
        return self._made.pool_id

    @property
    def client_id(self) -> str:
        """The pool's client."""
        return self._made.client_id

    @asynccontextmanager
    async def services(self) -> AsyncIterator[Services]:
        """The installation's services in this process, for a moment."""
        config = load_config(self.environment)
        opened = await open_services(config, self.environment)
        try:
            yield opened
        finally:
            await opened.database.close()

    def scene(self, port: int, gateway_port: int) -> Scene:
        """What a load generator must know."""
        return Scene(
            port=port,
            gateway_port=gateway_port,
            pool_id=self._made.pool_id,
            client_id=self._made.client_id,
            key_id=self._made.key_id,
            secret=self._made.secret,
            size=self.population.size if self.population else 0,
            people=self.population.people if self.population else [],
        )

    def grow(self, size: int, able: int) -> None:
        """Fill the pool up to `size` users, of whom about `able` more can sign in."""
        asyncio.run(self._grow(size, able))
        self.storage.settle()

    async def _grow(self, size: int, able: int) -> None:
        if self.population is None:
            async with self.services() as services:
                self.population = Population(services.database, services.keyring, self.pool_id)
        for count, some in portions(size - self.population.size, able):
            rows = self.population.portion(count, some)
            await asyncio.to_thread(self.storage.load, rows)

    async def _deploy(self, upstream: str) -> _Made:
        async with self.services() as services:
            installation = Installation(load_config(self.environment), services)
            request = DeployRequest(
                stack_name="benchmark",
                template_text=_STACK.read_text("utf-8"),
                template_name=_STACK.name,
                code_base=_STACK.parent,
                account_id=services.settings.account_id,
                parameters={"Upstream": upstream},
            )
            state = await installation.deployer().deploy(installation.call(), request)
            keys = AccessKeys(services.database, services.keyring, clock=time.time, random=os.urandom)
            issued = await keys.create("benchmark", FULL_ACCESS)
            outputs = {name: str(output.value) for name, output in state.outputs.items()}
            return _Made(outputs["PoolId"], outputs["ClientId"], issued.key_id, issued.secret)
