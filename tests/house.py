"""A whole installation in this process, for tests: real database, real keys, a clock and a random source to hold."""

import random
import time
import uuid
from pathlib import Path

import poolhouse.userpools.operations  # noqa: F401  # registers what the tests call
from poolhouse.call import LOCAL_OPERATOR, Call, Principal
from poolhouse.config import Config
from poolhouse.opening import open_services
from poolhouse.services import Services


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


class House:
    """Services with a way to call them."""

    def __init__(self, services: Services, clock: Clock) -> None:
        self.services = services
        self.clock = clock
        self.chance = random.SystemRandom()

    def call(self, caller: Principal | None = LOCAL_OPERATOR) -> Call:
        """A call as of the test's clock."""
        return Call(
            self.services,
            now=self.clock(),
            chance=self.chance,
            request_id=str(uuid.uuid4()),
            caller=caller,
            address="127.0.0.1",
        )

    async def close(self) -> None:
        await self.services.database.close()


async def open_house(database_url: str, state_dir: Path) -> House:
    """Open an installation on a database; what it needs in files lies in `state_dir`."""
    clock = Clock(float(int(time.time())))
    config = Config(mode="development", state_dir=state_dir, database_url=database_url)
    state_dir.mkdir(parents=True, exist_ok=True)
    return House(await open_services(config, {}, clock=clock), clock)
