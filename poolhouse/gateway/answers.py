"""The answers that the gateway gives itself: their types, texts, headers and an API's changes to them.

Owns the wording (api-gateway.md sections 1-4). Knows nothing of routes or integrations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import msgspec

from poolhouse.gateway.exchange import Exchange
from poolhouse.gateway.text import Text
from poolhouse.gateway.values import Value
from poolhouse.http.message import RawHeaders, Response


class AnswerType(Enum):
    """Gateway response types, by the names under which an API changes them."""

    ACCESS_DENIED = "ACCESS_DENIED"
    API_CONFIGURATION_ERROR = "API_CONFIGURATION_ERROR"
    AUTHORIZER_CONFIGURATION_ERROR = "AUTHORIZER_CONFIGURATION_ERROR"
    AUTHORIZER_FAILURE = "AUTHORIZER_FAILURE"
    BAD_REQUEST_BODY = "BAD_REQUEST_BODY"
    BAD_REQUEST_PARAMETERS = "BAD_REQUEST_PARAMETERS"
    EXPIRED_TOKEN = "EXPIRED_TOKEN"
    INTEGRATION_FAILURE = "INTEGRATION_FAILURE"
    INTEGRATION_TIMEOUT = "INTEGRATION_TIMEOUT"
    INVALID_API_KEY = "INVALID_API_KEY"
    INVALID_SIGNATURE = "INVALID_SIGNATURE"
    MISSING_AUTHENTICATION_TOKEN = "MISSING_AUTHENTICATION_TOKEN"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    REQUEST_TOO_LARGE = "REQUEST_TOO_LARGE"
    RESOURCE_NOT_FOUND = "RESOURCE_NOT_FOUND"
    THROTTLED = "THROTTLED"
    UNAUTHORIZED = "UNAUTHORIZED"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    WAF_FILTERED = "WAF_FILTERED"
    DEFAULT_4XX = "DEFAULT_4XX"
    DEFAULT_5XX = "DEFAULT_5XX"


_DEFAULTS: dict[AnswerType, tuple[int, str]] = {
    AnswerType.ACCESS_DENIED: (403, "AccessDeniedException"),
    AnswerType.API_CONFIGURATION_ERROR: (500, "InternalServerErrorException"),
    AnswerType.AUTHORIZER_CONFIGURATION_ERROR: (500, "AuthorizerConfigurationException"),
    AnswerType.AUTHORIZER_FAILURE: (500, "AuthorizerFailureException"),
    AnswerType.BAD_REQUEST_BODY: (400, "BadRequestException"),
    AnswerType.BAD_REQUEST_PARAMETERS: (400, "BadRequestException"),
    AnswerType.EXPIRED_TOKEN: (403, "ExpiredTokenException"),
    AnswerType.INTEGRATION_FAILURE: (504, "InternalServerErrorException"),
    AnswerType.INTEGRATION_TIMEOUT: (504, "InternalServerErrorException"),
    AnswerType.INVALID_API_KEY: (403, "ForbiddenException"),
    AnswerType.INVALID_SIGNATURE: (403, "InvalidSignatureException"),
    AnswerType.MISSING_AUTHENTICATION_TOKEN: (403, "MissingAuthenticationTokenException"),
    AnswerType.QUOTA_EXCEEDED: (429, "LimitExceededException"),
    AnswerType.REQUEST_TOO_LARGE: (413, "RequestTooLargeException"),
    AnswerType.RESOURCE_NOT_FOUND: (404, "NotFoundException"),
    AnswerType.THROTTLED: (429, "TooManyRequestsException"),
    AnswerType.UNAUTHORIZED: (401, "UnauthorizedException"),
    AnswerType.UNSUPPORTED_MEDIA_TYPE: (415, "UnsupportedMediaTypeException"),
    AnswerType.WAF_FILTERED: (403, "ForbiddenException"),
    AnswerType.DEFAULT_4XX: (400, "BadRequestException"),
    AnswerType.DEFAULT_5XX: (500, "InternalServerErrorException"),
}


class GatewayError(Exception):
    """The gateway answers by itself. `status` and `error_type` replace the type's own; `plain`: not as JSON."""

    def __init__(
        self,
        kind: AnswerType,
        message: str,
        *,
        status: int | None = None,
        error_type: str | None = None,
        plain: bool = False,
    ) -> None:
        super().__init__(message)
        own_status, own_type = _DEFAULTS[kind]
        self.kind = kind
        self.message = message
        self.status = own_status if status is None else status
        self.error_type = own_type if error_type is None else error_type
        self.plain = plain


def unauthorized(message: str = "Unauthorized") -> GatewayError:
    """401 of section 2."""
    return GatewayError(AnswerType.UNAUTHORIZED, message)


def internal_error(kind: AnswerType = AnswerType.DEFAULT_5XX, status: int = 502) -> GatewayError:
    """The integration gave nothing that can be passed on (section 3)."""
    return GatewayError(kind, "Internal server error", status=status)


@dataclass(frozen=True, slots=True)
class Customised:
    """What an API changes about one type (x-amazon-apigateway-gateway-responses)."""

    status: int | None
    headers: tuple[tuple[bytes, Value], ...]
    template: Text | None
    content_type: bytes


Customisations = Mapping[AnswerType, Customised]
NO_CUSTOMISATIONS: Customisations = {}


def answer(error: GatewayError, exchange: Exchange, customisations: Customisations) -> Response:
    """The response to an error, as the API wants it."""
    of_class = AnswerType.DEFAULT_4XX if error.status < 500 else AnswerType.DEFAULT_5XX
    custom = customisations.get(error.kind) or customisations.get(of_class)
    status = error.status
    headers: RawHeaders = []
    body = _plain_body(error)
    content_type = b"text/plain" if error.plain else b"application/json"
    if custom is not None:
        status = status if custom.status is None else custom.status
        headers = [(name, text) for name, value in custom.headers if (text := _header_text(value, exchange))]
        if custom.template is not None:
            body = custom.template.render(lambda name: _lookup(error, exchange, name)).encode()
            content_type = custom.content_type
    if not any(name.lower() == b"content-type" for name, _ in headers):
        headers.insert(0, (b"Content-Type", content_type))
    headers.append((b"x-amzn-RequestId", exchange.request_id.encode()))
    headers.append((b"x-amzn-ErrorType", error.error_type.encode()))
    headers.append((b"x-amz-apigw-id", exchange.extended_id.encode()))
    return Response(status, headers, body)


def _plain_body(error: GatewayError) -> bytes:
    if error.plain:
        return error.message.encode()
    text = msgspec.json.encode(error.message)
    if error.kind is AnswerType.ACCESS_DENIED:
        return b'{"Message":' + text + b"}"
    # What comes from behind the gateway has a blank after the colon, what it says itself has none.
    return (b'{"message": ' if error.status >= 500 else b'{"message":') + text + b"}"


def _header_text(value: Value, exchange: Exchange) -> bytes | None:
    text = value(exchange)
    if not text or "\r" in text or "\n" in text or "\0" in text:
        return None
    return text.encode("utf-8")


def _lookup(error: GatewayError, exchange: Exchange, name: str) -> str:
    match name:
        case "context.error.message":
            return error.message
        case "context.error.messageString":
            return msgspec.json.encode(error.message).decode()
        case "context.error.responseType":
            return error.kind.value
        case _:
            return exchange.lookup(name)
