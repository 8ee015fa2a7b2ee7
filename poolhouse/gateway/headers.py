"""Which headers cross the gateway, in which spelling, and what it adds (api-gateway.md section 3).

Owns the lists. Knows nothing of events or upstreams.
"""

import re

from poolhouse.gateway.exchange import Exchange
from poolhouse.http.message import RawHeaders

DROPPED = frozenset(
    (
        b"connection", b"content-length", b"content-md5", b"expect", b"max-forwards", b"proxy-authenticate",
        b"server", b"te", b"transfer-encoding", b"trailer", b"upgrade", b"www-authenticate",
        b"keep-alive", b"proxy-connection", b"http2-settings",
    )
)  # fmt: skip
"""Request headers that no integration sees."""

_REMAPPED = frozenset(
    (
        b"authorization", b"connection", b"content-md5", b"date", b"host", b"max-forwards", b"server",
        b"trailer", b"user-agent", b"www-authenticate",
    )
)  # fmt: skip
_FRAMING = frozenset(
    (b"content-length", b"transfer-encoding", b"keep-alive", b"proxy-connection", b"upgrade", b"te")
)  # fmt: skip
_TITLED = {b"authorization": b"Authorization", b"user-agent": b"User-Agent", b"host": b"Host"}
OWN = frozenset((b"x-forwarded-port", b"x-forwarded-proto", b"x-forwarded-for", b"x-amzn-trace-id"))
"""Request headers that the gateway writes itself."""
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSAFE = re.compile(rb"[\r\n\0]")


def decoded(value: bytes) -> str:
    """A header's value as text: UTF-8 where it is, ISO 8859-1 otherwise (RFC 9110 section 5.5)."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def passed_on(exchange: Exchange) -> RawHeaders:
    """The request's headers as an integration gets them, in order."""
    request, origin = exchange.request, exchange.origin
    dropped = _dropped(request.header(b"connection"))
    found: RawHeaders = []
    forwarded_for: list[bytes] = []
    trace = None
    for name, value in request.headers:
        lowered = name.lower()
        if lowered in dropped:
            continue
        if lowered not in OWN:
            found.append((_TITLED.get(lowered, name), value))
        elif lowered == b"x-forwarded-for":
            forwarded_for.append(value)
        elif lowered == b"x-amzn-trace-id":
            trace = value
    # Whoever has forwarded the request to here, which is not the source where a proxy in front is trusted.
    forwarded_for.append(request.peer.encode())
    found += (
        (b"X-Amzn-Trace-Id", trace or b"Root=" + exchange.trace_root.encode()),
        (b"X-Forwarded-For", b", ".join(forwarded_for)),
        (b"X-Forwarded-Port", origin.port.encode()),
        (b"X-Forwarded-Proto", origin.scheme.encode()),
    )
    return found


def _dropped(connection: str | None) -> frozenset[bytes]:
    """What stays here, with what the client says is meant for the next hop only (RFC 9110 section 7.6.1)."""
    if connection is None or connection.lower() in {"keep-alive", "close"}:
        return DROPPED
    return DROPPED | _options(connection.encode("latin-1"))


def _options(connection: bytes) -> set[bytes]:
    return {option.strip().lower() for option in connection.split(b",")}


def for_this_hop(headers: RawHeaders) -> set[bytes]:
    """The headers, by lower-case name, that an upstream's answer says are meant for the gateway only."""
    found: set[bytes] = set()
    for name, value in headers:
        if name.lower() == b"connection":
            found |= _options(value)
    return found


def remapped(name: bytes) -> bytes | None:
    """The name under which an integration's answer header leaves; None if it must not."""
    lowered = name.lower()
    if lowered in _FRAMING:
        return None
    return b"x-amzn-Remapped-" + name if lowered in _REMAPPED else name


def sendable(name: bytes, value: bytes) -> bool:
    """Whether a header that an integration gave can stand in an HTTP message (RFC 9110 section 5)."""
    return _TOKEN.fullmatch(name) is not None and _UNSAFE.search(value) is None


def own_headers(exchange: Exchange) -> RawHeaders:
    """What the gateway adds to every answer of an integration."""
    return [
        (b"x-amzn-RequestId", exchange.request_id.encode()),
        (b"x-amz-apigw-id", exchange.extended_id.encode()),
        (b"X-Amzn-Trace-Id", b"Root=" + exchange.trace_root.encode()),
    ]
