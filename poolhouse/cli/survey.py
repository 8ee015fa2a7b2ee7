"""What a stack serves, for people and scripts: pools, clients, and the URLs of its APIs.

Reads the stack's state and what is deployed. Owns how URLs are formed for the terminal.
"""

from collections import Counter
from typing import TYPE_CHECKING

from poolhouse.cli.installation import Installation
from poolhouse.cli.record import Api, ClientNote, PoolNote, Route

if TYPE_CHECKING:
    from poolhouse.stacks.state import StackState
    from poolhouse.stacks.template import JsonValue, Tree

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "x-amazon-apigateway-any-method")


def pools_of(state: "StackState") -> list[PoolNote]:
    """The stack's user pools."""
    return [
        PoolNote(
            id=resource.physical_id,
            name=str(resource.properties.get("UserPoolName") or resource.logical_id),
            email_is_username="email" in _list(resource.properties.get("UsernameAttributes")),
        )
        for resource in state.resources.values()
        if resource.type == "AWS::Cognito::UserPool"
    ]


def clients_of(state: "StackState") -> list[ClientNote]:
    """The stack's app clients."""
    return [
        ClientNote(
            id=resource.physical_id,
            name=str(resource.properties.get("ClientName") or resource.logical_id),
            pool_id=str(resource.properties.get("UserPoolId") or ""),
        )
        for resource in state.resources.values()
        if resource.type == "AWS::Cognito::UserPoolClient"
    ]


async def apis_of(installation: Installation, state: "StackState", gateway: str) -> list[Api]:
    """The stack's APIs, under the gateway's URL (`http://localhost:3000`)."""
    from poolhouse.stacks.served import ServedStore

    own = {name for kind, name in state.served if kind == "api"}
    if not own:
        return []
    documents = await ServedStore(installation.services.database, installation.services.keyring).load("api")
    stages = [(document, stage) for document in documents for stage in _stages(document)]
    # A stage's name alone leads to its API only while no other API has a stage of that name; the host always does.
    taken = Counter(stage for _, stage in stages)
    return [
        _api(document, stage, _base(gateway, str(document["api_id"]), stage, by_host=taken[stage] > 1))
        for document, stage in stages
        if document["api_id"] in own
    ]


def _stages(document: "Tree") -> list[str]:
    """The stages that people mean: SAM adds one called Stage beside them (contract/api-gateway.md section 5)."""
    names = list(_tree(document.get("stages")))
    return [name for name in names if name != "Stage"] or names


def _base(gateway: str, api_id: str, stage: str, *, by_host: bool) -> str:
    if not by_host:
        return f"{gateway}/{stage}"
    scheme, _, host = gateway.partition("://")
    port = host.rpartition(":")[2]
    return f"{scheme}://{api_id}.execute-api.localhost:{port}/{stage}"


def _api(document: "Tree", stage: str, base: str) -> Api:
    routes = [
        Route(method=_method(method), url=base + path)
        for path, operations in _tree(_tree(document.get("body")).get("paths")).items()
        for method in _tree(operations)
        # Preflight answers are there for browsers, not for people.
        if method in _METHODS and method != "options"
    ]
    return Api(id=str(document["api_id"]), name=str(document.get("name") or ""), stage=stage, url=base, routes=routes)


def _method(name: str) -> str:
    return "ANY" if name.startswith("x-") else name.upper()


def _tree(value: "JsonValue") -> "Tree":
    return value if isinstance(value, dict) else {}


def _list(value: "JsonValue") -> "list[JsonValue]":
    return value if isinstance(value, list) else []
