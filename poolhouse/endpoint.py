"""The service's own port: which room answers a request, and the circumstances that its operations are called with.

Owns routing between rooms. Knows no operation's meaning and no socket.
"""

import random
from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from poolhouse.access.principals import Authorizer
from poolhouse.access.principals import Principal as SignedPrincipal
from poolhouse.call import Call, Principal
from poolhouse.http.message import Handler, RawHeaders, Request, Response
from poolhouse.model import cognito_idp_model
from poolhouse.model.errors import (
    InternalErrorException,
    RequestEntityTooLargeException,
    RequestTimeoutException,
    ServiceError,
)
from poolhouse.model.shape import Operation, Shape
from poolhouse.oauth.discovery import discovery, is_discovery
from poolhouse.services import Services
from poolhouse.storage import Unavailable
from poolhouse.telemetry.log import get_logger
from poolhouse.userpools import operations
from poolhouse.userpools.registry import OPERATIONS, Runner
from poolhouse.wire.envelope import Cors, json_refusal, new_request_id
from poolhouse.wire.failures import log_failure
from poolhouse.wire.front import AwsFront
from poolhouse.wire.proxies import TrustedProxies

log = get_logger(__name__)

_JSON: RawHeaders = [(b"Content-Type", b"application/json"), (b"Access-Control-Allow-Origin", b"*")]


class Bound(Struct, frozen=True):
    """An operation of the model and the function that carries it out."""

    operation: Operation
    run: Runner


class _BadRequestException(ServiceError):
    """The listener cannot make a request of what came."""

    code = "BadRequestException"


class _ServiceUnavailableException(ServiceError):
    """The listener has more to do than it may; the same request can succeed a moment later."""

    code = "ServiceUnavailableException"


_PROTOCOL_ERRORS: Mapping[int, type[ServiceError]] = {
    408: RequestTimeoutException,
    413: RequestEntityTooLargeException,
    500: InternalErrorException,
    503: _ServiceUnavailableException,
}


def protocol_error(status: int, reason: str) -> Response:
    """The answer to what never became a request, or crashed: one that clients and browsers can read (design.md §4)."""
    error = _PROTOCOL_ERRORS.get(status, _BadRequestException)(reason)
    answer = json_refusal(error, new_request_id(), Cors().anyone)
    answer.status = status
    return answer


def log_crash(request: Request, crash: Exception) -> None:
    """Log where a handler failed. Nothing of the exception's text and of the path: both may hold values."""
    del request
    log_failure(new_request_id(), None, crash)


class Mount(Protocol):
    """A room with pages or endpoints of its own."""

    def handles(self, path: str) -> bool:
        """Whether the path is one of its own."""
        ...

    async def handle(self, request: Request) -> Response:
        """Its answer."""
        ...


def _log_refusal(request: Request, request_id: str, operation: Operation | None, refused: ServiceError | None) -> None:
    """One line for each request that was not served, under the id that its answer carries; successes are audited."""
    if refused is None:
        return
    log.info(
        "request_refused",
        request_id=request_id,
        operation=operation.name if operation is not None else None,
        error=refused.code,
        peer=request.peer,
    )


def _is_for_gateway(request: Request) -> bool:
    """Whether an API is addressed on the service's port: by host `{api}.execute-api.…` or by path."""
    return request.path.startswith("/restapis/") or ".execute-api." in (request.header(b"host") or "")


def bound_operations() -> Mapping[str, Bound]:
    """Every built operation by its X-Amz-Target."""
    assert operations.__all__, "importing the room is what fills the registry"
    prefix = cognito_idp_model.SERVICE.target_prefix
    return {f"{prefix}.{name}": Bound(cognito_idp_model.OPERATIONS[name], run) for name, run in OPERATIONS.items()}


class Endpoint:
    """Answers the service's port."""

    def __init__(
        self,
        services: Services,
        authorizer: Authorizer,
        proxies: TrustedProxies,
        *,
        clock: Callable[[], float],
        chance: random.Random,
        time_limit: float,
        gateway: Handler,
        mounts: tuple[Mount, ...],
    ) -> None:
        self._services = services
        self._authorizer = authorizer
        self._proxies = proxies
        self._clock = clock
        self._chance = chance
        self._gateway = gateway
        self._mounts = mounts
        self._front: AwsFront[Call, SignedPrincipal] = AwsFront(
            bound_operations(), self._make_call, self._verify, time_limit=time_limit, observe=_log_refusal
        )

    async def handle(self, request: Request) -> Response:
        """The answer of whichever room the request is for."""
        if _is_for_gateway(request):
            return await self._gateway(request)
        if self._front.handles(request) and request.method != "GET":
            return await self._front.handle(request)
        path = request.path
        if path in ("/healthz", "/readyz"):
            return await self._health(path)
        if is_discovery(path):
            return await discovery(self._call(request, new_request_id(), None), request)
        for mount in self._mounts:
            if mount.handles(path):
                return await mount.handle(request)
        if self._front.handles(request):
            return await self._front.handle(request)
        return Response(404, list(_JSON), b'{"message":"Not Found"}')

    async def _health(self, path: str) -> Response:
        """/healthz: the process answers. /readyz: it can serve, its database included."""
        if path == "/readyz":
            try:
                await self._services.database.fetch_row("SELECT 1")
            except Unavailable:
                return Response(503, list(_JSON), b'{"status":"database unavailable"}')
        return Response(200, list(_JSON), b'{"status":"ok"}')

    def _make_call(
        self, request: Request, request_id: str, operation: Operation, principal: SignedPrincipal | None, /
    ) -> Call:
        del operation
        return self._call(request, request_id, principal)

    def _call(self, request: Request, request_id: str, principal: SignedPrincipal | None) -> Call:
        return Call(
            self._services,
            now=self._clock(),
            chance=self._chance,
            request_id=request_id,
            caller=Principal(principal.arn) if principal is not None else None,
            address=self._proxies.client_address(request),
            user_agent=request.header(b"user-agent") or "",
            issuer_base=self._proxies.base_url(request),
        )

    async def _verify(
        self, request: Request, body: bytes, operation: Operation, parameters: Shape | None, /
    ) -> SignedPrincipal:
        pool_id = getattr(parameters, "user_pool_id", None)
        arn = getattr(parameters, "resource_arn", None)
        if isinstance(pool_id, str):
            settings = self._services.settings
            region = pool_id.partition("_")[0]
            arn = f"arn:aws:cognito-idp:{region}:{settings.account_id}:userpool/{pool_id}"
        return await self._authorizer.authorize(request, body, operation.service, operation.name, arn)
