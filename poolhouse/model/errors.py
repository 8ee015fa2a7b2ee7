"""What a service can refuse with: the base of the generated exceptions, and the errors common to all services.

Owns codes and default statuses. Knows nothing of HTTP answers: the wire turns an error into an envelope.
"""

from typing import ClassVar


class ServiceError(Exception):
    """An answer other than success, as the service model names it.

    `code` is the wire's error type, `status` the HTTP status that goes with it, `message` the service's own words
    (operations.md, "Error codes used below"); an empty message is left out of the answer.
    """

    code: ClassVar[str]
    status: ClassVar[int] = 400

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    def members(self) -> dict[str, str]:
        """Members of the error beside the message, by wire name; most errors have none."""
        return {}


class SerializationException(ServiceError):
    """The body is not JSON, or a member has the wrong JSON type (wire.md section 1)."""

    code = "SerializationException"


class UnknownOperationException(ServiceError):
    """No such target, or not a request of this protocol (wire.md section 1)."""

    code = "UnknownOperationException"


class UnsupportedOperationException(ServiceError):
    """The model knows the operation, this release does not provide it."""

    code = "UnsupportedOperationException"


class InternalErrorException(ServiceError):
    """Something that no operation foresaw; the log has it under the request id."""

    code = "InternalErrorException"
    status = 500


class ValidationException(ServiceError):
    """A request of cognito-identity breaks a constraint of the model."""

    code = "ValidationException"


class ValidationError(ServiceError):
    """A request of sts breaks a constraint of the model (identity-pools.md section 8)."""

    code = "ValidationError"


class RequestEntityTooLargeException(ServiceError):
    """The body is longer than the listener allows."""

    code = "RequestEntityTooLargeException"
    status = 413


class RequestTimeoutException(ServiceError):
    """The body did not arrive in time."""

    code = "RequestTimeoutException"
    status = 408


class MissingAuthenticationTokenException(ServiceError):
    """A signed operation was called without a signature."""

    code = "MissingAuthenticationTokenException"


class IncompleteSignatureException(ServiceError):
    """The Authorization header lacks a part."""

    code = "IncompleteSignatureException"


class InvalidSignatureException(ServiceError):
    """The signature does not match the request, or is too old."""

    code = "InvalidSignatureException"


class UnrecognizedClientException(ServiceError):
    """The access key or session token is not known."""

    code = "UnrecognizedClientException"


class AccessDeniedException(ServiceError):
    """The signed principal's policies do not allow the operation."""

    code = "AccessDeniedException"
