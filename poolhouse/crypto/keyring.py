"""The key ring: data keys, wrapped by the master key at rest, sealing whatever must be secret.

Owns which data key seals and which open, and the change of master keys. Rows come in and go out through the caller;
must not know a database, nor what is sealed.
"""

import os
from collections.abc import Iterable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from poolhouse.crypto.encoding import (
    NotCanonical,
    from_base64,
    from_base64url,
    to_base64,
    to_base64url,
)
from poolhouse.crypto.master_key import MasterKey
from poolhouse.crypto.sealing import (
    DRAW_BYTES,
    HEAD_BYTES,
    ID_BYTES,
    KEY_BYTES,
    DataKey,
    Random,
    SealExpired,
    Tampered,
    UnknownDataKey,
    Unsealable,
)

__all__ = [
    "DamagedDataKey",
    "KeyRing",
    "NoDataKey",
    "Opened",
    "Rewrapped",
    "SealExpired",
    "Tampered",
    "UnknownDataKey",
    "Unsealable",
    "WrappedKey",
    "WrongMasterKey",
    "new_data_key",
]

MAX_TOKEN_TEXT: Final = 16 * 1024
"""Characters of the longest token that is looked at; a Session of the service has at most 4096."""
_WRAPPED: Final = b"\x01"
_MASTER_ID_BYTES: Final = 8
_WRAP_HEAD: Final = 1 + _MASTER_ID_BYTES
_NONCE_BYTES: Final = 12


class WrappedKey(Struct, frozen=True):
    """A data key as it is stored. key_id: 8 hex digits; created_at: epoch milliseconds.

    wrapped: 0x01 | master key id (8) | nonce (12) | AES-256-GCM of the key under the master key, bound to key_id.
    """

    key_id: str
    wrapped: bytes
    created_at: int


class Rewrapped(Struct, frozen=True):
    """A data key before and after a change of master key."""

    old: WrappedKey
    new: WrappedKey


class Opened(Struct, frozen=True):
    """A genuine block: what it carries, and the very bytes that its holder was given (SRP clients MAC those)."""

    payload: bytes
    block: bytes


class NoDataKey(Exception):
    """A key ring needs at least one data key."""


class WrongMasterKey(Exception):
    """The data keys were wrapped with another master key than the one given; the text says what to do."""

    def __init__(self, needed: str, given: str) -> None:
        super().__init__(
            f"this is not the master key of this database: its keys need master key {needed}, the one given is {given}."
            " Give the key that this database was made with (POOLHOUSE_MASTER_KEY, the master key command or file),"
            " or point to the database that belongs to this key. Without its master key a database cannot be opened."
        )
        self.needed = needed
        self.given = given


