"""Where a code goes: by what a pool verifies, by how it recovers accounts, and, for nobody, somewhere plausible.

Pure (contract/rules.md §5, §6, §9). Must not know what a code is for beyond that.
"""

import hmac
from collections.abc import Mapping, Sequence

from poolhouse.userpools.attributes import VERIFIED_FLAGS, is_email, is_phone_number
from poolhouse.userpools.codes import Contact, Destination
from poolhouse.userpools.directory import Pool

_DEFAULT_RECOVERY: tuple[Contact, ...] = ("phone_number", "email")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def as_contact(name: str) -> Contact | None:
    """The attribute as one that codes can be sent to, or None."""
    if name == "email":
        return "email"
    return "phone_number" if name == "phone_number" else None


def verification_order(pool: Pool) -> tuple[Contact, ...]:
    """What the pool verifies at sign-up, first choice first: of both, only the phone gets a code."""
    verified = pool.settings.auto_verified_attributes or ()
    return tuple(contact for contact in _DEFAULT_RECOVERY if contact in verified)


def verification_destination(pool: Pool, attributes: Mapping[str, str]) -> Destination | None:
    """Where the code of a sign-up goes; None when the pool verifies nothing that the user has."""
    for contact in verification_order(pool):
        address = attributes.get(contact)
        if address:
            return Destination(contact, address)
    return None


def recovery_order(pool: Pool) -> tuple[Contact, ...]:
    """What a lost password can be recovered over, first choice first; empty where only administrators can."""
    setting = pool.settings.account_recovery_setting
    mechanisms = setting.recovery_mechanisms if setting is not None else None
    if not mechanisms:
        return _DEFAULT_RECOVERY
    ranked = sorted(mechanisms, key=lambda option: option.priority)
    found = (as_contact(option.name.removeprefix("verified_")) for option in ranked)
    return tuple(contact for contact in found if contact is not None)


def recovery_destination(pool: Pool, attributes: Mapping[str, str]) -> Destination | None:
    """Where a recovery's code goes: the first verified address by priority, or None."""
    for contact in recovery_order(pool):
        address = attributes.get(contact)
        if address and attributes.get(VERIFIED_FLAGS[contact]) == "true":
            return Destination(contact, address)
    return None


def simulated_destination(answer_key: bytes, pool: Pool, name: str, order: Sequence[Contact]) -> Destination:
    """Where a code for `name`, who has no address, seems to go: the same for the same name, on every node.

    `order` is not empty. An address that was typed is shown as what it is: so it is for users who exist.
    """
    if "email" in order and is_email(name):
        return Destination("email", name)
    if "phone_number" in order and is_phone_number(name):
        return Destination("phone_number", name)
    chosen = hmac.digest(answer_key, f"destination\0{pool.pool_id}\0{pool.fold(name)}".encode(), "sha256")
    contact = _likely(pool, order)
    if contact == "email":
        return Destination("email", f"{_LETTERS[chosen[0] % 26]}@{_LETTERS[chosen[1] % 26]}")
    return Destination("phone_number", "+" + "".join(str(byte % 10) for byte in chosen[:11]))


def _likely(pool: Pool, order: Sequence[Contact]) -> Contact:
    """Over what most users of the pool would be reached: what all have, else e-mail."""
    for contact in order:
        if contact in pool.schema.required or pool.username_attributes == {contact}:
            return contact
    return "email" if "email" in order else order[0]
