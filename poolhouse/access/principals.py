"""Who a signed request comes from, and whether its policies let it through: the door of every admin operation.

Two authorizers keep one contract: the strict one proves the signature; the development one believes any, and may
only serve loopback. The edges own status and envelope of what is raised here.
"""

import hashlib
import hmac
import ipaddress
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from poolhouse.access.context import Circumstances
from poolhouse.access.credential import Credential, CredentialSource
from poolhouse.access.pattern import Context
from poolhouse.access.policy import Decision, evaluate
from poolhouse.access.refusals import (
    AccessDenied,
    ExpiredToken,
    ForeignPage,
    InvalidSignature,
    SignatureExpired,
    UnrecognizedClient,
)
from poolhouse.access.sigv4 import Claim, HeaderIndex, compute_signature, derive_key, index_headers, read_claim
from poolhouse.http.message import Request
from poolhouse.telemetry.log import get_logger

log = get_logger(__name__)

MAX_SKEW = 900.0
"""Seconds that a client's clock may be off, either way."""
MAX_DERIVED = 4096

ANY_RESOURCE = "*"
"""Of operations that act on no resource of their own."""


class NotLoopback(Exception):
    """Development mode was asked to listen where others could reach it; the text says what to do."""


class Principal(Struct, frozen=True):
    """Who signed the request."""

    arn: str
    name: str
    account_id: str
    key_id: str
    region: str
    """Of the signature's scope."""


class Authorizer(Protocol):
    """Lets a signed request through, or raises."""

    async def authorize(
        self, request: Request, body: bytes, service: str, operation: str, resource_arn: str | None
    ) -> Principal:
        """The principal that may do `operation` of `service` (its signing name) on the resource.

        Raises the exceptions of access/refusals.py.
        """
        ...


class SignatureAuthorizer(Authorizer):
    """Verifies signatures against issued keys, and the keys' policies."""

    def __init__(
        self,
        credentials: CredentialSource,
        *,
        account_id: str,
        regions: frozenset[str] | None,
        clock: Callable[[], float],
        client_address: Callable[[Request], str] = lambda request: request.peer,
    ) -> None:
        """`regions` are those that a signature may be scoped to; None takes any. `client_address` knows proxies."""
        self._credentials = credentials
        self._account_id = account_id
        self._regions = regions
        self._clock = clock
        self._client_address = client_address
        self._derived: OrderedDict[tuple[str, str, str, str], bytes] = OrderedDict()

    async def authorize(
        self, request: Request, body: bytes, service: str, operation: str, resource_arn: str | None
    ) -> Principal:
        """Prove who signed, then ask the policies."""
        headers = index_headers(request.headers)
        claim = read_claim(request, headers)
        now = self._clock()
        self._check_scope(claim, service)
        _check_time(claim, now)
        credential = await self._credentials.find(claim.key_id, claim.session_token)
        if credential is None:
            raise UnrecognizedClient
        payload_sha256 = hashlib.sha256(body).hexdigest()
        expected = compute_signature(claim, request, headers, payload_sha256, self._key(claim, credential))
        if not hmac.compare_digest(expected.encode(), claim.signature.encode()):
            raise InvalidSignature.mismatch()
        if credential.expires_at is not None and credential.expires_at <= now:
            raise ExpiredToken
        principal = _make_principal(self._account_id, credential.principal, claim)
        context: Context = {}
        if not all(policy.unconditional for policy in credential.policies):
            address = self._client_address(request)
            context = _circumstances(principal, request, headers, address, now).as_context()
        action, resource = f"{service}:{operation}", resource_arn or ANY_RESOURCE
        decision = evaluate(credential.policies, action, resource, context)
        if decision is not Decision.ALLOWED:
            explicit = decision is Decision.DENIED
            log.warning("access_denied", principal=principal.arn, action=action, resource=resource, explicit=explicit)
            raise AccessDenied(principal.arn, action, resource, explicit=explicit)
        return principal

    def _check_scope(self, claim: Claim, service: str) -> None:
        if claim.service != service:
            raise InvalidSignature(f"Credential should be scoped to correct service: '{service}'.")
        if self._regions is not None and claim.region not in self._regions:
            raise InvalidSignature("Credential should be scoped to a valid region.")

    def _key(self, claim: Claim, credential: Credential) -> bytes:
        index = (claim.key_id, claim.date, claim.region, claim.service)
        key = self._derived.get(index)
        if key is None:
            key = derive_key(credential.secret, claim.date, claim.region, claim.service)
            self._derived[index] = key
            if len(self._derived) > MAX_DERIVED:
                self._derived.popitem(last=False)
        return key


