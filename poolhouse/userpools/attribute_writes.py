"""What writing attributes means in a pool: what is stored now, what waits for a code, and which codes are sent.

Pure (contract/rules.md §2; operations.md UpdateUserAttributes, AdminUpdateUserAttributes). Knows no storage.
"""

from collections.abc import Mapping

from msgspec import Struct

from poolhouse.storage.users import UserRow
from poolhouse.userpools import code_refusals
from poolhouse.userpools.attributes import VERIFIED_FLAGS
from poolhouse.userpools.code_destinations import as_contact
from poolhouse.userpools.codes import Contact, Destination
from poolhouse.userpools.directory import Pool
from poolhouse.userpools.user_writes import with_written


class AttributeWrite(Struct, frozen=True):
    """The outcome of a write.

    attributes: all of the user's from now on. codes: where a code goes. void: addresses whose earlier codes no
    longer prove anything.
    """

    attributes: dict[str, str]
    codes: tuple[Destination, ...]
    void: tuple[Contact, ...]


def plan_write(pool: Pool, user: UserRow, written: Mapping[str, str]) -> AttributeWrite:
    """What `written` (checked against the schema; a blank value deletes) does to the user.

    A new address that the pool verifies gets a code, unless the same write says that it is verified. Where it must
    be verified first, the old one stays until the code comes back.
    """
    _refuse_early_preferred_username(pool, user, written)
    now = dict(written)
    codes: list[Destination] = []
    void: list[Contact] = []
    verifies = pool.settings.auto_verified_attributes or ()
    for name, flag in VERIFIED_FLAGS.items():
        contact, value = as_contact(name), written.get(name)
        if contact is None or value is None or value == user.attributes.get(name):
            continue
        if not value or written.get(flag) == "true" or contact not in verifies:
            void.append(contact)
            continue
        pending = contact in _verified_first(pool)
        codes.append(Destination(contact, value, pending))
        if pending:
            now.pop(name)
            now.pop(flag, None)
    return AttributeWrite(with_written(user.attributes, now), tuple(codes), tuple(void))


def _verified_first(pool: Pool) -> frozenset[str]:
    settings = pool.settings.user_attribute_update_settings
    return frozenset((settings.attributes_require_verification_before_update if settings is not None else None) or ())


def _refuse_early_preferred_username(pool: Pool, user: UserRow, written: Mapping[str, str]) -> None:
    if user.status == "UNCONFIRMED":
        refuse_early_preferred_username(pool, written)


def refuse_early_preferred_username(pool: Pool, given: Mapping[str, str]) -> None:
    """Raises InvalidParameterException: where preferred_username is an alias, it is given after confirmation."""
    if given.get("preferred_username") and "preferred_username" in pool.alias_attributes:
        raise code_refusals.preferred_username_too_early()
