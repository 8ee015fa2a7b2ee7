"""Base64 with one spelling per value: what decodes here encodes back to the very same text.

Owns the refusal of every other spelling (padding, stray characters, unused bits): a token changed by a character is
another token. Must not know what is encoded.
"""

from binascii import a2b_base64, b2a_base64
from typing import Final

_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
# The standard alphabet's own + and / have no place in URL-safe text: they become something that no decoder takes.
_FROM_URL: Final = bytes.maketrans(b"-_+/", b"+/!!")
_LAST: Final = {1: b"", 2: b"AQgw", 3: b"AEIMQUYcgkosw048"}
"""By the number of characters in the last, incomplete group: what can stand last with no bit set that is not used."""


class NotCanonical(Exception):
    """The text is not the one base64 spelling of any bytes."""


def to_base64url(data: bytes) -> bytes:
    """RFC 7515 section 2: URL-safe, without padding."""
    return b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL)


def from_base64url(text: bytes) -> bytes:
    """The inverse of to_base64url. Raises NotCanonical."""
    if b"=" in text:
        raise NotCanonical
    return _decode(text.translate(_FROM_URL))


def to_base64(data: bytes) -> bytes:
    """RFC 4648 section 4: the standard alphabet, padded."""
    return b2a_base64(data, newline=False)


def from_base64(text: bytes) -> bytes:
    """The inverse of to_base64. Raises NotCanonical."""
    if len(text) % 4:
        raise NotCanonical
    return _decode(text.rstrip(b"="), padded=text)


def _decode(bare: bytes, *, padded: bytes | None = None) -> bytes:
    group = len(bare) % 4
    if group and bare[-1] not in _LAST[group]:
        raise NotCanonical
    whole = bare + b"=="[: -len(bare) % 4] if group else bare
    if padded is not None and padded != whole:
        raise NotCanonical
    try:
        return a2b_base64(whole, strict_mode=True)
    except ValueError as failure:
        raise NotCanonical from failure
