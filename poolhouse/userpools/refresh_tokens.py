"""Refresh tokens: opaque to clients, shaped like the service's (five parts), stored only as a hash.

The fourth part is sealed and names the session, the last proves that the whole is ours, so that a forged or foreign
token is refused without a look into the database; the session's hash, which of them is the one to use now.
"""

import hashlib
import hmac
import random
from typing import Final

from msgspec import Struct

from poolhouse.crypto.encoding import NotCanonical, from_base64url, to_base64url
from poolhouse.crypto.keyring import KeyRing, Unsealable

# What the service's own refresh tokens begin with: {"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"} (contract/tokens.md).
_HEADER = "eyJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiUlNBLU9BRVAifQ"
_CONTEXT = b"refresh-token"
_DRAWN: Final = 32 + 12
LONGEST = 4096


class RefreshClaims(Struct, frozen=True):
    """What a genuine refresh token says of itself."""

    pool_id: str
    session_id: str


class RefreshTokens:
    """Makes and reads refresh tokens. `secret` is the installation's, the same on every node."""

    __slots__ = ("_keyring", "_secret")

    def __init__(self, keyring: KeyRing, secret: bytes) -> None:
        self._keyring = keyring
        self._secret = hmac.digest(secret, b"refresh tokens", "sha256")

    def first(self, chance: random.Random, pool_id: str, session_id: str) -> str:
        """The token of a new session: header, 32 random bytes, 12 more, sealed name of the session, proof."""
        sealed = self._keyring.seal(f"{pool_id} {session_id}".encode(), _CONTEXT)
        return self._written(chance.randbytes(_DRAWN), to_base64url(sealed).decode())

    def successor(self, token: str) -> str:
        """The one token that a rotation puts in place of `token`, which is genuine.

        It follows from it, for us alone: whoever asks again because the answer was lost is given the same.
        """
        drawn = hashlib.shake_256(self._proof(f"successor {token}")).digest(_DRAWN)
        return self._written(drawn, token.split(".")[3])

    def read(self, token: str) -> RefreshClaims | None:
        """The session that the token names, or None if it is not one of ours. Whether it still opens it is not said."""
        parts = token.split(".")
        if len(token) > LONGEST or len(parts) != 5 or parts[0] != _HEADER:
            return None
        try:
            proof = from_base64url(parts[4].encode())
            if not hmac.compare_digest(proof, self._proof(".".join(parts[:4]))[:16]):
                return None
            sealed = from_base64url(parts[3].encode())
            pool_id, _, session_id = self._keyring.open(sealed, _CONTEXT).decode().partition(" ")
        except (NotCanonical, ValueError, Unsealable):
            return None
        return RefreshClaims(pool_id, session_id)

    def _written(self, drawn: bytes, sealed: str) -> str:
        first, second = (to_base64url(part).decode() for part in (drawn[:32], drawn[32:]))
        token = f"{_HEADER}.{first}.{second}.{sealed}"
        return f"{token}.{to_base64url(self._proof(token)[:16]).decode()}"

    def _proof(self, text: str) -> bytes:
        return hmac.digest(self._secret, text.encode("utf-8", "surrogatepass"), "sha256")


def refresh_hash(token: str) -> bytes:
    """What the session's row keeps of its refresh token."""
    return hashlib.sha256(token.encode()).digest()
