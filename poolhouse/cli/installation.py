"""An installation as a command sees it: its services, opened for one errand, and a way to ask operations.

The operations are the service's own, called in this process with the service's own checks.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from poolhouse.call import Call
from poolhouse.cli.failures import Refused
from poolhouse.cli.record import find_config
from poolhouse.config import PREFIX, Config
from poolhouse.model import cognito_idp_model as model
from poolhouse.model.shape import Shape
from poolhouse.model.validation import RequestDecoder
from poolhouse.opening import open_services, operator_call
from poolhouse.services import Services
from poolhouse.telemetry.log import configure_command_logging

if TYPE_CHECKING:
    from poolhouse.stacks.deployer import Deployer

RequestT = TypeVar("RequestT", bound=Shape)
ResponseT = TypeVar("ResponseT")
T = TypeVar("T")


class Installation:
    """An opened installation."""

    def __init__(self, config: Config, services: Services) -> None:
        self.config = config
        self.services = services

    async def ask(self, operation: Callable[[Call, RequestT], Awaitable[ResponseT]], request: RequestT) -> ResponseT:
        """Call an operation as the operator. Raises the service's errors, for a malformed request too."""
        described = model.OPERATIONS[type(request).__name__.removesuffix("Request")]
        RequestDecoder(described, model.SERVICE).check(request)
        return await operation(self.call(), request)

    def call(self) -> Call:
        """A call by the operator."""
        return operator_call(self.services)

    def deployer(self) -> "Deployer":
        """The deployer of this installation's stacks."""
        import time

        from poolhouse.rehearsal import Rehearsal
        from poolhouse.stacks.deployer import Deployer
        from poolhouse.stacks.resources import resource_types

        services = self.services
        inline = self.config.state_dir / "inline"
        return Deployer(
            services.database,
            services.keyring,
            resource_types(),
            time.time,
            inline_base=inline.absolute(),
            rehearse=Rehearsal(self.config),
        )


@asynccontextmanager
async def open_installation(config: Config) -> AsyncIterator[Installation]:
    """Open it for one errand. Raises what open_services raises."""
    services = await open_services(config, os.environ)
    try:
        yield Installation(config, services)
    finally:
        await services.database.close()


def existing_config(state: Path | None) -> Config:
    """The configuration of an installation that is there already. Raises Refused, BadConfiguration."""
    config = find_config(os.environ, state)
    if not config.database_url and not (config.state_dir / "poolhouse.db").exists():
        raise Refused(
            f"there is no installation in {config.state_dir}; run `poolhouse up TEMPLATE` there, name its folder with "
            f"--state, or set {PREFIX}DATABASE_URL"
        )
    return config


def run(errand: Coroutine[Any, Any, T]) -> T:
    """Run a command's work to its end; warnings of the rooms below go to standard error."""
    import asyncio

    configure_command_logging()
    return asyncio.run(errand)


async def with_installation(state: Path | None, errand: Callable[[Installation], Awaitable[T]]) -> T:
    """Open the existing installation, do the errand, close."""
    async with open_installation(existing_config(state)) as installation:
        return await errand(installation)
