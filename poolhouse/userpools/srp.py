"""SRP-6a as Cognito's clients compute it (contract/auth-flows.md §6), and SECRET_HASH (§7).

Pure: numbers, texts and bytes in and out. Owns every byte of the arithmetic; must not know sessions, users or storage.
Throughout, `context` is the pool's short id (the device group key for devices) and `identity` is USER_ID_FOR_SRP (the
device key).
"""

import base64
import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Iterable
from typing import Final, Literal

from poolhouse.crypto.encoding import NotCanonical, from_base64
from poolhouse.crypto.modexp import powers
from poolhouse.crypto.srp_group import GENERATOR, PRIME, PRIME_BYTES

N: Final = PRIME
MAX_PUBLIC_DIGITS: Final = 1024
"""Hex digits of the longest SRP_A that is read; an honest one has at most 768."""
MAX_SALT_BYTES: Final = 64
"""Of a device's salt; clients make 16, and perhaps a zero byte in front."""
_HEX: Final = re.compile(r"[0-9A-Fa-f]+")
_INFO: Final = b"Caldera Derived Key\x01"


class SrpRefused(Exception):
    """What a client sent has no place in an honest exchange."""


class BadClientPublic(SrpRefused):
    """SRP_A that no client sends in good faith."""

    def __init__(self, reason: Literal["not hexadecimal", "too long", "zero modulo N"]) -> None:
        super().__init__(reason)
        self.reason = reason


class ZeroScramble(SrpRefused):
    """u = 0, which would take the verifier out of the calculation."""


class BadTimestamp(SrpRefused):
    """Not a date in the form of TIMESTAMP."""


class BadVerifier(SrpRefused):
    """A device's salt or verifier that is not base64 of a number in range."""


