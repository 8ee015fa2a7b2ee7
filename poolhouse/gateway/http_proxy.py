"""The HTTP_PROXY and HTTP integrations: the request to an upstream and its answer back, both as streams.

Owns what crosses and what does not. DEVIATION: API Gateway holds whole messages and so limits them to 10 MB;
nothing is held here, so nothing is limited.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Self
from urllib.parse import quote_plus, unquote_plus

from poolhouse.gateway.answers import AnswerType, GatewayError, internal_error
from poolhouse.gateway.exchange import Exchange
from poolhouse.gateway.headers import OWN, for_this_hop, own_headers, passed_on, remapped, sendable
from poolhouse.gateway.mock import choose, mapped_headers
from poolhouse.gateway.model import HttpUpstream, Stage
from poolhouse.http.client import (
    Client,
    UpstreamBody,
    UpstreamBroken,
    UpstreamError,
    UpstreamResponse,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from poolhouse.http.message import AnswerBroken, RawHeaders, Request, Response
from poolhouse.telemetry.log import get_logger

_log = get_logger(__name__)

_SMALL = 64 << 10
"""A body up to this long is read whole: it goes out with the head, and can be sent again."""


async def call_upstream(exchange: Exchange, stage: Stage, integration: HttpUpstream, client: Client) -> Response:
    """Answer with what the upstream says. Raises GatewayError. The caller's going away ends the call."""
    request = exchange.request
    method = integration.method or request.method
    body, length = await _body(request)
    task = asyncio.current_task()
    if task is not None:
        request.on_disconnect(task.cancel)
    try:
        answer = await client.send(
            integration.origin,
            method,
            _target(exchange, integration),
            _headers(exchange, stage, integration),
            body,
            length=length,
            timeout=integration.timeout,
        )
    except UpstreamTimeout as failure:
        raise _failed(exchange, integration, failure, _TIMED_OUT) from None
    except UpstreamUnreachable as failure:
        raise _failed(exchange, integration, failure, _UNREACHABLE) from None
    except UpstreamBroken as failure:
        raise _failed(exchange, integration, failure, _BROKEN) from None
    return _passed(exchange, answer) if integration.passes_all else await _mapped(exchange, integration, answer)


async def _body(request: Request) -> tuple[bytes | AsyncIterator[bytes], int | None]:
    length = request.content_length
    if length is not None:
        if length <= _SMALL:
            return await request.read(_SMALL), None
        return request.stream(), length
    return (b"" if request.header(b"transfer-encoding") is None else request.stream()), None


_TIMED_OUT = (AnswerType.INTEGRATION_TIMEOUT, 504, "Endpoint request timed out")
_UNREACHABLE = (AnswerType.INTEGRATION_FAILURE, 504, "Network error communicating with endpoint")
_BROKEN = (AnswerType.INTEGRATION_FAILURE, 502, "Internal server error")


def _failed(
    exchange: Exchange, integration: HttpUpstream, failure: Exception, said: tuple[AnswerType, int, str]
) -> GatewayError:
    kind, status, message = said
    _log.warning(
        "gateway_upstream_failed",
        cause=type(failure).__name__,
        detail=str(failure),
        upstream=f"{integration.origin.scheme}://{integration.origin.authority.decode()}",
        request_id=exchange.request_id,
    )
    return GatewayError(kind, message, status=status)


# -- the request


def _target(exchange: Exchange, integration: HttpUpstream) -> bytes:
    path = "".join(part if isinstance(part, str) else part.value(exchange) or "" for part in integration.target)
    queries = [integration.query] if integration.query else []
    own = [(name, text) for name, value in integration.queries if (text := value(exchange)) is not None]
    if integration.passes_all and exchange.request.query:
        queries.append(_without(exchange.request.query, {name for name, _ in integration.queries}))
    queries += [f"{quote_plus(name)}={quote_plus(text)}" for name, text in own]
    query = "&".join(part for part in queries if part)
    return (f"{path}?{query}" if query else path).encode("latin-1")


def _without(query: str, names: set[str]) -> str:
    """A query as sent, less the parameters that the mapping sets itself."""
    if not names:
        return query
    return "&".join(pair for pair in query.split("&") if unquote_plus(pair.partition("=")[0]) not in names)


