"""Lambda's Invoke API over HTTP: POST /2015-03-31/functions/{name}/invocations.

Owns its headers, statuses and error bodies. Who may call is decided by the composition root, which is asked as soon
as the body and the function's ARN are known.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

import msgspec

from poolhouse.http.message import BodyTooLarge, Handler, RawHeaders, Request, Response

from .call import new_request_id
from .functions import Functions
from .spec import (
    REQUEST_LIMIT,
    CallContext,
    FunctionNotFound,
    Invocation,
    PayloadTooLarge,
    ThrottleReason,
    TooManyInvocations,
)

PREFIX = "/2015-03-31/functions/"
_SUFFIX = "/invocations"
_TYPES = ("Event", "RequestResponse", "DryRun")
_CLIENT_CONTEXT_LIMIT = 3583


Permit = Callable[[Request, bytes, str], Awaitable[None]]
"""Raises unless this request, with this body, may invoke the function of this ARN. What it raises passes through."""


class _Refused(Exception):
    """An error answer: status, error type and body members."""

    def __init__(self, status: int, kind: str, body: dict[str, str]) -> None:
        super().__init__(kind)
        self.status = status
        self.kind = kind
        self.body = body


class _Target(NamedTuple):
    name_or_arn: str
    arn: str
    """Without a qualifier: what a policy says of a function holds for each of its versions."""
    shown: str
    """As an error names it."""


def invoke_handler(functions: Functions, random: Callable[[int], bytes], permit: Permit) -> Handler:
    """The handler of every path below PREFIX."""

    async def handle(request: Request) -> Response:
        request_id = new_request_id(random)
        try:
            return await _invoke(functions, request, permit, request_id)
        except _Refused as refused:
            headers: RawHeaders = [
                (b"Content-Type", b"application/json"),
                (b"X-Amzn-RequestId", request_id.encode()),
                (b"x-amzn-ErrorType", refused.kind.encode()),
            ]
            return Response(refused.status, headers, msgspec.json.encode(refused.body))

    return handle


async def _invoke(functions: Functions, request: Request, permit: Permit, request_id: str) -> Response:
    path = request.path
    if request.method != "POST" or not (path.startswith(PREFIX) and path.endswith(_SUFFIX)):
        raise _Refused(404, "UnknownOperationException", {"Message": "Unknown operation"})
    target = _target(functions, unquote(path[len(PREFIX) : -len(_SUFFIX)]), request.query)
    # Read once, for the signature and for the function: a second read would find nothing.
    body = await _body(request)
    await permit(request, body, target.arn)
    kind = _invocation_type(request)
    context = _context(request)
    payload = _payload(body)
    try:
        functions.find(target.name_or_arn)
        if kind == "DryRun":
            accepted = (b"X-Amzn-RequestId", request_id.encode())
            return Response(204, [accepted, (b"X-Amz-Executed-Version", b"$LATEST")])
        if kind == "Event":
            event_id = functions.invoke_event(target.name_or_arn, payload, context=context)
            return Response(202, [(b"X-Amzn-RequestId", event_id.encode())])
        invocation = await functions.invoke(target.name_or_arn, payload, context=context)
    except FunctionNotFound:
        message = f"Function not found: {target.shown}"
        raise _Refused(404, "ResourceNotFoundException", {"Type": "User", "Message": message}) from None
    except TooManyInvocations as refused:
        raise _throttled(refused.reason) from None
    except PayloadTooLarge as refused:
        raise _too_large(refused.limit) from None
    return _result(invocation, wants_log=request.header(b"x-amz-log-type") == "Tail")


def _invocation_type(request: Request) -> str:
    kind = request.header(b"x-amz-invocation-type") or "RequestResponse"
    if kind in _TYPES:
        return kind
    message = (
        f"1 validation error detected: Value '{kind}' at 'invocationType' failed to satisfy "
        "constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
    )
    raise _Refused(400, "ValidationException", {"message": message})


def _target(functions: Functions, given: str, query: str) -> _Target:
    """A name, a partial or a whole ARN, each with or without a qualifier. Only $LATEST exists."""
    parts = given.split(":")
    at = parts.index("function") + 1 if "function" in parts else 0
    name = parts[at] if at < len(parts) else ""
    qualifier = ":".join(parts[at + 1 :]) or parse_qs(query).get("Qualifier", [""])[0]
    whole = ":".join(parts[: at + 1]) if parts[0] == "arn" else functions.arn_of(name)
    if qualifier not in ("", "$LATEST"):
        return _Target("", whole, f"{whole}:{qualifier}")
    return _Target(whole if parts[0] == "arn" else name, whole, whole)


async def _body(request: Request) -> bytes:
    try:
        return await request.body.read(REQUEST_LIMIT)
    except BodyTooLarge:
        raise _too_large(REQUEST_LIMIT) from None


def _payload(payload: bytes) -> bytes:
    if not payload:
        return b"{}"
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"Could not parse request body into json: Could not parse payload into json: {error}"
        raise _Refused(400, "InvalidRequestContentException", {"Type": "User", "message": message}) from None
    return payload


def _context(request: Request) -> CallContext:
    encoded = request.header(b"x-amz-client-context")
    text = None
    if encoded:
        try:
            text = base64.b64decode(encoded, validate=True).decode()
            msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        except (binascii.Error, UnicodeDecodeError, msgspec.DecodeError, RecursionError):
            text = None
        if text is None or len(encoded) > _CLIENT_CONTEXT_LIMIT:
            message = "Client context must be a valid Base64-encoded JSON object."
            raise _Refused(400, "InvalidRequestContentException", {"Type": "User", "message": message})
    return CallContext(trace_id=request.header(b"x-amzn-trace-id"), client_context=text)


def _too_large(limit: int) -> _Refused:
    message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
    return _Refused(413, "RequestEntityTooLargeException", {"Message": message})


def _throttled(reason: ThrottleReason) -> _Refused:
    body = {"Reason": reason.value, "Type": "User", "message": "Rate Exceeded."}
    return _Refused(429, "TooManyRequestsException", body)


def _result(invocation: Invocation, *, wants_log: bool) -> Response:
    headers: RawHeaders = [
        (b"Content-Type", b"application/json"),
        (b"X-Amzn-RequestId", invocation.request_id.encode()),
        (b"X-Amz-Executed-Version", b"$LATEST"),
    ]
    if invocation.error is not None:
        headers.append((b"X-Amz-Function-Error", invocation.error.encode()))
    if wants_log:
        headers.append((b"X-Amz-Log-Result", base64.b64encode(invocation.log_tail)))
    return Response(200, headers, invocation.payload)
