"""Reads `x-amazon-apigateway-integration`: what stands behind a method.

Owns the reading of URIs, mappings and integration responses. Knows nothing of how they are carried out.
"""

import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote, urlsplit

from poolhouse.gateway.document import Part
from poolhouse.gateway.model import (
    AnswerMapping,
    HttpUpstream,
    Integration,
    LambdaProxy,
    Mock,
    PathParameter,
)
from poolhouse.gateway.templates import read_template
from poolhouse.gateway.text import Text
from poolhouse.gateway.values import Value, read_upstream_value, read_value
from poolhouse.http.client import Origin

_FUNCTION = re.compile(
    r"arn:[\w-]+:apigateway:[\w-]+:lambda:path/2015-03-31/functions/"
    r"(arn:[\w-]+:lambda:[\w-]*:\d*:function:[\w:$-]+)/invocations"
)
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.([\w-]+)\}")
_PARAMETER = re.compile(r"\{([^{}]+)\}")
_NOT_TO_BE_SET = frozenset(
    ("content-length", "transfer-encoding", "authorization", "connection", "expect", "proxy-authenticate", "te")
)
_TIMEOUTS = (50, 29_000)
"""Milliseconds (api-gateway.md section 4)."""


def read_integration(part: Part, variables: Mapping[str, str]) -> Integration:
    """One integration. Raises ApiInvalid."""
    if part.absent:
        raise part.wrong("a method needs an integration")
    if part["connectionType"].text_or("INTERNET").upper() != "INTERNET":
        raise part["connectionType"].wrong("only INTERNET is supported")
    match kind := part["type"].text().lower():
        case "aws_proxy":
            return _function(part, variables)
        case "http_proxy" | "http":
            return _upstream(part, variables, passes_all=kind == "http_proxy")
        case "mock":
            return Mock(_status_template(part["requestTemplates"]), _answers(part["responses"]))
        case _:
            raise part["type"].wrong(
                f"the integration type {kind} is not supported: use aws_proxy, http_proxy, http, mock"
            )


def _function(part: Part, variables: Mapping[str, str]) -> LambdaProxy:
    uri = part["uri"]
    function = _FUNCTION.fullmatch(_with_variables(uri, variables))
    if function is None:
        raise uri.wrong("an aws_proxy integration names a Lambda function's invocation path")
    return LambdaProxy(function[1], _timeout(part))


def _upstream(part: Part, variables: Mapping[str, str], *, passes_all: bool) -> HttpUpstream:
    uri = part["uri"]
    address = urlsplit(_with_variables(uri, variables))
    scheme: Literal["http", "https"]
    match address.scheme:
        case "http":
            scheme = "http"
        case "https":
            scheme = "https"
        case _:
            raise uri.wrong("an upstream's address begins with http:// or https://")
    try:
        port = address.port
    except ValueError:
        raise uri.wrong("the port is not a number") from None
    if not address.hostname or "@" in address.netloc or "{" in address.netloc:
        raise uri.wrong("an upstream's address names its host, and nothing in it is a parameter")
    if not address.query.isascii() or " " in address.query:
        raise uri.wrong("the query holds characters that must be percent-encoded")
    mapped = _request_parameters(part["requestParameters"])
    method = part["httpMethod"].text_or("ANY").upper()
    return HttpUpstream(
        origin=Origin(scheme, address.hostname, port or (443 if scheme == "https" else 80)),
        target=_target(uri, address.path or "/", mapped),
        query=address.query,
        method=None if method in {"ANY", "*"} else method,
        timeout=_timeout(part),
        passes_all=passes_all,
        headers=tuple((name.encode(), value) for (place, name), (value, _) in mapped.items() if place == "header"),
        queries=tuple((name, value) for (place, name), (value, _) in mapped.items() if place == "querystring"),
        answers=() if passes_all else _answers(part["responses"]),
    )


_Mapped = dict[tuple[str, str], tuple[Value, bool]]
"""By place and name: the value, and whether it is a path parameter's, which is already percent-encoded."""


def _request_parameters(part: Part) -> _Mapped:
    mapped: _Mapped = {}
    for name, expression in part.members():
        prefix, _, rest = name.removeprefix("integration.request.").partition(".")
        if not name.startswith("integration.request.") or prefix not in {"path", "querystring", "header"} or not rest:
            raise expression.wrong("only integration.request.path, .querystring and .header can be set")
        if prefix == "header" and rest.lower() in _NOT_TO_BE_SET:
            # DEVIATION: a mapping that sets Content-Length, Authorization or the like is refused when it is deployed;
            # API Gateway takes it and then fails every call.
            raise expression.wrong(f"the header {rest} cannot be set by a mapping")
        if prefix == "header":
            expression.header_name(rest)
        source = expression.text()
        value = read_value(source, expression.where)
        mapped[prefix, rest] = (value, source.startswith("method.request.path."))
    return mapped


def _target(uri: Part, path: str, mapped: _Mapped) -> tuple[str | PathParameter, ...]:
    parts: list[str | PathParameter] = []
    for position, piece in enumerate(_PARAMETER.split(path)):
        if position % 2 == 0:
            if not piece.isascii() or " " in piece:
                raise uri.wrong("the path holds characters that must be percent-encoded")
            parts.append(piece)
            continue
        name = piece.removesuffix("+")
        found = mapped.get(("path", name))
        if found is None:
            raise uri.wrong(f"{{{name}}} has no requestParameters entry integration.request.path.{name}")
        value, encoded = found
        parts.append(PathParameter(name, value if encoded else _encoded(value)))
    return tuple(parts)


def _encoded(value: Value) -> Value:
    return lambda exchange: quote(value(exchange) or "", safe="")


def _with_variables(uri: Part, variables: Mapping[str, str]) -> str:
    def replace(match: re.Match[str]) -> str:
        if match[1] not in variables:
            raise uri.wrong(f"the stage has no variable {match[1]}")
        return variables[match[1]]

    return _STAGE_VARIABLE.sub(replace, uri.text())


def _timeout(part: Part) -> float:
    timeout = part["timeoutInMillis"].integer_or(_TIMEOUTS[1])
    if not _TIMEOUTS[0] <= timeout <= _TIMEOUTS[1]:
        raise part["timeoutInMillis"].wrong(f"between {_TIMEOUTS[0]} and {_TIMEOUTS[1]}")
    return timeout / 1000


def _status_template(templates: Part) -> Text:
    template, _ = read_template(templates)
    if template is None:
        # Without a template API Gateway passes the body on, which then has to hold the statusCode itself.
        raise templates.wrong('a mock integration needs a request template such as {"statusCode": 200}')
    return template


def _answers(responses: Part) -> tuple[AnswerMapping, ...]:
    return tuple(_answer(pattern, response) for pattern, response in responses.members())


def _answer(pattern: str, response: Part) -> AnswerMapping:
    headers = []
    for name, expression in response["responseParameters"].members():
        prefix = "method.response.header."
        if not name.startswith(prefix):
            raise expression.wrong(f"only {prefix}<name> can be set")
        value = read_upstream_value(expression.text(), expression.where)
        headers.append((expression.header_name(name.removeprefix(prefix)), value))
    template, content_type = read_template(response["responseTemplates"])
    status = response["statusCode"].answer_status_or(200)
    try:
        compiled = None if pattern == "default" else re.compile(pattern)
    except re.error as error:
        raise response.wrong(f"not a regular expression: {error}") from None
    return AnswerMapping(compiled, status, tuple(headers), template, content_type)
