"""Why a signed request is turned away: one exception per reason, each with the facts and the service's own words.

Owns the texts (contract/wire.md section 1 and the general AWS texts) and when they are said. Every one is a
ServiceError, so the edges answer it like any other.
"""

import base64
import hashlib

from poolhouse.model.errors import (
    AccessDeniedException,
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    ServiceError,
    UnrecognizedClientException,
)


class MissingAuthenticationToken(MissingAuthenticationTokenException):
    """The request carries no signature at all."""

    def __init__(self) -> None:
        super().__init__("Missing Authentication Token")


class IncompleteSignature(IncompleteSignatureException):
    """Something claims to be a signature and cannot be read as one; `message` lists what is wrong."""

    @classmethod
    def not_key_value(cls, part: str) -> "IncompleteSignature":
        """A piece of the Authorization header without an equal sign; the piece may be a token, so only its hash."""
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        return cls(
            "Invalid key=value pair (missing equal-sign) in Authorization header "
            f"(hashed with SHA-256 and encoded with Base64): '{digest}'."
        )

    @classmethod
    def missing(cls, parts: list[str], *, has_date: bool, scheme: str) -> "IncompleteSignature":
        """The header form lacks `parts`, or any date."""
        texts = [f"Authorization header requires '{part}' parameter." for part in parts]
        if not has_date:
            texts.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
        return cls(f"{' '.join(texts)} Authorization={scheme}")

    @classmethod
    def missing_in_query(cls, parts: list[str]) -> "IncompleteSignature":
        """The query form lacks `parts`."""
        return cls(" ".join(f"AWS query-string parameters must include '{part}'." for part in parts))


class InvalidSignature(InvalidSignatureException):
    """The signature is not the one that the key makes over this request, or its scope is not ours."""

    @classmethod
    def mismatch(cls) -> "InvalidSignature":
        """Another key, or another request, than the one signed."""
        return cls(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details."
        )


class SignatureExpired(InvalidSignature):
    """Signed too long ago, or in the future: the client's clock is off or the request is a replay.

    AWS answers this with the code of InvalidSignature, which clients use to correct their clock.
    """


class UnrecognizedClient(UnrecognizedClientException):
    """The key id is unknown, disabled, or not usable with the session token sent along."""

    def __init__(self) -> None:
        super().__init__("The security token included in the request is invalid.")


class ExpiredToken(ServiceError):
    """Temporary credentials past their end."""

    code = "ExpiredTokenException"

    def __init__(self) -> None:
        super().__init__("The security token included in the request is expired")


class AccessDenied(AccessDeniedException):
    """The principal is known, and its policies do not let it do this."""

    def __init__(self, principal_arn: str, action: str, resource: str, *, explicit: bool) -> None:
        super().__init__(f"User: {principal_arn} is not authorized to perform: {action} on resource: {resource}")
        self.principal_arn = principal_arn
        self.action = action
        self.resource = resource
        self.explicit = explicit
        """Whether a statement denies it, rather than none allowing it."""


class ForeignPage(AccessDeniedException):
    """A web page of somebody else's asks a development server, which would believe any signature it makes up."""

    def __init__(self) -> None:
        super().__init__(
            "A development server takes signed requests from programs and from pages of this machine only, not from "
            "a web page of another origin."
        )