class DevelopmentAuthorizer(Authorizer):
    """Believes every signature and allows everything; its listener must pass `require_loopback`.

    DEVIATION: any credentials, any region, any clock and any policy are taken in development mode. A request without
    a readable signature is refused as in production, so that a client that forgets to sign shows it early.
    Loopback is no wall against a browser: any page that the developer visits can send requests here. Such a page
    cannot hide its origin, and is refused.
    """

    def __init__(self, *, account_id: str) -> None:
        self._account_id = account_id

    async def authorize(
        self, request: Request, body: bytes, service: str, operation: str, resource_arn: str | None
    ) -> Principal:
        """The principal that the request says it is. Raises ForeignPage."""
        if _is_from_foreign_page(request):
            raise ForeignPage
        claim = read_claim(request, index_headers(request.headers))
        return _make_principal(self._account_id, "development", claim)


def require_loopback(host: str) -> None:
    """Refuse to open a development server to others. Raises NotLoopback unless `host` is this machine only."""
    if not _is_loopback(host):
        raise NotLoopback(
            f"development mode accepts any credentials, so it listens on 127.0.0.1, ::1 or localhost only, not on "
            f"'{host}'. To be reached by others, run `poolhouse serve` with access keys."
        )


def _is_loopback(host: str) -> bool:
    bare = host.removeprefix("[").removesuffix("]")
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        # RFC 6761 section 6.3: this name is loopback by definition; any other name is what DNS makes of it.
        return bare.lower() == "localhost"


def _is_from_foreign_page(request: Request) -> bool:
    """Whether a browser says that a page of another machine's origin sends this (Fetch standard, Origin header)."""
    origin = request.header(b"origin")
    if origin is None:
        # What a page embeds (an image, a frame) comes without an origin, but not without this.
        return request.header(b"sec-fetch-site") == "cross-site"
    host = re.sub(r":[0-9]{1,5}\Z", "", origin.partition("://")[2])
    # A subdomain of localhost is this machine's to every browser; `null` is a page that hides where it is from.
    return not (_is_loopback(host) or host.lower().endswith(".localhost"))


def _check_time(claim: Claim, now: float) -> None:
    if claim.signed_at > now + MAX_SKEW:
        latest = _iso(now + MAX_SKEW)
        raise SignatureExpired(
            f"Signature not yet current: {claim.timestamp} is still later than {latest} ({_iso(now)} + 15 min.)"
        )
    valid_seconds = MAX_SKEW if claim.valid_seconds is None else claim.valid_seconds
    if claim.signed_at < now - valid_seconds:
        earliest = _iso(now - valid_seconds)
        span = f"{_iso(now)} - {'15 min' if claim.valid_seconds is None else f'{claim.valid_seconds} s'}."
        raise SignatureExpired(f"Signature expired: {claim.timestamp} is now earlier than {earliest} ({span})")


def _iso(moment: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(moment))


def _make_principal(account_id: str, name: str, claim: Claim) -> Principal:
    arn = f"arn:aws:iam::{account_id}:user/{name}"
    return Principal(arn, name, account_id, claim.key_id, claim.region)


def _circumstances(
    principal: Principal, request: Request, headers: HeaderIndex, address: str, now: float
) -> Circumstances:
    agents, referers = headers.get(b"user-agent"), headers.get(b"referer")
    return Circumstances(
        now=now,
        principal_arn=principal.arn,
        principal_name=principal.name,
        account_id=principal.account_id,
        key_id=principal.key_id,
        region=principal.region,
        source_ip=address,
        secure=request.scheme == "https",
        user_agent=agents[0].decode("latin-1") if agents else None,
        referer=referers[0].decode("latin-1") if referers else None,
    )
