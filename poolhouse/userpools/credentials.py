"""A user's password as it is kept: SRP salt and verifier, sealed. Also the stand-in for users that do not exist.

A verifier serves both SRP and a password sent in clear (it is recomputed and compared). Knows no policy.
"""

import hashlib
import hmac
import re

from msgspec import Struct

from poolhouse.call import Call
from poolhouse.crypto.keyring import KeyRing
from poolhouse.crypto.srp_group import PRIME, PRIME_BYTES
from poolhouse.crypto.uuid4 import uuid4_text
from poolhouse.storage.users import UserRow
from poolhouse.userpools import srp
from poolhouse.userpools.attributes import is_email, is_phone_number
from poolhouse.userpools.directory import Pool
from poolhouse.userpools.usernames import LONGEST_USERNAME

_SALT_BYTES = 16
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""What stands as the username of a user who signs in with an address."""


class Credential(Struct, frozen=True):
    """What proves a password. `user_id_for_srp` is the name that the verifier was made with."""

    user_id_for_srp: str
    salt: int
    verifier: int
    genuine: bool
    """False for a stand-in: it costs what a real one costs, and no password fits it."""

    def __repr__(self) -> str:
        return "Credential(••••)"


def credential_context(pool_id: str, user_id: str) -> bytes:
    """What a sealed credential is bound to."""
    return f"credential:{pool_id}:{user_id}".encode()


def new_credential(call: Call, pool: Pool, user_id: str, username: str, password: str) -> bytes:
    """Salt and verifier of a new password, sealed for this user."""
    salt = call.chance.randbytes(_SALT_BYTES)
    verifier = srp.make_verifier(pool.short_id, username, password, int.from_bytes(salt, "big"))
    plain = salt + verifier.to_bytes(PRIME_BYTES, "big")
    return call.services.keyring.seal(plain, credential_context(pool.pool_id, user_id))


def credential_of(keyring: KeyRing, user: UserRow) -> Credential | None:
    """The user's credential, or None for one without a password."""
    if user.credential is None:
        return None
    plain = keyring.open(user.credential, credential_context(user.pool_id, user.user_id))
    salt, verifier = (int.from_bytes(part, "big") for part in (plain[:_SALT_BYTES], plain[_SALT_BYTES:]))
    return Credential(user.username, salt, verifier, genuine=True)


class StandIn(Struct, frozen=True):
    """Nobody, who is answered for like somebody. Failed attempts are counted under `subject_id`."""

    subject_id: str
    credential: Credential


def stand_in(answer_key: bytes, pool: Pool, name: str) -> StandIn:
    """What an unknown `name` is answered with: the same for the same name on every node, and unguessable.

    DEVIATION: where users choose their usernames an unknown one is answered with itself, as a known one is; the
    service answers with a UUID there too, which tells who exists.
    """
    folded = pool.fold(name)
    shown = folded
    if not _could_be_username(pool, folded):
        shown = uuid4_text(hmac.digest(answer_key, f"address\0{pool.pool_id}\0{folded}".encode(), "sha256")[:16])
    # All else follows from the name that is shown: whoever asks by that one must find the same nobody again.
    seed = hmac.digest(answer_key, f"nobody\0{pool.pool_id}\0{shown}".encode(), "sha256")
    stretched = hashlib.shake_256(b"stand-in" + seed).digest(_SALT_BYTES + PRIME_BYTES)
    salt, verifier = (int.from_bytes(part, "big") for part in (stretched[:_SALT_BYTES], stretched[_SALT_BYTES:]))
    return StandIn(uuid4_text(seed[:16]), Credential(shown, salt, verifier % PRIME, genuine=False))


def _could_be_username(pool: Pool, name: str) -> bool:
    """Whether a user of that very username could exist, rather than one of whom the name is an address."""
    if pool.username_attributes:
        return _ID.fullmatch(name) is not None
    if len(name) > LONGEST_USERNAME:
        return False
    return not (
        ("email" in pool.alias_attributes and is_email(name))
        or ("phone_number" in pool.alias_attributes and is_phone_number(name))
    )


def password_fits(pool: Pool, credential: Credential, password: str) -> bool:
    """Whether the password is the credential's, in the same time whether it is or not."""
    made = srp.make_verifier(pool.short_id, credential.user_id_for_srp, password, credential.salt)
    fits = hmac.compare_digest(made.to_bytes(PRIME_BYTES, "big"), credential.verifier.to_bytes(PRIME_BYTES, "big"))
    return fits and credential.genuine
