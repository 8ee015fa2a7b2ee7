"""AWS Signature Version 4 over one request: reading what it claims, and computing what the signature must be.

Pure rules (AWS "Create a signed AWS API request"): knows no key store, no clock and no policy. The payload's hash
is always that of the body that arrived; UNSIGNED-PAYLOAD is never accepted.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from msgspec import Struct

from poolhouse.access.refusals import IncompleteSignature, InvalidSignature, MissingAuthenticationToken
from poolhouse.http.message import RawHeaders, Request

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
MAX_PRESIGNED_SECONDS = 604_800

HeaderIndex = Mapping[bytes, list[bytes]]
"""Header values by lower-case name, in wire order."""

_MUST_BE_SIGNED = (b"x-amz-target", b"x-amz-security-token")
"""Present and unsigned, each of these would let whoever carries the request change what it means."""

_HEADER_PARTS = ("Credential", "Signature", "SignedHeaders")
_QUERY_PARTS = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Date",
    "X-Amz-Expires",
)
_ISO_BASIC = re.compile(r"[0-9]{8}T[0-9]{6}Z", re.ASCII)
_UNRESERVED = "-_.~"


class Claim(Struct, frozen=True, kw_only=True):
    """What a signed request says about itself; nothing of it is proven yet."""

    key_id: str
    date: str
    """Of the scope: YYYYMMDD."""
    region: str
    service: str
    timestamp: str
    """YYYYMMDDTHHMMSSZ, as it goes into the string to sign."""
    signed_at: float
    """The same in epoch seconds."""
    valid_seconds: int | None
    """Of a presigned URL; None for the header form."""
    signed_headers: tuple[bytes, ...]
    signature: str
    session_token: str | None

    @property
    def scope(self) -> str:
        """The credential scope, without the key id."""
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


def index_headers(headers: RawHeaders) -> dict[bytes, list[bytes]]:
    """Gather header values by lower-case name."""
    index: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        index.setdefault(name.lower(), []).append(value)
    return index


def read_claim(request: Request, headers: HeaderIndex) -> Claim:
    """Read the signature's claim from the Authorization header, else from the query string.

    Raises MissingAuthenticationToken when there is none, IncompleteSignature when it cannot be read,
    InvalidSignature when it leaves unsigned what must be signed.
    """
    authorization = headers.get(b"authorization")
    if authorization is not None:
        claim = _claim_from_header(authorization, headers)
    elif "X-Amz-Signature=" in request.query or "X-Amz-Algorithm=" in request.query:
        claim = _claim_from_query(request.query)
    else:
        raise MissingAuthenticationToken
    if b"host" not in claim.signed_headers:
        raise InvalidSignature("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    for name in _MUST_BE_SIGNED:
        if name in headers and name not in claim.signed_headers:
            raise InvalidSignature(f"'{name.decode()}' must be a 'SignedHeader' in the AWS Authorization.")
    return claim


def derive_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The signing key of one secret, day, region and service; worth keeping, it costs four MACs."""
    key = b"AWS4" + secret.encode()
    for step in (date, region, service, TERMINATOR):
        key = hmac.digest(key, step.encode(), "sha256")
    return key


def compute_signature(claim: Claim, request: Request, headers: HeaderIndex, payload_sha256: str, key: bytes) -> str:
    """The signature, in hex, that `key` makes over this request as `claim` describes it."""
    signed = b";".join(claim.signed_headers)
    lines = [name + b":" + _canonical_value(headers.get(name, ())) + b"\n" for name in claim.signed_headers]
    canonical = b"\n".join(
        (
            request.method.encode("latin-1"),
            _canonical_path(request.path, claim.service),
            _canonical_query(request.query, presigned=claim.valid_seconds is not None),
            b"".join(lines),
            signed,
            payload_sha256.encode(),
        )
    )
    digest = hashlib.sha256(canonical).hexdigest()
    text = f"{ALGORITHM}\n{claim.timestamp}\n{claim.scope}\n{digest}"
    return hmac.digest(key, text.encode(), "sha256").hex()


def _claim_from_header(values: list[bytes], headers: HeaderIndex) -> Claim:
    if len(values) != 1:
        raise IncompleteSignature("Authorization header must be sent once.")
    scheme, _, rest = values[0].decode("latin-1").strip().partition(" ")
    parts = _split_parts(rest, scheme)
    timestamp = _header_timestamp(headers)
    missing = [name for name in _HEADER_PARTS if not parts.get(name)]
    if missing or timestamp is None:
        raise IncompleteSignature.missing(missing, has_date=timestamp is not None, scheme=scheme)
    if scheme != ALGORITHM:
        raise IncompleteSignature(f"Unsupported AWS 'algorithm': '{scheme[:64]}'.")
    tokens = headers.get(b"x-amz-security-token")
    return _make_claim(
        credential=parts["Credential"],
        timestamp=timestamp,
        valid_seconds=None,
        signed_headers=parts["SignedHeaders"],
        signature=parts["Signature"],
        session_token=tokens[0].decode("latin-1") if tokens else None,
    )


