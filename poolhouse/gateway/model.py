"""A compiled API: what the gateway looks up while it answers, everything else worked out beforehand.

Owns the shapes. Knows nothing of OpenAPI, of HTTP or of how they are used.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal

from poolhouse.gateway.answers import Customisations
from poolhouse.gateway.text import Text
from poolhouse.gateway.values import UpstreamValue, Value
from poolhouse.http.client import Origin

if TYPE_CHECKING:
    from poolhouse.gateway.routes import Router


class Mode(Enum):
    """How long a token is good (api-gateway.md section 2)."""

    SESSION = "session"
    AWS = "aws"


@dataclass(frozen=True, slots=True)
class CognitoAuthorizer:
    """A COGNITO_USER_POOLS authorizer."""

    name: str
    header: bytes
    """Lower-case name of the header that carries the token."""
    providers: frozenset[str]
    """ARNs of the pools whose tokens it takes."""
    audience: re.Pattern[str] | None
    """identityValidationExpression: must match an ID token's `aud`."""


@dataclass(frozen=True, slots=True)
class Guard:
    """An authorizer as one method uses it."""

    authorizer: CognitoAuthorizer
    scopes: frozenset[str]
    mode: Mode


@dataclass(frozen=True, slots=True)
class LambdaProxy:
    """AWS_PROXY integration: the function's ARN, and the binary types of its API."""

    function_arn: str
    timeout: float


@dataclass(frozen=True, slots=True)
class AnswerMapping:
    """An integration response of a non-proxy integration: upstream statuses it is for, and what they become."""

    pattern: re.Pattern[str] | None
    """Of the upstream's status; None for the default."""
    status: int
    headers: tuple[tuple[bytes, UpstreamValue], ...]
    template: Text | None
    content_type: bytes


@dataclass(frozen=True, slots=True)
class HttpUpstream:
    """HTTP_PROXY or HTTP integration."""

    origin: Origin
    target: "tuple[str | PathParameter, ...]"
    """Path of the upstream's URI: literal parts and parameters in turn."""
    query: str
    """Query of the URI itself, undecoded."""
    method: str | None
    """None: the request's own."""
    timeout: float
    passes_all: bool
    """Proxy integrations pass every header and query parameter; the others only what is mapped."""
    headers: tuple[tuple[bytes, Value], ...]
    queries: tuple[tuple[str, Value], ...]
    answers: tuple[AnswerMapping, ...]


@dataclass(frozen=True, slots=True)
class PathParameter:
    """A hole in an upstream's path."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Mock:
    """MOCK integration."""

    status: Text
    """Request template, giving the JSON object that holds `statusCode`."""
    answers: tuple[AnswerMapping, ...]


Integration = LambdaProxy | HttpUpstream | Mock


@dataclass(frozen=True, slots=True)
class RequiredParameter:
    """A parameter that a request validator insists on."""

    place: Literal["header", "querystring", "path"]
    name: str


@dataclass(slots=True, eq=False)
class Route:
    """One method of one resource of one stage."""

    method: str
    """HTTP method, or ANY."""
    resource_path: str
    resource_id: str
    guard: Guard | None
    """None: open to everybody."""
    required: tuple[RequiredParameter, ...]
    integration: Integration
    noticed: bool = field(default=False, init=False)
    """Whether the log has already said that AWS would refuse access tokens here."""


@dataclass(frozen=True, slots=True)
class BinaryTypes:
    """x-amazon-apigateway-binary-media-types."""

    types: frozenset[str]

    def match(self, media_type: str | None) -> bool:
        """Whether a media type (parameters ignored; None: none given) counts as binary."""
        if not self.types:
            return False
        if "*/*" in self.types:
            return True
        return media_type is not None and media_type.partition(";")[0].strip().lower() in self.types


@dataclass(frozen=True, slots=True)
class Resource:
    """The methods of one path."""

    path: str
    methods: Mapping[str, Route]

    def route(self, method: str) -> Route | None:
        """The route of an HTTP method: its own before ANY."""
        return self.methods.get(method) or self.methods.get("ANY")


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of one API, ready to serve."""

    api_id: str
    account: str
    region: str
    name: str
    deployment_id: str
    variables: Mapping[str, str]
    router: "Router"
    binary: BinaryTypes
    customisations: Customisations


@dataclass(frozen=True, slots=True)
class Api:
    """One API, ready to serve."""

    api_id: str
    name: str
    stages: Mapping[str, Stage]
