"""One data key at work: AES-256-GCM boxes for what is stored, and for what is handed out to come back (tokens).

Owns the two formats on the byte level. Must not know where keys come from, nor what a payload means.

    stored:  0x01 | key id (4) | lane (1) | nonce (12) | ciphertext and tag (16)
    token:   0x02 | key id (4) | lane (1) | nonce (12) | expiry, epoch ms (8) | ciphertext and tag (16)

Everything before the ciphertext is authenticated, together with the context (stored) or the kind (token).
A lane is one of 256 keys derived from the data key; it is drawn with the nonce. GCM with random nonces is sound for
2^32 messages under a key (NIST SP 800-38D section 8.3); a busy installation would pass that in weeks. Lanes make it
2^40: at a thousand messages a second, 34 years.
"""

import hmac
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Random = Callable[[int], bytes]
"""A source of so many random bytes, fit for keys: os.urandom in production."""

KEY_BYTES: Final = 32
ID_BYTES: Final = 4
HEAD_BYTES: Final = 1 + ID_BYTES
DRAW_BYTES: Final = 13
_BOX_BYTES: Final = HEAD_BYTES + DRAW_BYTES
_TOKEN_BYTES: Final = _BOX_BYTES + 8
_TAG_BYTES: Final = 16
_STORED: Final = b"\x01"
_TOKEN: Final = b"\x02"
LANES: Final = 256


class Unsealable(Exception):
    """What was given does not open: not ours, altered, meant for another place, or past its time."""


class Tampered(Unsealable):
    """Malformed, altered, sealed for another context, or by another installation."""


class UnknownDataKey(Unsealable):
    """Sealed with a data key that this process does not hold: forged, or newer than its keys; load them again once."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"no data key {key_id}")
        self.key_id = key_id


class SealExpired(Unsealable):
    """A genuine token of the right kind, past its time (epoch seconds)."""

    def __init__(self, expires: float) -> None:
        super().__init__(f"expired at {expires:.3f}")
        self.expires = expires


class DataKey:
    """A data key. Safe to use from several threads and after a fork: there is no counter to repeat."""

    __slots__ = ("_lanes", "_secret", "_stored_head", "_token_head", "key_id")

    def __init__(self, key_id: bytes, secret: bytes) -> None:
        self.key_id = key_id
        self._secret = secret
        self._stored_head = _STORED + key_id
        self._token_head = _TOKEN + key_id
        self._lanes: list[AESGCM | None] = [None] * LANES

    def __repr__(self) -> str:
        return f"DataKey({self.key_id.hex()}, ••••)"

    def seal(self, plaintext: bytes, context: bytes, draw: bytes) -> bytes:
        """A stored box. `draw` is 13 random bytes: the lane and the nonce."""
        head = self._stored_head + draw
        return head + self._lane(draw[0]).encrypt(draw[1:], plaintext, head + context)

    def open(self, box: bytes, context: bytes) -> bytes:
        """What was sealed in that context. Raises Tampered."""
        if len(box) < _BOX_BYTES + _TAG_BYTES or box[:1] != _STORED:
            raise Tampered
        return self._decrypt(box, _BOX_BYTES, context)

    def seal_token(self, kind: bytes, payload: bytes, expires: float, draw: bytes) -> bytes:
        """A token of that kind, good until `expires` (epoch seconds). `draw` as for seal."""
        head = self._token_head + draw + int(expires * 1000).to_bytes(8, "big")
        return head + self._lane(draw[0]).encrypt(draw[1:], payload, head + kind)

    def open_token(self, kind: bytes, token: bytes, now: float) -> bytes:
        """The payload of a token of that kind. Raises Tampered, or SealExpired from its very millisecond on."""
        if len(token) < _TOKEN_BYTES + _TAG_BYTES or token[:1] != _TOKEN:
            raise Tampered
        payload = self._decrypt(token, _TOKEN_BYTES, kind)
        expires_ms = int.from_bytes(token[_BOX_BYTES:_TOKEN_BYTES], "big")
        if now * 1000 >= expires_ms:
            raise SealExpired(expires_ms / 1000)
        return payload

    def _decrypt(self, box: bytes, head_length: int, context: bytes) -> bytes:
        lane = self._lane(box[HEAD_BYTES])
        try:
            return lane.decrypt(box[HEAD_BYTES + 1 : _BOX_BYTES], box[head_length:], box[:head_length] + context)
        except InvalidTag:
            raise Tampered from None

    def _lane(self, number: int) -> AESGCM:
        lane = self._lanes[number]
        if lane is None:
            # HMAC as a key derivation from a uniformly random key: NIST SP 800-108 section 4.1, one block.
            derived = hmac.digest(self._secret, b"poolhouse data key lane" + bytes((number,)), "sha256")
            lane = self._lanes[number] = AESGCM(derived)
        return lane