class DamagedDataKey(Exception):
    """A stored data key does not unwrap although the master key is the right one: the row was altered."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"data key {key_id} is damaged in the database; restore its row from a backup")
        self.key_id = key_id


class KeyRing:
    """All data keys of an installation. The newest seals, every one opens."""

    __slots__ = ("_by_id", "_master", "_newest", "_random", "_rows")

    def __init__(self, master: MasterKey, rows: Iterable[WrappedKey], random: Random = os.urandom) -> None:
        """Unwrap the rows. Raises NoDataKey, WrongMasterKey, DamagedDataKey."""
        self._master = master
        self._rows = sorted(rows, key=lambda row: (row.created_at, row.key_id))
        if not self._rows:
            raise NoDataKey
        self._random = random
        keys = [_data_key(master, row) for row in self._rows]
        self._by_id = {key.key_id: key for key in keys}
        self._newest = keys[-1]

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(row.key_id for row in self._rows)})"

    def adopt(self, rows: Iterable[WrappedKey]) -> None:
        """Take the rows as they now are, after another node has added one. Raises as the constructor does."""
        fresh = KeyRing(self._master, rows, self._random)
        self._rows, self._by_id, self._newest = fresh._rows, fresh._by_id, fresh._newest

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """Seal for storage; only `open` with an equal context gives it back. 34 bytes longer than the plaintext."""
        return self._newest.seal(plaintext, context, self._random(DRAW_BYTES))

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """What was sealed in that context. Raises Unsealable (Tampered, UnknownDataKey)."""
        return self._key_of(sealed).open(sealed, context)

    def seal_token(self, kind: str, payload: bytes, expires: float) -> str:
        """A URL-safe text that carries the payload until `expires` (epoch seconds). Sessions, page tokens."""
        return to_base64url(self._token(kind, payload, expires)).decode()

    def open_token(self, kind: str, text: str, now: float) -> bytes:
        """The payload of a token of that kind. Raises Unsealable (Tampered, UnknownDataKey, SealExpired)."""
        if len(text) > MAX_TOKEN_TEXT:
            raise Tampered
        try:
            token = from_base64url(text.encode())
        except (NotCanonical, UnicodeEncodeError):
            raise Tampered from None
        return self._key_of(token).open_token(kind.encode(), token, now)

    def seal_block(self, kind: str, payload: bytes, expires: float) -> str:
        """Like seal_token, but in standard base64: SECRET_BLOCK, whose decoded bytes SRP clients MAC."""
        return to_base64(self._token(kind, payload, expires)).decode()

    def open_block(self, kind: str, text: str, now: float) -> Opened:
        """The inverse of seal_block. Raises Unsealable as open_token does."""
        if len(text) > MAX_TOKEN_TEXT:
            raise Tampered
        try:
            block = from_base64(text.encode())
        except (NotCanonical, UnicodeEncodeError):
            raise Tampered from None
        return Opened(self._key_of(block).open_token(kind.encode(), block, now), block)

    def rewrap(self, new_master: MasterKey) -> list[Rewrapped]:
        """Every data key, wrapped by another master key. Nothing that is sealed changes, and nobody is signed out.

        Store all of them in one transaction that insists on the old rows. This ring keeps working either way.
        """
        return [Rewrapped(row, _wrap(new_master, row, _unwrap(self._master, row), self._random)) for row in self._rows]

    def _token(self, kind: str, payload: bytes, expires: float) -> bytes:
        token = self._newest.seal_token(kind.encode(), payload, expires, self._random(DRAW_BYTES))
        if len(token) > MAX_TOKEN_TEXT // 4 * 3:
            raise ValueError(f"a {kind} token cannot carry {len(payload)} bytes")
        return token

    def _key_of(self, sealed: bytes) -> DataKey:
        key = self._by_id.get(sealed[1:HEAD_BYTES])
        if key is not None:
            return key
        if len(sealed) < HEAD_BYTES:
            raise Tampered
        raise UnknownDataKey(sealed[1:HEAD_BYTES].hex())


def new_data_key(master: MasterKey, created_at: int, random: Random = os.urandom) -> WrappedKey:
    """A new data key for storage; created_at in epoch milliseconds. A ring made with it seals with it."""
    empty = WrappedKey(random(ID_BYTES).hex(), b"", created_at)
    return _wrap(master, empty, random(KEY_BYTES), random)


def _wrap(master: MasterKey, row: WrappedKey, secret: bytes, random: Random) -> WrappedKey:
    head = _WRAPPED + bytes.fromhex(master.key_id)
    nonce = random(_NONCE_BYTES)
    box = AESGCM(master.secret).encrypt(nonce, secret, head + row.key_id.encode())
    return WrappedKey(row.key_id, head + nonce + box, row.created_at)


def _unwrap(master: MasterKey, row: WrappedKey) -> bytes:
    head, nonce, box = (
        row.wrapped[:_WRAP_HEAD],
        row.wrapped[_WRAP_HEAD : _WRAP_HEAD + _NONCE_BYTES],
        row.wrapped[_WRAP_HEAD + _NONCE_BYTES :],
    )
    if head[:1] != _WRAPPED or len(box) != KEY_BYTES + 16:
        raise DamagedDataKey(row.key_id)
    if head[1:].hex() != master.key_id:
        raise WrongMasterKey(needed=head[1:].hex(), given=master.key_id)
    try:
        return AESGCM(master.secret).decrypt(nonce, box, head + row.key_id.encode())
    except InvalidTag:
        raise DamagedDataKey(row.key_id) from None


def _data_key(master: MasterKey, row: WrappedKey) -> DataKey:
    try:
        key_id = bytes.fromhex(row.key_id)
    except ValueError:
        raise DamagedDataKey(row.key_id) from None
    if len(key_id) != ID_BYTES:
        raise DamagedDataKey(row.key_id)
    return DataKey(key_id, _unwrap(master, row))
