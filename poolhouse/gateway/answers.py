"""The answers that the gateway gives itself: their types, texts, headers and an API's changes to them.

Owns the wording (api-gateway.md sections 2-4). Knows nothing of routes or integrations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from poolhouse.gateway.text import Text
from poolhouse.http.message import RawHeaders, Response

if TYPE_CHECKING:
    from poolhouse.gateway.exchange import Exchange


class AnswerType(Enum):
    """Gateway response types: value = (type's own status, x-amzn-ErrorType)."""

    ACCESS_DENIED = (403, "AccessDeniedException")
    API_CONFIGURATION_ERROR = (500, "InternalServerErrorException")
    AUTHORIZER_CONFIGURATION_ERROR = (500, "AuthorizerConfigurationException")
    AUTHORIZER_FAILURE = (500, "AuthorizerFailureException")
    BAD_REQUEST_BODY = (400, "BadRequestException ")
    BAD_REQUEST_PARAMETERS = (400, "BadRequestException")
    EXPIRED_TOKEN = (403, "ExpiredTokenException")
    INTEGRATION_FAILURE = (504, "InternalServerErrorException ")
    INTEGRATION_TIMEOUT = (504, "InternalServerErrorException  ")
    INVALID_API_KEY = (403, "ForbiddenException")
    INVALID_SIGNATURE = (403, "InvalidSignatureException")
    MISSING_AUTHENTICATION_TOKEN = (403, "MissingAuthenticationTokenException")
    QUOTA_EXCEEDED = (429, "LimitExceededException")
    REQUEST_TOO_LARGE = (413, "RequestTooLargeException")
    RESOURCE_NOT_FOUND = (404, "NotFoundException")
    THROTTLED = (429, "TooManyRequestsException")
    UNAUTHORIZED = (401, "UnauthorizedException")
    UNSUPPORTED_MEDIA_TYPE = (415, "BadRequestException  ")
    WAF_FILTERED = (403, "ForbiddenException ")
