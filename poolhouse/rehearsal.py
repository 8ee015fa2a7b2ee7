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
from poolhouse.gateway.definition import ApiDefinition, ApiInvalid
from poolhouse.stacks.errors import CannotServe, Path
from poolhouse.stacks.served import Key
from poolhouse.stacks.template import JsonValue, Tree


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
        """Raises CannotServe, msgspec.ValidationError."""
        specs: list[FunctionSpec] = []
        for (kind, name), document in documents.items():
            if kind == "api":
                definition = msgspec.convert({**document, "mode": self._config.gateway_mode}, ApiDefinition)
                try:
                    compile_api(definition)
                except ApiInvalid as invalid:
                    steps = ("Body", *_steps(invalid.where, document.get("body")))
                    raise CannotServe(kind, name, str(invalid), steps) from invalid
            elif kind == "function":
                specs.append(msgspec.convert(document, FunctionSpec))
        await self._build(specs)

    async def _build(self, specs: list[FunctionSpec]) -> None:
        config = functions_config(self._config, reload_interval=None, cgroup_parent=None)
        functions = Functions(config, credentials=unprivileged_credentials, sink=RecentLogs())
        try:
            await functions.configure(specs)
        except FunctionsBroken as broken:
            message = "; ".join(f"{failure.function}: {failure.message}" for failure in broken.failures)
            raise CannotServe("function", broken.failures[0].function, message) from broken
        finally:
            await functions.close()


def _steps(where: str, node: JsonValue) -> Path:
    """`paths./a.b.get.security` as steps into a document, whose own keys may hold dots; as far as they can be told."""
    if not isinstance(node, dict):
        return ()
    for key, inner in node.items():
        if where == key or where.startswith((f"{key}.", f"{key}[")):
            return (key, *_steps(where[len(key) + 1 :], inner))
    return ()


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
