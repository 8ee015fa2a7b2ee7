"""Mapping expressions: `'literal'`, `method.request.header.X`, `context.X`, `stageVariables.X` and their kin.

Owns their reading and evaluation. Knows nothing of where the values go.
"""

import re
from collections.abc import Callable

from poolhouse.gateway.definition import ApiInvalid
from poolhouse.gateway.exchange import Exchange
from poolhouse.http.message import RawHeaders

Value = Callable[[Exchange], str | None]
"""Evaluates one expression; None if what it names is absent."""

UpstreamValue = Callable[[Exchange, RawHeaders], str | None]
"""As `Value`, for expressions that may also name an upstream's answer headers."""

_REQUEST = re.compile(r"method\.request\.(header|querystring|path|multivalueheader|multivaluequerystring)\.(.+)")
_VARIABLE = re.compile(r"(context|stageVariables)\.(.+)")
_ANSWER_HEADER = re.compile(r"integration\.response\.(?:header|multivalueheader)\.(.+)")


def read_value(expression: str, where: str) -> Value:
    """Compile an expression about the request. Raises ApiInvalid."""
    if len(expression) >= 2 and expression[0] == expression[-1] == "'":
        literal = expression[1:-1]
        return lambda _: literal
    if (variable := _VARIABLE.fullmatch(expression)) is not None:
        name = variable[0]
        return lambda exchange: exchange.lookup(name) or None
    if (part := _REQUEST.fullmatch(expression)) is None:
        raise ApiInvalid(where, f"the mapping expression {expression!r} is not supported")
    name = part[2]
    match part[1]:
        case "header":
            lowered = name.lower().encode()
            return lambda exchange: exchange.request.header(lowered)
        case "multivalueheader":
            lowered = name.lower().encode()
            return lambda exchange: ",".join(exchange.request.header_values(lowered)) or None
        case "path":
            return lambda exchange: exchange.parameters.get(name)
        case "querystring":
            return lambda exchange: _last(exchange.queries.get(name))
        case _:
            return lambda exchange: _joined(exchange.queries.get(name))


def read_upstream_value(expression: str, where: str) -> UpstreamValue:
    """Compile an expression about the request or the upstream's answer. Raises ApiInvalid."""
    if (header := _ANSWER_HEADER.fullmatch(expression)) is None:
        value = read_value(expression, where)
        return lambda exchange, _: value(exchange)
    lowered = header[1].lower().encode()

    def of_answer(_: Exchange, headers: RawHeaders) -> str | None:
        found = [value.decode("latin-1") for name, value in headers if name.lower() == lowered]
        return ",".join(found) if found else None

    return of_answer


def _last(values: list[str] | None) -> str | None:
    return values[-1] if values else None


def _joined(values: list[str] | None) -> str | None:
    return ",".join(values) if values else None
