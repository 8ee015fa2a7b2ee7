"""Codes that prove that an address is someone's: their life, their limits, and what a code that comes back is worth.

Pure rules (contract/rules.md §3). Must not know who asks, how a code travels or where it is kept.
"""

import hmac
from enum import Enum
from random import Random
from typing import Final, Literal

import msgspec
from msgspec import Struct

from poolhouse.storage.codes import CodeRow

Contact = Literal["email", "phone_number"]
CodePurpose = Literal["sign_up", "forgot_password", "verify_email", "verify_phone_number"]
CodeFamily = Literal["sign_up", "forgot_password", "verification"]
"""What is sent and tried under one common limit."""

DIGITS: Final = 6
HOUR_MS: Final = 3_600_000
LIFE_MS: Final[dict[CodePurpose, int]] = {
    "sign_up": 24 * HOUR_MS,
    "forgot_password": HOUR_MS,
    "verify_email": 24 * HOUR_MS,
    "verify_phone_number": 24 * HOUR_MS,
}
FAMILY: Final[dict[CodePurpose, CodeFamily]] = {
    "sign_up": "sign_up",
    "forgot_password": "forgot_password",
    "verify_email": "verification",
    "verify_phone_number": "verification",
}
VERIFY: Final[dict[Contact, CodePurpose]] = {"email": "verify_email", "phone_number": "verify_phone_number"}
SENDS_AN_HOUR: Final = 5
# The service moves a recovery's tries between 5 and 20 by the risk that it sees in an address; this is the middle.
TRIES_AN_HOUR: Final[dict[CodeFamily, int]] = {"sign_up": 15, "forgot_password": 10, "verification": 15}


class Destination(Struct, frozen=True, array_like=True):
    """Where a code goes: the attribute and the address in it.

    pending: the address becomes the attribute's value only when the code comes back
    (AttributesRequireVerificationBeforeUpdate).
    """

    attribute: Contact
    address: str
    pending: bool = False

    def __repr__(self) -> str:
        return f"Destination({self.attribute}, ••••)"


_decoder = msgspec.json.Decoder(Destination)


def write_destination(destination: Destination) -> str:
    """The destination as a code's row holds it."""
    return msgspec.json.encode(destination).decode()


def read_destination(text: str) -> Destination:
    """The inverse of write_destination."""
    return _decoder.decode(text)


class CodeScope(Struct, frozen=True):
    """What a code is for; in any other scope it is just wrong.

    credential_version: of the password that a recovery replaces, so that a password that is set in the meantime
    voids the code; 0 for codes that replace none.
    """

    pool_id: str
    user_id: str
    purpose: CodePurpose
    credential_version: int = 0


def new_code(chance: Random) -> str:
    """Six digits. `chance` must be unpredictable: random.SystemRandom in production."""
    return f"{chance.randrange(10**DIGITS):0{DIGITS}d}"


def hash_code(answer_key: bytes, scope: CodeScope, code: str) -> bytes:
    """How a code is kept. A million codes are soon tried, so the hash is keyed: the database alone tells none."""
    key = hmac.digest(answer_key, b"codes", "sha256")
    # Only the code comes from outside and it stands last, so no two inputs read the same.
    text = f"{scope.pool_id}\0{scope.user_id}\0{scope.purpose}\0{scope.credential_version}\0{code}"
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256")


class Worth(Enum):
    """What a code that came back is worth: whether it is the one that was sent, and whether that one is still good."""

    GOOD = "right, and still good"
    SPENT = "right, but used or expired"
    WRONG = "wrong, while another is good"
    NONE_PENDING = "wrong, and none is good"


def worth_of(row: CodeRow | None, offered: bytes, now: int) -> Worth:
    """What the code whose hash is `offered` is worth at `now` (epoch milliseconds)."""
    # Compared without a row as well: the time must not tell whether a code is pending.
    right = hmac.compare_digest(bytes(32) if row is None else row.code_hash, offered) and row is not None
    good = row is not None and row.expires_at > now
    if right:
        return Worth.GOOD if good else Worth.SPENT
    return Worth.WRONG if good else Worth.NONE_PENDING
