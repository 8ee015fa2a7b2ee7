"""Writes a user's change that takes aliases over from whoever has them (ForceAliasCreation; contract/rules.md §1).

Only verified addresses move, and only from users who have them as such an address: a username is nobody else's.
"""

from collections.abc import Sequence

import msgspec

from poolhouse.call import Call
from poolhouse.storage.database import Batch
from poolhouse.storage.users import Alias, UserRow
from poolhouse.userpools.attributes import VERIFIED_FLAGS
from poolhouse.userpools.directory import Pool
from poolhouse.userpools.user_writes import alias_taken, aliases_of, user_with


async def change_user_over_others(
    call: Call, pool: Pool, batch: Batch, before: UserRow, after: UserRow, changed: Exception
) -> UserRow:
    """As `change_user`, but a verified address that is another user's alias moves; theirs becomes unverified.

    The commit raises `changed` when any of the users was changed meanwhile. Returns the row as it will be.
    """
    users = call.services.store.users
    after = msgspec.structs.replace(after, modified_at=call.now_ms, version=before.version + 1)
    users.update(batch, before, after, changed)
    old, new = aliases_of(pool, before.attributes), aliases_of(pool, after.attributes)
    for kind, alias in old.items():
        if new.get(kind) != alias:
            users.release(batch, pool.pool_id, before.user_id, alias.alias)
    wanted = [alias for kind, alias in new.items() if old.get(kind) != alias]
    await take_aliases(call, pool, batch, before.user_id, wanted, changed)
    batch.notify("user", f"{pool.pool_id}/{before.user_id}")
    return after


async def take_aliases(
    call: Call, pool: Pool, batch: Batch, heir: str, wanted: Sequence[Alias], changed: Exception
) -> None:
    """Give the user `heir` these aliases, free ones and other users' verified addresses alike.

    The commit raises `changed` when any of the owners was changed meanwhile, and ALIAS for what is not to be taken.
    """
    users = call.services.store.users
    dispossessed: dict[str, UserRow] = {}
    for alias in wanted:
        owner, refusal = await _owner_of(call, pool, alias, changed)
        if owner is None:
            users.claim(batch, pool.pool_id, heir, alias, refusal)
            continue
        users.move_alias(batch, pool.pool_id, alias.alias, owner=owner.user_id, heir=heir, changed=changed)
        held = dispossessed.get(owner.user_id, owner)
        attributes = {**held.attributes, VERIFIED_FLAGS[alias.kind]: "false"}
        dispossessed[owner.user_id] = user_with(held, attributes=attributes, modified_at=call.now_ms)
    for owner in dispossessed.values():
        users.update(batch, owner, owner, changed)
        batch.notify("user", f"{pool.pool_id}/{owner.user_id}")


async def _owner_of(call: Call, pool: Pool, alias: Alias, changed: Exception) -> tuple[UserRow | None, Exception]:
    """From whom the alias may be taken, or None; and what it means when a claim of it then finds it taken."""
    taken = alias_taken(pool, alias.kind, creating=False)
    if alias.kind not in VERIFIED_FLAGS or alias.kind not in pool.alias_attributes:
        return None, taken
    users = call.services.store.users
    owner = await users.find(pool.pool_id, alias.alias)
    if owner is None:
        return None, changed  # free now: from whoever claims it first it is taken at the next attempt
    for held in await users.aliases(pool.pool_id, owner.user_id):
        if held.alias == alias.alias:
            return (owner, changed) if held.kind == alias.kind else (None, taken)
    return None, changed  # it has moved since
