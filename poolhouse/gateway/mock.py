"""The MOCK integration and the answer mappings that it shares with HTTP: CORS preflights, mostly.

Owns the choice of the mapping and its evaluation. Knows nothing of upstreams.
"""

import msgspec

from poolhouse.gateway.answers import internal_error
from poolhouse.gateway.exchange import Exchange
from poolhouse.gateway.headers import own_headers, sendable
from poolhouse.gateway.model import AnswerMapping, Mock
from poolhouse.http.message import RawHeaders, Response


class _Chosen(msgspec.Struct):
    status_code: int = msgspec.field(name="statusCode")


_decoder = msgspec.json.Decoder(_Chosen)


def mock_answer(exchange: Exchange, integration: Mock) -> Response:
    """Answer without any upstream. Raises GatewayError 500 if the request template gives no statusCode."""
    try:
        chosen = _decoder.decode(integration.status.render(exchange.lookup)).status_code
    except msgspec.MsgspecError:
        raise internal_error(status=500) from None
    mapping = choose(integration.answers, chosen)
    if mapping is None:
        raise internal_error(status=500)
    headers = mapped_headers(exchange, mapping, [])
    body = b"" if mapping.template is None else mapping.template.render(exchange.lookup).encode()
    if not any(name.lower() == b"content-type" for name, _ in headers):
        headers.insert(0, (b"Content-Type", mapping.content_type))
    return Response(mapping.status, headers + own_headers(exchange), body)


def choose(answers: tuple[AnswerMapping, ...], status: int) -> AnswerMapping | None:
    """The mapping whose pattern matches a status, else the default one."""
    default = None
    for mapping in answers:
        if mapping.pattern is None:
            default = mapping
        elif mapping.pattern.fullmatch(str(status)) is not None:
            return mapping
    return default


def mapped_headers(exchange: Exchange, mapping: AnswerMapping, upstream: RawHeaders) -> RawHeaders:
    """The headers that a mapping sets; those without a value that a header can have are left out."""
    headers: RawHeaders = []
    for name, value in mapping.headers:
        text = value(exchange, upstream)
        if text is not None and sendable(name, raw := text.encode()):
            headers.append((name, raw))
    return headers
