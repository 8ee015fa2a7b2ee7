"""An API as it is deployed: an OpenAPI document with its identifiers and stages.

Owns the shape that deployers hand over. Knows nothing of what the document says.
"""

from typing import Literal

import msgspec

from poolhouse.gateway.authority import JsonValue


class ApiInvalid(Exception):
    """The API cannot be served as written; `where` points into the document, `message` says what to do."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(f"{where}: {message}")
        self.where = where
        self.message = message


class StageDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """One stage of an API."""

    variables: dict[str, str] = {}
    deployment_id: str | None = None
    """None: one is made from what is deployed."""


class ApiDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """One deployed REST API. `msgspec.convert` makes it of a deployed document; unknown members are ignored."""

    api_id: str
    name: str
    region: str
    account: str
    stages: dict[str, StageDefinition]
    body: dict[str, JsonValue]
    """Swagger 2.0 (or OpenAPI 3) with API Gateway's extensions, every intrinsic resolved."""
    mode: Literal["session", "aws"] = "session"
    """`session`: whoever signed out is refused at once; `aws`: tokens are good until they expire."""
