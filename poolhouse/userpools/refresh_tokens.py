"""Refresh tokens: opaque to clients, shaped like the service's (five parts), stored only as a hash.

The middle part is sealed and names the session, so that a forged or foreign token is refused without a look into the
database; the random part is what the session's hash is of.
"""

import hashlib
import random

from msgspec import Struct

from poolhouse.crypto.encoding import NotCanonical, from_base64url, to_base64url
from poolhouse.crypto.keyring import KeyRing, Unsealable

# What the service's own refresh tokens begin with: {"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"} (contract/tokens.md).
_HEADER = "eyJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiUlNBLU9BRVAifQ"
_CONTEXT = b"refresh-token"
LONGEST = 4096


class RefreshClaims(Struct, frozen=True):
    """What a genuine refresh token says of itself."""

    pool_id: str
    session_id: str


def new_refresh_token(keyring: KeyRing, chance: random.Random, pool_id: str, session_id: str) -> str:
    """A token for the session: header, 32 random bytes, nonce, sealed name of the session, tag."""
    sealed = keyring.seal(f"{pool_id} {session_id}".encode(), _CONTEXT)
    parts = (chance.randbytes(32), chance.randbytes(12), sealed, chance.randbytes(16))
    return ".".join([_HEADER, *(to_base64url(part).decode() for part in parts)])


def read_refresh_token(keyring: KeyRing, token: str) -> RefreshClaims | None:
    """The session that the token names, or None if it is not one of ours. Whether it still lives is not said."""
    parts = token.split(".")
    if len(token) > LONGEST or len(parts) != 5 or parts[0] != _HEADER:
        return None
    try:
        sealed = from_base64url(parts[3].encode())
        pool_id, _, session_id = keyring.open(sealed, _CONTEXT).decode().partition(" ")
    except (NotCanonical, ValueError, Unsealable):
        return None
    return RefreshClaims(pool_id, session_id)


def refresh_hash(token: str) -> bytes:
    """What the session's row keeps of its refresh token."""
    return hashlib.sha256(token.encode()).digest()
