"""The Runtime API 2018-06-01 of one sandbox: HTTP in, calls on the sandbox's state machine out.

Owns paths, headers, statuses and bodies (lambda-runtime.md section 1). The runtime behind it may be
hostile: whatever it sends ends in a 4xx for itself and touches nobody else.
"""

from typing import Protocol

import msgspec

from poolhouse.http.message import BodyTooLarge, RawHeaders, Request, Response
from poolhouse.http.server import Limits

from .call import Handed
from .spec import RESPONSE_LIMIT

_BASE = "/2018-06-01/runtime/"
_INVOCATION = _BASE + "invocation/"
_NEXT = _INVOCATION + "next"
_INIT_ERROR = _BASE + "init/error"

LIMITS = Limits(
    max_body=RESPONSE_LIMIT,
    # The connection rests while the function computes: the longest timeout (900 s) must fit.
    keep_alive=3600.0,
    body_timeout=900.0,
    max_concurrency=16,
    max_connections=64,
    max_pipelined=4,
)


class RefusedByState(Exception):
    """The runtime asks for what its state does not allow (403)."""


class UnknownRequestId(Exception):
    """The id is not that of the call in progress (400)."""


class Runtime(Protocol):
    """The state machine behind the API."""

    @property
    def arn(self) -> str:
        """The function's ARN."""
        ...

    async def next(self) -> Handed:
        """Wait for a call. Raises RefusedByState."""
        ...

    def check(self, request_id: str) -> None:
        """Raises UnknownRequestId or RefusedByState unless this call awaits its result."""
        ...

    def answer(self, request_id: str, body: bytes) -> None:
        """The result. Raises as check."""
        ...

    def answer_too_large(self, request_id: str) -> None:
        """A result over the limit. Raises as check."""
        ...

    def report(self, request_id: str, body: bytes, error_type: str | None) -> None:
        """The handler's failure. Raises as check."""
        ...

    def report_init(self, body: bytes, error_type: str | None) -> None:
        """The runtime could not start. Raises RefusedByState."""
        ...


_JSON: RawHeaders = [(b"Content-Type", b"application/json")]


def _reply(status: int, body: bytes) -> Response:
    return Response(status, list(_JSON), body)


def _error(status: int, kind: str, message: str) -> Response:
    return _reply(status, msgspec.json.encode({"errorMessage": message, "errorType": kind}))


def on_protocol_error(status: int, reason: str) -> Response:
    """The answer to what is no HTTP."""
    return _error(status, "InvalidRequest", reason)


class RuntimeApi:
    """The handler of one sandbox's listener."""

    __slots__ = ("_arn_header", "_runtime")

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._arn_header = (b"Lambda-Runtime-Invoked-Function-Arn", runtime.arn.encode())

    async def handle(self, request: Request) -> Response:
        """Answer one request of the runtime."""
        try:
            answer = await self._route(request)
        except UnknownRequestId:
            answer = _error(400, "InvalidRequestID", "Invalid request ID")
        except RefusedByState as refused:
            answer = _error(403, "InvalidStateTransition", str(refused))
        return answer

    async def _route(self, request: Request) -> Response:
        path = request.path
        if path == _NEXT and request.method == "GET":
            return self._event(await self._runtime.next())
        if request.method == "POST" and path == _INIT_ERROR:
            return await self._take_init_error(request)
        if request.method == "POST" and path.startswith(_INVOCATION):
            request_id, _, kind = path[len(_INVOCATION) :].partition("/")
            if kind in ("response", "error"):
                return await self._take_result(request, request_id, kind)
        return _error(404, "NotFound", "no such path")

    def _event(self, handed: Handed) -> Response:
        call = handed.call
        headers: RawHeaders = [
            (b"Content-Type", b"application/json"),
            (b"Lambda-Runtime-Aws-Request-Id", call.request_id.encode()),
            (b"Lambda-Runtime-Deadline-Ms", b"%d" % handed.deadline_ms),
            self._arn_header,
            (b"Lambda-Runtime-Trace-Id", handed.trace_id.encode("latin-1", "replace")),
        ]
        context = call.context
        if context.client_context is not None:
            headers.append((b"Lambda-Runtime-Client-Context", _header_json(context.client_context)))
        if context.cognito_identity is not None:
            headers.append((b"Lambda-Runtime-Cognito-Identity", _header_json(context.cognito_identity)))
        return Response(200, headers, call.payload)

    async def _take_result(self, request: Request, request_id: str, kind: str) -> Response:
        runtime = self._runtime
        runtime.check(request_id)  # before the body: nobody reads megabytes for a wrong id
        try:
            body = await request.body.read(RESPONSE_LIMIT)
        except BodyTooLarge:
            runtime.answer_too_large(request_id)
            message = f"Exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
            return _error(413, "RequestEntityTooLarge", message)
        if kind == "error":
            runtime.report(request_id, body, _error_type(request))
        else:
            runtime.answer(request_id, body)
        return _reply(202, b'{"status":"OK"}\n')

    async def _take_init_error(self, request: Request) -> Response:
        body = await request.body.read(RESPONSE_LIMIT)
        self._runtime.report_init(body, _error_type(request))
        return _reply(202, b'{"status":"OK"}\n')


def _error_type(request: Request) -> str | None:
    value = request.header(b"lambda-runtime-function-error-type")
    return value[:256] if value else None


def _header_json(text: str) -> bytes:
    """JSON in a header: anything outside ASCII is escaped, which JSON allows, and it stays on one line."""
    escaped = "".join(
        char if " " <= char <= "~" else "".join(f"\\u{unit:04x}" for unit in _utf16(char)) if char >= "\x80" else " "
        for char in text
    )
    return escaped.encode("ascii")


def _utf16(char: str) -> list[int]:
    raw = char.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]
