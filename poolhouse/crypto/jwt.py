"""Our own tokens: RS256 signed in the exact form of the service's (contract/tokens.md §1), and verified strictly.

Owns the compact serialisation and the RSA keys. Must not know what claims mean, beyond their times; tokens that others
signed are another room's.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    RSAPublicNumbers,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256

from poolhouse.crypto.encoding import NotCanonical, from_base64url, to_base64url

KEY_BITS: Final = 2048
EXPONENT: Final = 65537
MAX_TOKEN: Final = 16 * 1024
"""Characters of the longest token that is looked at."""
_PADDING: Final = PKCS1v15()
_HASH: Final = SHA256()

Claims = dict[str, object]


class InvalidToken(Exception):
    """The token must not be believed."""


class MalformedToken(InvalidToken):
    """Not a compact RS256 JWS of our form."""


class UnknownKey(InvalidToken):
    """Signed, it says, with a key that is not in the set."""

    def __init__(self, kid: str) -> None:
        super().__init__(kid)
        self.kid = kid


class BadSignature(InvalidToken):
    """The signature is not the key's over this token."""


class ExpiredToken(InvalidToken):
    """Past its `exp`."""


class TokenNotYetValid(InvalidToken):
    """Before its `nbf`."""


class UnusableKey(Exception):
    """The stored key is not an RSA key of at least 2048 bits."""


class PublicJwk(msgspec.Struct, frozen=True):
    """A public key as the JWKS shows it (RFC 7517, contract/tokens.md §5): alphabetical, e and n in base64url."""

    alg: str
    e: str
    kid: str
    kty: str
    n: str
    use: str


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    # RFC 7515 lets a verifier ignore headers. Ours are made by us alone: one that points to a key (jwk, jku, x5u) or
    # asks for something (crit) was made by somebody else.
    kid: str
    alg: str
    typ: str = "JWT"


class _Issuer(msgspec.Struct):
    iss: str = ""


_header_decoder = msgspec.json.Decoder(_Header)
_issuer_decoder = msgspec.json.Decoder(_Issuer)
_claims_decoder = msgspec.json.Decoder(Claims)
_encoder = msgspec.json.Encoder()


class SigningKey:
    """An RSA key that signs."""

    __slots__ = ("_head", "_private", "kid")

    def __init__(self, kid: str, private: RSAPrivateKey) -> None:
        self.kid = kid
        self._private = private
        self._head = _head(kid) + b"."

    def __repr__(self) -> str:
        return f"SigningKey({self.kid}, ••••)"

    @classmethod
    def generate(cls) -> "SigningKey":
        """A new key. Takes about 0.1 s of a core, so call it off the event loop."""
        private = generate_private_key(EXPONENT, KEY_BITS)
        public = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return cls(b64encode(hashlib.sha256(public).digest()).decode(), private)

    @classmethod
    def from_private(cls, kid: str, private: bytes) -> "SigningKey":
        """From what private_bytes gave. Raises UnusableKey."""
        try:
            # The bytes were sealed by us: the costly search for bad primes would only slow down the start.
            key = serialization.load_der_private_key(private, None, unsafe_skip_rsa_key_validation=True)
        except (ValueError, TypeError) as failure:
            raise UnusableKey(kid) from failure
        if not isinstance(key, RSAPrivateKey) or key.key_size < KEY_BITS:
            raise UnusableKey(kid)
        return cls(kid, key)

    def private_bytes(self) -> bytes:
        """PKCS #8 in DER, for sealing."""
        return self._private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def public_jwk(self) -> PublicJwk:
        """What everybody may know of the key."""
        numbers = self._private.public_key().public_numbers()
        return PublicJwk(
            alg="RS256", e=_encode_int(numbers.e), kid=self.kid, kty="RSA", n=_encode_int(numbers.n), use="sig"
        )

    def sign(self, claims: object) -> str:
        """The token of `claims`: a JSON object's encoding in bytes, or anything that msgspec encodes to one."""
        payload = claims if isinstance(claims, bytes) else _encoder.encode(claims)
        signed = self._head + to_base64url(payload)
        signature = self._private.sign(signed, _PADDING, _HASH)
        return (signed + b"." + to_base64url(signature)).decode()


