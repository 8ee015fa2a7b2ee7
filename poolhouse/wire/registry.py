"""What the wire needs from those who compose it: the built operations, a call for each request, a check of signatures.

Owns these interfaces only. The wire treats calls and principals as opaque.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from poolhouse.http.message import Request
from poolhouse.model.errors import ServiceError
from poolhouse.model.shape import Operation, Shape

CallT = TypeVar("CallT")
CallT_contra = TypeVar("CallT_contra", contravariant=True)
CallT_co = TypeVar("CallT_co", covariant=True)
PrincipalT = TypeVar("PrincipalT")
PrincipalT_co = TypeVar("PrincipalT_co", covariant=True)
PrincipalT_contra = TypeVar("PrincipalT_contra", contravariant=True)


class BoundOperation(Protocol[CallT_contra]):
    """An operation that this release provides."""

    @property
    def operation(self) -> Operation:
        """Its description in the model."""
        ...

    @property
    def run(self) -> "Run[CallT_contra]":
        """The function that carries it out."""
        ...


class Run(Protocol[CallT_contra]):
    """Carries out an operation. The request is of the operation's request type; raises ServiceError to refuse."""

    def __call__(self, call: CallT_contra, request: Shape, /) -> Awaitable[Shape | None]: ...


class MakeCall(Protocol[CallT_co, PrincipalT_contra]):
    """Gathers the circumstances of one request. `principal` is None unless the operation is signed."""

    def __call__(
        self, request: Request, request_id: str, operation: Operation, principal: PrincipalT_contra | None, /
    ) -> CallT_co: ...


class VerifyPrincipal(Protocol[PrincipalT_co]):
    """Proves who signed a request and that their policies allow it; raises ServiceError otherwise.

    `parameters` is the decoded request, None if it could not be decoded: whoever may not call at all is told so
    before anything about the body.
    """

    def __call__(
        self, request: Request, body: bytes, operation: Operation, parameters: Shape | None, /
    ) -> Awaitable[PrincipalT_co]: ...


Observe = Callable[[Request, str, "Operation | None", "ServiceError | None"], None]
"""Told of every answer, with its request id: for metrics and the access log."""
