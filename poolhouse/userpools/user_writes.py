"""Writes a user's change: attributes, password and status in one row, and the names that follow from them.

Owns which attribute is an alias when (contract/rules.md §1). Knows no operation.
"""

import msgspec

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import AliasExistsException, UsernameExistsException
from poolhouse.storage.database import Batch
from poolhouse.storage.users import Alias, UserRow
from poolhouse.userpools.attributes import VERIFIED_FLAGS
from poolhouse.userpools.directory import Pool


def fold_alias(pool: Pool, kind: str, value: str) -> str:
    """An alias in the form in which it is compared; a phone number has no case."""
    return value if kind == "phone_number" else pool.fold(value)


def aliases_of(pool: Pool, attributes: dict[str, str]) -> dict[str, Alias]:
    """The names, by kind, that a user with these attributes can sign in with beside the username.

    Where e-mail or phone number are the username they serve from the start; as aliases only once verified.
    """
    found: dict[str, Alias] = {}
    for kind in ("email", "phone_number", "preferred_username"):
        value = attributes.get(kind)
        if not value:
            continue
        verified = kind not in VERIFIED_FLAGS or attributes.get(VERIFIED_FLAGS[kind]) == "true"
        if kind in pool.username_attributes or (kind in pool.alias_attributes and verified):
            found[kind] = Alias(fold_alias(pool, kind, value), kind)
    return found


def alias_taken(pool: Pool, kind: str, *, creating: bool) -> Exception:
    """What a clash of aliases is answered with (operations.md UEXIST-EM, ALIAS)."""
    if kind == "preferred_username":
        return AliasExistsException("Already found an entry for the provided username.")
    text = f"An account with the given {kind} already exists."
    if creating and kind in pool.username_attributes:
        return UsernameExistsException(text)
    return AliasExistsException(text)


def claim_aliases(call: Call, pool: Pool, batch: Batch, user: UserRow) -> None:
    """Claim every name of a new user."""
    users = call.services.store.users
    for kind, alias in aliases_of(pool, user.attributes).items():
        users.claim(batch, pool.pool_id, user.user_id, alias, alias_taken(pool, kind, creating=True))


def change_user(call: Call, pool: Pool, batch: Batch, before: UserRow, after: UserRow, changed: Exception) -> UserRow:
    """Store `after` over `before`, moving aliases as the attributes demand; raises `changed` on a lost race.

    Returns the row as it will be.
    """
    users = call.services.store.users
    after = msgspec.structs.replace(after, modified_at=call.now_ms, version=before.version + 1)
    users.update(batch, before, after, changed)
    old, new = aliases_of(pool, before.attributes), aliases_of(pool, after.attributes)
    for kind, alias in old.items():
        if new.get(kind) != alias:
            users.release(batch, pool.pool_id, before.user_id, alias.alias)
    for kind, alias in new.items():
        if old.get(kind) != alias:
            users.claim(batch, pool.pool_id, before.user_id, alias, alias_taken(pool, kind, creating=False))
    batch.notify("user", f"{pool.pool_id}/{before.user_id}")
    return after


def user_with(user: UserRow, **changes: object) -> UserRow:
    """The row with some of its columns changed."""
    return msgspec.structs.replace(user, **changes)


def with_written(attributes: dict[str, str], written: dict[str, str]) -> dict[str, str]:
    """The attributes after a write: an empty value deletes, a new e-mail or phone number is unverified."""
    after = dict(attributes)
    for name, value in written.items():
        flag = VERIFIED_FLAGS.get(name)
        if flag is not None and flag not in written and attributes.get(name) != value:
            after[flag] = "false"
        if value:
            after[name] = value
        else:
            after.pop(name, None)
            if flag is not None:
                after.pop(flag, None)
    return after
