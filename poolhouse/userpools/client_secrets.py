"""An app client's secrets: one or two, so that they can be replaced without an outage.

Owns their form and the rules for adding and removing them (contract/operations.md SECLIM, wire.md section 3).
Knows no storage.
"""

import string
from collections.abc import Sequence

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    InvalidParameterException,
    LimitExceededException,
    ResourceNotFoundException,
)
from poolhouse.userpools.stored_pools import ClientSecret

MAX_SECRETS = 2
_ALPHABET = string.digits + string.ascii_lowercase
_LENGTH = 51


def first_secret(call: Call, client_id: str, chosen: str | None) -> ClientSecret:
    """The secret of a new client: the `chosen` one, or a generated one of 263 bits."""
    return _secret(call, client_id, chosen, ())


def add_secret(call: Call, client_id: str, chosen: str | None, held: Sequence[ClientSecret]) -> ClientSecret:
    """A further secret beside those that are `held`.

    Raises LimitExceededException (SECLIM); InvalidParameterException for a public client, which a secret would turn
    into one that its users' devices can no longer be.
    """
    if not held:
        raise InvalidParameterException(f"Client {client_id} is not configured with a client secret.")
    if len(held) >= MAX_SECRETS:
        raise LimitExceededException(f"Client secrets cannot exceed limit of {MAX_SECRETS} secrets.")
    return _secret(call, client_id, chosen, held)


def without_secret(held: Sequence[ClientSecret], secret_id: str) -> tuple[ClientSecret, ...]:
    """The others. Raises ResourceNotFoundException; InvalidParameterException for the last one."""
    if all(secret.id != secret_id for secret in held):
        raise ResourceNotFoundException(f"Client secret {secret_id} does not exist.")
    if len(held) == 1:
        raise InvalidParameterException("The last client secret cannot be deleted.")
    return tuple(secret for secret in held if secret.id != secret_id)


def _secret(call: Call, client_id: str, chosen: str | None, held: Sequence[ClientSecret]) -> ClientSecret:
    # Ids name the millisecond; two of the same one would be the same id.
    stamp = max([call.now_ms, *(secret.created_at + 1 for secret in held)])
    value = chosen if chosen is not None else "".join(call.chance.choices(_ALPHABET, k=_LENGTH))
    return ClientSecret(id=f"{client_id}--{stamp}", value=value, created_at=stamp)
