"""Tries what a stack is about to serve before it does: APIs compile, functions have code that can run.

Handed to the deployer, which takes the deploy back when something here is raised. Serves nothing.
"""

import secrets
from collections.abc import Mapping

import msgspec

from poolhouse.config import Config
from poolhouse.functions.functions import Functions
from poolhouse.functions.journal import RecentLogs
from poolhouse.functions.spec import Credentials, FunctionsBroken, FunctionsConfig, FunctionSpec
from poolhouse.gateway.compile import compile_api
from poolhouse.gateway.definition import ApiDefinition
from poolhouse.stacks.served import Key
from poolhouse.stacks.template import Tree


class CannotServe(Exception):
    """What was deployed could not be served; the text says why."""


def functions_config(config: Config, *, reload_interval: float | None, cgroup_parent: str | None) -> FunctionsConfig:
    """How this installation runs functions; builds made in a rehearsal are the ones that are served."""
    return FunctionsConfig(
        state_dir=config.state_dir.absolute() / "functions",
        endpoint_url=config.base_url,
        region=config.region,
        account_id=config.account_id,
        sandboxes_total=config.function_limit,
        sandboxes_per_function=config.function_limit,
        reload_interval=reload_interval,
        cgroup_parent=cgroup_parent,
    )


class Rehearsal:
    """A rehearsal with an installation's own settings."""

    def __init__(self, config: Config) -> None:
        self._config = config

    async def __call__(self, documents: Mapping[Key, Tree]) -> None:
        """Raises ApiInvalid, CannotServe, msgspec.ValidationError."""
        specs: list[FunctionSpec] = []
        for (kind, _), document in documents.items():
            if kind == "api":
                compile_api(msgspec.convert({**document, "mode": self._config.gateway_mode}, ApiDefinition))
            elif kind == "function":
                specs.append(msgspec.convert(document, FunctionSpec))
        await self._build(specs)

    async def _build(self, specs: list[FunctionSpec]) -> None:
        config = functions_config(self._config, reload_interval=None, cgroup_parent=None)
        functions = Functions(config, credentials=unprivileged_credentials, sink=RecentLogs())
        try:
            await functions.configure(specs)
        except FunctionsBroken as broken:
            raise CannotServe(
                "; ".join(f"{failure.function}: {failure.message}" for failure in broken.failures)
            ) from broken
        finally:
            await functions.close()


async def unprivileged_credentials(spec: FunctionSpec) -> Credentials:
    """Keys that open nothing of their own accord: a development server takes any, a production server none.

    DEVIATION: a function's role is recorded but gives no keys in this release; it can call public operations.
    """
    del spec
    return Credentials(
        access_key_id="ASIA" + secrets.token_hex(8).upper(),
        secret_access_key=secrets.token_urlsafe(30),
        session_token=secrets.token_urlsafe(60),
    )
