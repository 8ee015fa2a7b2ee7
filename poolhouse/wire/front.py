"""The AWS endpoint: `POST /` in the JSON 1.1 protocol, and for sts in the Query protocol.

Owns the reading of request heads and the one place where errors become HTTP. Every answer is one that a client and a
browser can read. Knows nothing of what operations do.
"""

from collections.abc import Mapping
from typing import Generic

import msgspec

from poolhouse.http.message import BadBody, BodyTimeout, BodyTooLarge, ClientVanished, Request, Response
from poolhouse.model.catalogue import JSON_PREFIXES, model
from poolhouse.model.errors import (
    InternalErrorException,
    RequestEntityTooLargeException,
    RequestTimeoutException,
    SerializationException,
    ServiceError,
    UnknownOperationException,
)
from poolhouse.model.shape import Operation
from poolhouse.wire.dispatch import Dispatcher, Route
from poolhouse.wire.envelope import JSON_TYPE, Cors, RequestIds, json_refusal, new_request_id
from poolhouse.wire.failures import log_failure
from poolhouse.wire.query import FORM_TYPE, QueryFront, xml_refusal
from poolhouse.wire.registry import BoundOperation, CallT, MakeCall, Observe, PrincipalT, VerifyPrincipal

JSON_CONTENT_TYPE = "application/x-amz-json-1.1"

_encode = msgspec.json.Encoder().encode


class AwsFront(Generic[CallT, PrincipalT]):
    """Answers requests to the AWS endpoint.

    registry: the built operations by target (`AWSCognitoIdentityProviderService.SignUp`, `sts.GetCallerIdentity`).
    make_call, verify_principal: see registry.py. time_limit: seconds that one operation may take.
    request_ids: makes the ids. observe: told of every answer.
    """

    def __init__(
        self,
        registry: Mapping[str, BoundOperation[CallT]],
        make_call: MakeCall[CallT, PrincipalT],
        verify_principal: VerifyPrincipal[PrincipalT],
        *,
        time_limit: float = 30.0,
        cors: Cors | None = None,
        request_ids: RequestIds = new_request_id,
        observe: Observe | None = None,
    ) -> None:
        self._registry = registry
        self._dispatcher: Dispatcher[CallT, PrincipalT] = Dispatcher(make_call, verify_principal, time_limit)
        self._query = QueryFront(registry, self._dispatcher)
        self._cors = cors if cors is not None else Cors()
        self._new_request_id = request_ids
        self._observe = observe
        self._routes: dict[str, Route[CallT]] = {}

    def handles(self, request: Request) -> bool:
        """Whether `request` is for this endpoint; of GET only what names an action of the Query protocol."""
        if request.path not in ("/", ""):
            return False
        return request.method not in ("GET", "HEAD") or "Action=" in request.query

    async def handle(self, request: Request) -> Response:
        """The answer, whatever the request. Raises only ClientVanished, when nobody is left to read one."""
        request_id = self._new_request_id()
        if request.method == "OPTIONS":
            return self._cors.preflight(request, request_id)
        if _is_query(request):
            return await self._handle_query(request, request_id)
        return await self._handle_json(request, request_id)

    async def _handle_json(self, request: Request, request_id: str) -> Response:
        operation: Operation | None = None
        try:
            body = await _read(request)
            route = self._route(request)
            operation = route.operation
            result = await self._dispatcher.run(route, request, body, request_id, route.decoder.decode)
            payload = b"{}" if result is None else _encode(result)
        except Exception as failure:  # noqa: BLE001 - the boundary: whatever happens, the client gets an envelope
            error = _as_service_error(failure, request_id, operation)
            if self._observe is not None:
                self._observe(request, request_id, operation, error)
            return json_refusal(error, request_id, self._cors.headers(request))
        if self._observe is not None:
            self._observe(request, request_id, operation, None)
        headers = [JSON_TYPE, (b"x-amzn-RequestId", request_id.encode()), *self._cors.headers(request)]
        return Response(200, headers, payload)

    async def _handle_query(self, request: Request, request_id: str) -> Response:
        operation: Operation | None = None
        try:
            body = await _read(request)
            question = self._query.read(request, body)
            operation = question.operation
            answer = await self._query.answer(question, request, body, request_id)
        except Exception as failure:  # noqa: BLE001 - the boundary, as above
            error = _as_service_error(failure, request_id, operation)
            if self._observe is not None:
                self._observe(request, request_id, operation, error)
            return xml_refusal(error, request_id, self._cors.headers(request))
        if self._observe is not None:
            self._observe(request, request_id, operation, None)
        answer.headers += self._cors.headers(request)
        return answer

    def _route(self, request: Request) -> Route[CallT]:
        """The operation that the head asks for. Raises UnknownOperationException, SerializationException."""
        # DEVIATION: the service answers other content types with 404 and XML; clients of this protocol read JSON.
        if request.method != "POST":
            raise UnknownOperationException
        content_type = request.header(b"content-type")
        if content_type != JSON_CONTENT_TYPE:
            _require_json(content_type)
        target = request.header(b"x-amz-target")
        if target is None:
            raise UnknownOperationException
        route = self._routes.get(target)
        return route if route is not None else self._new_route(target)

    def _new_route(self, target: str) -> Route[CallT]:
        prefix, _, name = target.partition(".")
        service = JSON_PREFIXES.get(prefix)
        operation = model(service).operations.get(name) if service is not None else None
        if service is None or operation is None:
            raise UnknownOperationException
        route = Route(operation, model(service).service, self._registry.get(target))
        self._routes[target] = route
        return route


def _is_query(request: Request) -> bool:
    if request.header(b"x-amz-target") is not None:
        return False
    if request.method == "GET":
        return "Action=" in request.query
    content_type = request.header(b"content-type")
    return content_type is not None and content_type.partition(";")[0].strip().lower() == FORM_TYPE


def _require_json(content_type: str | None) -> None:
    """Accept the protocol's media type in any spelling, with no charset but UTF-8 (or its subset)."""
    media_type, _, parameters = (content_type or "").partition(";")
    if media_type.strip().lower() != JSON_CONTENT_TYPE:
        raise UnknownOperationException
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8", "us-ascii"):
            raise SerializationException


async def _read(request: Request) -> bytes:
    try:
        return await request.body.read()
    except BodyTooLarge:
        raise RequestEntityTooLargeException from None
    except BodyTimeout:
        raise RequestTimeoutException from None
    except BadBody:
        raise SerializationException from None


def _as_service_error(failure: Exception, request_id: str, operation: Operation | None) -> ServiceError:
    """What the client is told. Raises ClientVanished again: the connection is gone."""
    if isinstance(failure, ServiceError):
        return failure
    if isinstance(failure, ClientVanished):
        raise failure
    log_failure(request_id, operation.name if operation is not None else None, failure)
    return InternalErrorException()
