"""The services by name, each imported when it is first asked for.

Owns the list of services and the coverage table. Knows nothing of what is built: callers say.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Literal, assert_never

from msgspec import Struct

from poolhouse.model.shape import AuthType, Operation, Service

ServiceName = Literal["cognito-idp", "cognito-identity", "sts"]
SERVICE_NAMES: tuple[ServiceName, ...] = ("cognito-idp", "cognito-identity", "sts")

JSON_PREFIXES: Mapping[str, ServiceName] = {
    "AWSCognitoIdentityProviderService": "cognito-idp",
    "AWSCognitoIdentityService": "cognito-identity",
}
"""What precedes the operation's name in X-Amz-Target; here so that no model is imported to find its service."""


class Model(Struct, frozen=True):
    """One service and its operations by name."""

    service: Service
    operations: Mapping[str, Operation]


class CoverageRow(Struct, frozen=True):
    """One operation of one service: whether this release provides it and whether a real client tested it."""

    service: str
    operation: str
    auth: AuthType
    built: bool
    tested: bool


@cache
def model(name: ServiceName) -> Model:
    """The model of one service. The import costs about 15 ms for cognito-idp, 2 ms for the others."""
    match name:
        case "cognito-idp":
            from poolhouse.model import cognito_idp_model as module
        case "cognito-identity":
            from poolhouse.model import cognito_identity_model as module  # type: ignore[no-redef]
        case "sts":
            from poolhouse.model import sts_model as module  # type: ignore[no-redef]
        case _:
            assert_never(name)
    return Model(module.SERVICE, module.OPERATIONS)


def target(operation: Operation) -> str:
    """What X-Amz-Target says for `operation`; for sts, which has no such header, `sts.{name}`."""
    prefixes = {service: prefix for prefix, service in JSON_PREFIXES.items()}
    return f"{prefixes.get(operation.service, operation.service)}.{operation.name}"  # type: ignore[call-overload]


def coverage(built: Collection[str], tested: Collection[str]) -> list[CoverageRow]:
    """All operations of the three services, in the model's order; `built` and `tested` hold targets.

    Raises ValueError if they name a target that no model has.
    """
    rows: list[CoverageRow] = []
    known: set[str] = set()
    for name in SERVICE_NAMES:
        for operation in model(name).operations.values():
            key = target(operation)
            known.add(key)
            rows.append(CoverageRow(name, operation.name, operation.auth, key in built, key in tested))
    if unknown := sorted({*built, *tested} - known):
        raise ValueError(f"no such operation: {', '.join(unknown)}")
    return rows