def _split_parts(rest: str, scheme: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    if not rest:
        # A bare value without a scheme: AWS takes the value itself for the broken pair.
        raise IncompleteSignature.not_key_value(scheme)
    for part in rest.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals:
            raise IncompleteSignature.not_key_value(part.strip())
        if name in parts:
            raise IncompleteSignature(f"Authorization header must include '{name[:64]}' once.")
        parts[name] = value
    return parts


def _header_timestamp(headers: HeaderIndex) -> str | None:
    amz_date = headers.get(b"x-amz-date")
    if amz_date is not None:
        return amz_date[0].decode("latin-1").strip()
    date = headers.get(b"date")
    if date is None:
        return None
    text = date[0].decode("latin-1").strip()
    if _ISO_BASIC.fullmatch(text):
        return text
    try:
        moment = parsedate_to_datetime(text)
        # "-0000" parses to a naive time, which means UTC (RFC 5322 section 3.3).
        utc = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise _bad_date() from None
    return utc.strftime("%Y%m%dT%H%M%SZ")


def _claim_from_query(query: str) -> Claim:
    parts: dict[str, str] = {}
    for name, value in _decode_query(query):
        text = name.decode("latin-1")
        if text.startswith("X-Amz-"):
            if text in parts:
                raise IncompleteSignature(f"AWS query-string parameters must include '{text[:64]}' once.")
            parts[text] = value.decode("latin-1")
    missing = [name for name in _QUERY_PARTS if not parts.get(name)]
    if missing:
        raise IncompleteSignature.missing_in_query(missing)
    if parts["X-Amz-Algorithm"] != ALGORITHM:
        raise IncompleteSignature(f"Unsupported AWS 'algorithm': '{parts['X-Amz-Algorithm'][:64]}'.")
    expires = parts["X-Amz-Expires"]
    if not re.fullmatch("[0-9]{1,6}", expires) or not 1 <= int(expires) <= MAX_PRESIGNED_SECONDS:
        raise IncompleteSignature(f"X-Amz-Expires must be between 1 and {MAX_PRESIGNED_SECONDS} seconds")
    return _make_claim(
        credential=parts["X-Amz-Credential"],
        timestamp=parts["X-Amz-Date"],
        valid_seconds=int(expires),
        signed_headers=parts["X-Amz-SignedHeaders"],
        signature=parts["X-Amz-Signature"],
        session_token=parts.get("X-Amz-Security-Token"),
    )


def _make_claim(
    *,
    credential: str,
    timestamp: str,
    valid_seconds: int | None,
    signed_headers: str,
    signature: str,
    session_token: str | None,
) -> Claim:
    elements = credential.split("/")
    if len(elements) != 5:
        raise IncompleteSignature(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{credential[:256]}'"
        )
    key_id, date, region, service, terminator = elements
    if terminator != TERMINATOR:
        raise InvalidSignature(
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator[:64]}'."
        )
    signed_at = _parse_timestamp(timestamp)
    if signed_at is None:
        raise _bad_date()
    if date != timestamp[:8]:
        raise InvalidSignature(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{date[:64]}' != '{timestamp[:8]}', from '{timestamp}'."
        )
    return Claim(
        key_id=key_id,
        date=date,
        region=region,
        service=service,
        timestamp=timestamp,
        signed_at=signed_at,
        valid_seconds=valid_seconds,
        signed_headers=_split_names(signed_headers),
        signature=signature,
        session_token=session_token,
    )


def _bad_date() -> IncompleteSignature:
    return IncompleteSignature(
        "Date must be in ISO-8601 'basic format'. Got something else. See http://en.wikipedia.org/wiki/ISO_8601"
    )


@lru_cache(maxsize=1024)
def _parse_timestamp(text: str) -> float | None:
    if not _ISO_BASIC.fullmatch(text):
        return None
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _split_names(text: str) -> tuple[bytes, ...]:
    return tuple(name.encode("latin-1") for name in text.lower().split(";"))


def _canonical_value(values: list[bytes] | tuple[()]) -> bytes:
    return b",".join(b" ".join(value.split()) for value in values)


def _canonical_path(path: str, service: str) -> bytes:
    if path in {"/", ""}:
        return b"/"
    if service == "s3":
        # S3 alone signs the path as it was sent; every other service encodes the encoded path again.
        return path.encode("latin-1")
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    tail = "/" if path.endswith("/") and kept else ""
    return quote(("/" + "/".join(kept) + tail).encode("latin-1"), safe="/" + _UNRESERVED).encode()


def _canonical_query(query: str, *, presigned: bool) -> bytes:
    if not query:
        return b""
    pairs = sorted(
        (quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED))
        for name, value in _decode_query(query)
        if not (presigned and name == b"X-Amz-Signature")
    )
    return "&".join(f"{name}={value}" for name, value in pairs).encode()


def _decode_query(query: str) -> list[tuple[bytes, bytes]]:
    decoded = []
    # botocore signs a space as %20 and may send it as a plus sign, as forms do.
    for pair in query.replace("+", " ").split("&"):
        if pair:
            name, _, value = pair.partition("=")
            decoded.append((unquote_to_bytes(name.encode("latin-1")), unquote_to_bytes(value.encode("latin-1"))))
    return decoded