class PublicKeys:
    """The keys whose tokens are believed."""

    __slots__ = ("_by_head", "_by_kid")

    def __init__(self, jwks: Iterable[PublicJwk]) -> None:
        """From our own JWKs. Raises UnusableKey."""
        self._by_kid = {jwk.kid: _public_key(jwk) for jwk in jwks}
        self._by_head = {_head(kid): key for kid, key in self._by_kid.items()}

    def verify(self, token: str) -> Claims:
        """The claims of a token that one of these keys signed; their times are the caller's, with check_times.

        Raises InvalidToken: MalformedToken, UnknownKey, BadSignature.
        """
        raw, head, payload, signature = _parts(token)
        try:
            key = self._by_head.get(head) or self._key_of(from_base64url(head))
            proof, claims = from_base64url(signature), from_base64url(payload)
        except NotCanonical as failure:
            raise MalformedToken("not base64url") from failure
        try:
            key.verify(proof, raw[: len(head) + 1 + len(payload)], _PADDING, _HASH)
        except InvalidSignature:
            raise BadSignature from None
        try:
            return _claims_decoder.decode(claims)
        except (ValueError, RecursionError) as failure:
            raise MalformedToken("claims are not a JSON object") from failure

    def _key_of(self, head: bytes) -> RSAPublicKey:
        try:
            header = _header_decoder.decode(head)
        except (ValueError, RecursionError) as failure:
            raise MalformedToken("not our header") from failure
        if header.alg != "RS256":
            raise MalformedToken("not RS256")
        key = self._by_kid.get(header.kid)
        if key is None:
            raise UnknownKey(header.kid)
        return key


def unverified_issuer(token: str) -> str:
    """The `iss` that a token claims, to choose the keys that can prove it; believe nothing of it before `verify`.

    Raises MalformedToken.
    """
    _, _, payload, _ = _parts(token)
    try:
        return _issuer_decoder.decode(from_base64url(payload)).iss
    except (ValueError, NotCanonical, RecursionError) as failure:
        raise MalformedToken("claims are not a JSON object") from failure


def check_times(claims: Claims, now: float, leeway: float = 0.0) -> None:
    """Refuse a token outside its times (RFC 7519 sections 4.1.4 and 4.1.5); now is epoch seconds, `exp` is required.

    Raises ExpiredToken, TokenNotYetValid, MalformedToken.
    """
    if now >= _time(claims.get("exp")) + leeway:
        raise ExpiredToken
    if now + leeway < _time(claims.get("nbf", 0)):
        raise TokenNotYetValid


def _parts(token: str) -> tuple[bytes, bytes, bytes, bytes]:
    """The token, and its header, payload and signature as they are encoded."""
    if len(token) > MAX_TOKEN:
        raise MalformedToken("too long")
    try:
        raw = token.encode("ascii")
        head, payload, signature = raw.split(b".")
    except ValueError as failure:
        raise MalformedToken("not a compact JWS") from failure
    return raw, head, payload, signature


def _time(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedToken("a time is not a number")
    return value


def _head(kid: str) -> bytes:
    # kid before alg, and nothing else: contract/tokens.md §1.
    return to_base64url(_encoder.encode({"kid": kid, "alg": "RS256"}))


def _public_key(jwk: PublicJwk) -> RSAPublicKey:
    try:
        n, e = (int.from_bytes(from_base64url(part.encode()), "big") for part in (jwk.n, jwk.e))
        key = RSAPublicNumbers(e, n).public_key()
    except (ValueError, NotCanonical) as failure:
        raise UnusableKey(jwk.kid) from failure
    if key.key_size < KEY_BITS:
        raise UnusableKey(jwk.kid)
    return key


def _encode_int(number: int) -> str:
    return to_base64url(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode()
