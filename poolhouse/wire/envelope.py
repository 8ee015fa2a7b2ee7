"""The outside of every answer on the AWS endpoint: CORS, request id, error headers, and the JSON error body.

Owns wording and status of refusals on the wire (wire.md sections 1 and 2). Knows nothing of operations.
"""

import os
import re
from collections.abc import Callable

import msgspec

from poolhouse.crypto.uuid4 import uuid4_text
from poolhouse.http.message import RawHeaders, Request, Response
from poolhouse.model.errors import ServiceError

JSON_TYPE = (b"Content-Type", b"application/x-amz-json-1.1")
_EXPOSED = b"x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date"
_PREFLIGHT_MAX_AGE = b"172800"

_MAX_HEADER_MESSAGE = 1024
_MAX_REQUESTED_HEADERS = 2048
_REQUESTED_HEADERS = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:[ \t]*,[ \t]*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")

_encode = msgspec.json.Encoder().encode

RequestIds = Callable[[], str]


def new_request_id() -> str:
    """A version 4 UUID in text form."""
    return uuid4_text(os.urandom(16))


class Cors:
    """Who may read the answers from a browser: anyone, without cookies or other credentials of the browser.

    The origins in `credentialed` are echoed with Allow-Credentials, for pages that call with `credentials: include`
    (wire.md section 2). They are a choice of the operator, because with them a page of such an origin can use what
    the browser holds for this host, a proxy's login or a client certificate.
    """

    __slots__ = ("_anyone", "_credentialed")

    def __init__(self, credentialed: frozenset[str] = frozenset()) -> None:
        self._credentialed = credentialed
        self._anyone = (
            (b"Access-Control-Allow-Origin", b"*"),
            (b"Access-Control-Expose-Headers", _EXPOSED),
            *([(b"Vary", b"Origin")] if credentialed else []),
        )

    @property
    def anyone(self) -> tuple[tuple[bytes, bytes], ...]:
        """What an answer carries where there is no request to look at."""
        return self._anyone

    def headers(self, request: Request) -> tuple[tuple[bytes, bytes], ...]:
        """What every answer to `request` carries."""
        if not self._credentialed:
            return self._anyone
        origin = request.header(b"origin")
        if origin is None or origin not in self._credentialed:
            return self._anyone
        return (
            (b"Access-Control-Allow-Origin", origin.encode("latin-1")),
            (b"Access-Control-Allow-Credentials", b"true"),
            *self._anyone[1:],
        )

    def preflight(self, request: Request, request_id: str) -> Response:
        """The answer to OPTIONS: any header that the page wants to send, POST only."""
        headers: RawHeaders = [
            (b"x-amzn-RequestId", request_id.encode()),
            *self.headers(request),
            (b"Access-Control-Allow-Methods", b"POST"),
            (b"Access-Control-Max-Age", _PREFLIGHT_MAX_AGE),
        ]
        wanted = request.header(b"access-control-request-headers")
        if wanted and len(wanted) <= _MAX_REQUESTED_HEADERS and _REQUESTED_HEADERS.fullmatch(wanted):
            headers.append((b"Access-Control-Allow-Headers", wanted.encode("latin-1")))
        return Response(200, headers, b"")


def error_headers(code: str, message: str, request_id: str) -> RawHeaders:
    """The headers that name an error, for clients that do not read the body."""
    headers = [
        (b"x-amzn-RequestId", request_id.encode()),
        (b"x-amzn-ErrorType", f"{code}:".encode()),
    ]
    if message:
        headers.append((b"x-amzn-ErrorMessage", header_safe(message)))
    return headers


def header_safe(text: str) -> bytes:
    """`text` as a header value: no line breaks or other controls, printable ASCII, bounded."""
    cut = text if len(text) <= _MAX_HEADER_MESSAGE else text[:_MAX_HEADER_MESSAGE] + "..."
    plain = cut.replace("\r\n", " ").replace("\n", " ").strip()
    return "".join(character if " " <= character <= "~" else "?" for character in plain).encode("ascii")


def json_refusal(error: ServiceError, request_id: str, cors: tuple[tuple[bytes, bytes], ...]) -> Response:
    """An error in the envelope of the JSON protocol."""
    body = {"__type": error.code}
    if error.message:
        body["message"] = error.message
    body.update(error.members())
    return Response(
        error.status, [JSON_TYPE, *error_headers(error.code, error.message, request_id), *cors], _encode(body)
    )