def _headers(exchange: Exchange, stage: Stage, integration: HttpUpstream) -> RawHeaders:
    found = [(name, value(exchange)) for name, value in integration.headers]
    # A line break in a claim or a query parameter is no more a header's value than none at all.
    mapped = [(name, raw) for name, text in found if text is not None and sendable(name, raw := text.encode())]
    # The mapping alone says what these hold, also where it has nothing to say: the caller must not be able to.
    own = {_as_read(name) for name, _ in integration.headers}
    named_host = any(name.lower() == b"host" for name, _ in mapped)
    headers: RawHeaders = [] if named_host else [(b"Host", integration.origin.authority)]
    passed = passed_on(exchange)
    if not integration.passes_all:
        passed = [line for line in passed if line[0].lower() in _ALWAYS]
    headers += [line for line in passed if line[0] != b"Host" and not _shadows(line[0], own)]
    headers += mapped
    if not any(name == b"User-Agent" for name, _ in headers):
        headers.append((b"User-Agent", b"AmazonAPIGateway_" + stage.api_id.encode()))
    headers.append((b"x-amzn-apigateway-api-id", stage.api_id.encode()))
    return headers


def _shadows(name: bytes, mapped: set[bytes]) -> bool:
    """Whether an upstream could take the caller's header for a mapped one or for one of the gateway's own."""
    read = _as_read(name)
    return read in mapped or (b"_" in name and read in OWN)


def _as_read(name: bytes) -> bytes:
    """A header's name as an upstream may read it: to CGI and WSGI, X_Sub and X-Sub are one."""
    return name.lower().replace(b"_", b"-")


_ALWAYS = frozenset(
    (b"x-amzn-trace-id", b"x-forwarded-for", b"x-forwarded-port", b"x-forwarded-proto", b"content-type")
)


# -- the answer


def _passed(exchange: Exchange, answer: UpstreamResponse) -> Response:
    headers: RawHeaders = []
    length: bytes | None = None
    staying = for_this_hop(answer.headers)
    for name, value in answer.headers:
        leaving = remapped(name)
        if leaving is not None:
            if name.lower() not in staying:
                headers.append((leaving, value))
        elif name.lower() == b"content-length":
            length = value
    headers += own_headers(exchange)
    if length is not None:
        headers.append((b"Content-Length", length))
    return Response(answer.status, headers, _relayed(exchange, answer))


def _relayed(exchange: Exchange, answer: UpstreamResponse) -> "bytes | _Passing":
    """The body: at once if it came with the head, as most short ones do; else as it comes."""
    whole = answer.body.whole()
    return _Passing(exchange, answer.body) if whole is None else whole


class _Passing:
    """An upstream's body on its way to the caller; closing it frees the upstream connection."""

    def __init__(self, exchange: Exchange, body: UpstreamBody) -> None:
        self._exchange = exchange
        self._body = body

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._body.__anext__()
        except UpstreamError as failure:
            _log.warning(
                "gateway_upstream_broke_off",
                cause=type(failure).__name__,
                detail=str(failure),
                request_id=self._exchange.request_id,
            )
            raise AnswerBroken from failure

    async def aclose(self) -> None:
        """Give the rest up."""
        await self._body.aclose()


async def _mapped(exchange: Exchange, integration: HttpUpstream, answer: UpstreamResponse) -> Response:
    mapping = choose(integration.answers, answer.status)
    if mapping is None:
        await answer.body.aclose()
        _log.warning("gateway_no_answer_mapping", status=answer.status, request_id=exchange.request_id)
        raise internal_error(AnswerType.API_CONFIGURATION_ERROR, 500)
    headers = mapped_headers(exchange, mapping, answer.headers)
    if not any(name.lower() == b"content-type" for name, _ in headers):
        kinds = [value for name, value in answer.headers if name.lower() == b"content-type"]
        kind = kinds[0] if kinds and mapping.template is None else mapping.content_type
        headers.insert(0, (b"Content-Type", kind))
    headers += own_headers(exchange)
    if mapping.template is None:
        return Response(mapping.status, headers, _relayed(exchange, answer))
    await answer.body.aclose()
    return Response(mapping.status, headers, mapping.template.render(exchange.lookup).encode())
