"""What the generated service models are made of: the base of all shapes, and the descriptions of operation and service.

Owns representation only. Knows nothing of any particular service and of validation (validation.py).
"""

from typing import Annotated, Literal, get_args, get_type_hints

from msgspec import Meta, Struct

from poolhouse.model.errors import ServiceError

AuthType = Literal["none", "token", "sigv4"]
"""Who may call: anyone; whoever sends an access token (or a challenge session) in the request; a signed principal."""

Protocol = Literal["json", "query"]

Timestamp = Annotated[float, Meta(extra={"timestamp": True})]
"""Epoch seconds with fraction; ISO 8601 in the query protocol's XML."""

Integer = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Long = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1, extra={"bits": 64})]

Document = object
"""Free-form JSON: decoded to plain values; to be encoded, plain values, a Struct or a `msgspec.Raw`."""

SENSITIVE = Meta(extra={"sensitive": True})
"""Marks a member whose value never appears in a message or a repr."""

DOTS = "••••"


class Shape(Struct, frozen=True, omit_defaults=True, gc=False):
    """A structure of a service model. An absent optional member is None and stays out of the encoded JSON.

    Shapes are trees of values, so the collector, which looks for cycles, need not know them.
    """

    def __repr__(self) -> str:
        hidden = _hidden_fields(type(self))
        parts = [
            f"{name}={DOTS if name in hidden else repr(value)}"
            for name in self.__struct_fields__
            if (value := getattr(self, name)) is not None
        ]
        return f"{type(self).__name__}({', '.join(parts)})"


class Operation(Struct, frozen=True):
    """One operation of a service, as the model describes it."""

    name: str
    service: str
    request: type[Shape]
    response: type[Shape] | None
    auth: AuthType
    errors: tuple[type[ServiceError], ...]


class Service(Struct, frozen=True):
    """One service: how its operations are addressed and how it words a constraint violation."""

    name: str
    api_version: str
    protocol: Protocol
    target_prefix: str
    """What precedes the operation's name in X-Amz-Target; empty for the query protocol."""
    xml_namespace: str
    validation_error: type[ServiceError]


_hidden: dict[type[Shape], frozenset[str]] = {}


def _hidden_fields(shape: type[Shape]) -> frozenset[str]:
    known = _hidden.get(shape)
    if known is None:
        hints = get_type_hints(shape, include_extras=True)
        known = frozenset(name for name, hint in hints.items() if _is_hidden(hint))
        _hidden[shape] = known
    return known


def _is_hidden(hint: object) -> bool:
    metas = [meta for meta in getattr(hint, "__metadata__", ()) if isinstance(meta, Meta)]
    if any(meta.extra and ("sensitive" in meta.extra or "secret" in meta.extra) for meta in metas):
        return True
    return any(_is_hidden(part) for part in get_args(hint))