def pad(number: int) -> bytes:
    """The minimal two's complement of a number >= 0, big-endian: Java's BigInteger.toByteArray."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


MULTIPLIER: Final = int.from_bytes(hashlib.sha256(pad(PRIME) + pad(GENERATOR)).digest(), "big")
"""k"""


def wire_hex(number: int) -> str:
    """SALT and SRP_B: hex without leading zeros, the one form that all clients hash alike."""
    return format(number, "x")


def private_key(context: str, identity: str, password: str, salt: int) -> int:
    """x: a 256-bit number of what the user knows."""
    inner = hashlib.sha256(f"{context}{identity}:{password}".encode()).digest()
    return int.from_bytes(hashlib.sha256(pad(salt) + inner).digest(), "big")


def make_verifier(context: str, identity: str, password: str, salt: int) -> int:
    """v = g^x, about 0.2 ms. Secret: whoever has it can impersonate the server, and guess passwords offline."""
    return powers().power_of_g(private_key(context, identity, password, salt))


def device_verifier(salt: str, verifier: str) -> tuple[int, int]:
    """(salt, v) of ConfirmDevice's DeviceSecretVerifierConfig: base64, perhaps with a zero byte in front.

    Raises BadVerifier.
    """
    try:
        salt_bytes, value_bytes = from_base64(salt.encode()), from_base64(verifier.encode())
    except NotCanonical as failure:
        raise BadVerifier("not base64") from failure
    value = int.from_bytes(value_bytes, "big")
    # Of these, 0, 1 and N-1 would let in whoever knows that they are there.
    if not salt_bytes or len(salt_bytes) > MAX_SALT_BYTES or len(value_bytes) > PRIME_BYTES + 1:
        raise BadVerifier("not of a verifier's length")
    if not 1 < value < PRIME - 1:
        raise BadVerifier("out of range")
    return int.from_bytes(salt_bytes, "big"), value


def parse_client_public(text: str) -> int:
    """A, of SRP_A. Raises BadClientPublic."""
    if len(text) > MAX_PUBLIC_DIGITS:
        raise BadClientPublic("too long")
    if not _HEX.fullmatch(text):
        raise BadClientPublic("not hexadecimal")
    public = int(text, 16)
    if public % PRIME == 0:
        raise BadClientPublic("zero modulo N")
    return public


def server_public(private: int, verifier: int) -> int:
    """B = k*v + g^b. `private` is b, never used twice: 256 random bits (RFC 5054 section 2.5.3)."""
    return (MULTIPLIER * verifier + powers().power_of_g(private)) % PRIME


def scramble(client_public: int, server_public: int) -> int:
    """u"""
    return int.from_bytes(hashlib.sha256(pad(client_public) + pad(server_public)).digest(), "big")


def shared_secret(client_public: int, u: int, private: int, verifier: int) -> int:
    """S = (A * v^u)^b, about 1.1 ms. Raises ZeroScramble."""
    if u == 0:
        raise ZeroScramble
    return powers().chained_power(verifier, u, client_public % PRIME, private)


def derive_key(secret: int, u: int) -> bytes:
    """K: 16 bytes, by HKDF-SHA256 (RFC 5869), of which the clients take the first block."""
    extracted = hmac.digest(pad(u), pad(secret), "sha256")
    return hmac.digest(extracted, _INFO, "sha256")[:16]


def server_key(client_public: int, server_public: int, private: int, verifier: int) -> bytes:
    """K of an exchange, as the server gets it: A, B, b, v. Raises ZeroScramble."""
    u = scramble(client_public, server_public)
    return derive_key(shared_secret(client_public, u, private, verifier), u)


def claim_signature(key: bytes, context: str, identity: str, block: bytes, timestamp: str) -> str:
    """PASSWORD_CLAIM_SIGNATURE, in base64; `block` is SECRET_BLOCK decoded, `timestamp` is canonical."""
    message = context.encode() + identity.encode() + block + timestamp.encode()
    return base64.b64encode(hmac.digest(key, message, "sha256")).decode()


def verify_claim(signature: str, key: bytes, context: str, identity: str, block: bytes, timestamp: str) -> bool:
    """Whether PASSWORD_CLAIM_SIGNATURE proves the password; the time tells nothing of how wrong it is."""
    expected = claim_signature(key, context, identity, block, timestamp)
    return hmac.compare_digest(expected.encode(), signature.encode())


def secret_hash(username: str, client_id: str, client_secret: str) -> str:
    """SECRET_HASH, in base64."""
    digest = hmac.digest(client_secret.encode(), f"{username}{client_id}".encode(), "sha256")
    return base64.b64encode(digest).decode()


def verify_secret_hash(given: str, username: str, client_id: str, client_secrets: Iterable[str]) -> bool:
    """Whether the hash was made with any of the client's secrets; the time does not tell which."""
    matches = [
        hmac.compare_digest(secret_hash(username, client_id, secret).encode(), given.encode())
        for secret in client_secrets
    ]
    return any(matches)


# Written out: strftime would speak the language of the server's locale.
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIMESTAMP: Final = re.compile(
    rf"(?:{'|'.join(_DAYS)}) ({'|'.join(_MONTHS)}) ([0-9]{{1,2}})"
    r" ([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2}) (?:UTC|GMT) ([0-9]{4})"
)


def canonical_timestamp(text: str) -> str:
    """The server's spelling of TIMESTAMP, which the proof must cover. Raises BadTimestamp.

    A wrong weekday or a zero-padded day can be read, so it is refused only where the proof turns out to be over
    another spelling: as by the service.
    """
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        raise BadTimestamp
    month_name, *numbers = found.groups()
    day, hour, minute, second, year = (int(number) for number in numbers)
    month = _MONTHS.index(month_name) + 1
    if year < 1970 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        raise BadTimestamp
    if hour > 23 or minute > 59 or second > 59:
        raise BadTimestamp
    return format_timestamp(calendar.timegm((year, month, day, hour, minute, second)))


def format_timestamp(seconds: float) -> str:
    """TIMESTAMP of a moment in epoch seconds: `EEE MMM d HH:mm:ss 'UTC' yyyy`, in English."""
    at = time.gmtime(seconds)
    clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    return f"{_DAYS[at.tm_wday]} {_MONTHS[at.tm_mon - 1]} {at.tm_mday} {clock} UTC {at.tm_year:04}"
