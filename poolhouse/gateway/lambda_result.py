"""A function's result as an HTTP answer (api-gateway.md section 3, "function result -> HTTP").

Owns the format's rules. Knows nothing of how functions are called.
"""

import base64
import binascii

import msgspec

from poolhouse.gateway.answers import internal_error
from poolhouse.gateway.authority import JsonValue
from poolhouse.gateway.headers import remapped, sendable
from poolhouse.http.message import RawHeaders, Response

_KEYS = frozenset(("isBase64Encoded", "statusCode", "headers", "multiValueHeaders", "body"))
_decoder = msgspec.json.Decoder(dict[str, JsonValue])


def lambda_answer(payload: bytes, *, accepts_binary: bool) -> Response:
    """The HTTP answer that a result describes. Raises GatewayError 502 if it describes none.

    `accepts_binary`: the first type of the request's Accept header is one of the API's binary types.
    """
    try:
        result = _decoder.decode(payload)
    except msgspec.MsgspecError:
        raise internal_error() from None
    if not _KEYS.issuperset(result):
        raise internal_error()
    status = _status(result.get("statusCode"))
    headers = _headers(result.get("headers"), result.get("multiValueHeaders"))
    body = _scalar_text(result.get("body")).encode()
    if _flag(result.get("isBase64Encoded")) and accepts_binary:
        body = _decoded(body)
    return Response(status, headers, body)


def _status(value: JsonValue) -> int:
    if value is None:
        return 200
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
        value = int(value)
    # An interim status (1xx) is not an answer: the client would wait for another.
    if isinstance(value, bool) or not isinstance(value, int) or not 200 <= value <= 599:
        raise internal_error()
    return value


def _headers(single: JsonValue, multiple: JsonValue) -> RawHeaders:
    """Multiple values first, then single ones; a name is spelled as in multiValueHeaders."""
    spelling: dict[str, str] = {}
    lines: RawHeaders = []
    for name, values in _mapping(multiple).items():
        if values is None:
            continue
        if not isinstance(values, list):
            raise internal_error()
        spelling[name.lower()] = name
        for value in values:
            _add(lines, name, value)
    for name, value in _mapping(single).items():
        if value is not None:
            _add(lines, spelling.setdefault(name.lower(), name), value)
    if "content-type" not in spelling:
        lines.insert(0, (b"Content-Type", b"application/json"))
    return lines


def _mapping(value: JsonValue) -> dict[str, JsonValue]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise internal_error()
    return value


def _add(lines: RawHeaders, name: str, value: JsonValue) -> None:
    raw_name, raw_value = name.encode(), _scalar_text(value).encode()
    if not sendable(raw_name, raw_value):
        raise internal_error()
    leaving = remapped(raw_name)
    if leaving is not None:
        lines.append((leaving, raw_value))


def _scalar_text(value: JsonValue) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return msgspec.json.encode(value).decode()
    raise internal_error()


def _flag(value: JsonValue) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    if value in ("true", "false"):
        return value == "true"
    raise internal_error()


def _decoded(body: bytes) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        raise internal_error() from None
