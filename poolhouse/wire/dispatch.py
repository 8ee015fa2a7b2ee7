"""One operation on its way through the wire: decode, authorise, run, within the allowed time.

Owns this order (design.md section 3) for both protocols. Knows nothing of HTTP heads and of encodings.
"""

from collections.abc import Callable
from typing import Generic

from poolhouse.http.message import Request
from poolhouse.model.errors import InternalErrorException, ServiceError, UnsupportedOperationException
from poolhouse.model.shape import Operation, Service, Shape
from poolhouse.model.validation import RequestDecoder
from poolhouse.telemetry.log import get_logger
from poolhouse.wire.deadlines import Deadlines, OperationTimedOut
from poolhouse.wire.registry import BoundOperation, CallT, MakeCall, PrincipalT, VerifyPrincipal

log = get_logger(__name__)

Decode = Callable[[bytes], Shape]


class Dispatcher(Generic[CallT, PrincipalT]):
    """Runs operations. `time_limit` in seconds is what one may take; a client retries after 60 (wire.md section 6)."""

    __slots__ = ("_deadlines", "_make_call", "_verify_principal")

    def __init__(
        self,
        make_call: MakeCall[CallT, PrincipalT],
        verify_principal: VerifyPrincipal[PrincipalT],
        time_limit: float,
    ) -> None:
        self._make_call = make_call
        self._verify_principal = verify_principal
        self._deadlines = Deadlines(time_limit)

    async def run(
        self, route: "Route[CallT]", request: Request, body: bytes, request_id: str, decode: Decode
    ) -> Shape | None:
        """The operation's answer. Raises ServiceError."""
        bound = route.bound
        operation = route.operation
        if bound is None:
            # DEVIATION: the service has every operation; a client must be able to tell a gap from a mistake.
            raise UnsupportedOperationException(
                f"{operation.name} of {operation.service} is not provided by this release of Poolhouse."
            )
        principal: PrincipalT | None = None
        if operation.auth == "sigv4":
            parameters, principal = await self._signed(operation, request, body, decode)
        else:
            parameters = decode(body)
        call = self._make_call(request, request_id, operation, principal)
        try:
            with self._deadlines.start():
                return await bound.run(call, parameters)
        except OperationTimedOut:
            log.error(
                "operation_timed_out", request_id=request_id, operation=operation.name, limit=self._deadlines.limit
            )
            raise InternalErrorException from None

    async def _signed(
        self, operation: Operation, request: Request, body: bytes, decode: Decode
    ) -> tuple[Shape, PrincipalT]:
        try:
            parameters = decode(body)
        except ServiceError:
            await self._verify_principal(request, body, operation, None)
            raise
        return parameters, await self._verify_principal(request, body, operation, parameters)


class Route(Generic[CallT]):
    """An operation of the model, built or not, with its decoder."""

    __slots__ = ("bound", "decoder", "operation", "service")

    def __init__(self, operation: Operation, service: Service, bound: BoundOperation[CallT] | None) -> None:
        self.operation = operation
        self.service = service
        self.bound = bound
        self.decoder = RequestDecoder(operation, service)
