"""Errands about keys: rewrapping under another master key, a new data key, access keys.

Owns the order and the guards of these. The cryptography is crypto's, the rows are storage's.
"""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

from poolhouse.access.keys import AccessKeys
from poolhouse.cli.failures import Refused
from poolhouse.config import Config
from poolhouse.crypto.keyring import new_data_key
from poolhouse.crypto.master_key import MasterKey, from_file
from poolhouse.opening import find_master_key
from poolhouse.services import Services
from poolhouse.storage.access_keys import AccessKeyRow
from poolhouse.storage.database import Batch

NEW_KEY_VARIABLE = "POOLHOUSE_NEW_MASTER_KEY"
NOTICE = "data_keys"
"""Topic of the notice after which servers read the data keys again."""
_PAGE = 1000
_POLICY_BYTES = 64 << 10


class _ChangedMeanwhile(Exception):
    """Another command has just changed the data keys."""


def new_master_key(file: Path | None) -> MasterKey:
    """The key to change to. Raises Refused, MasterKeyUnusable."""
    text = os.environ.get(NEW_KEY_VARIABLE)
    if file is not None:
        return from_file(file)
    if text:
        return MasterKey.parse(text)
    raise Refused(
        f"no new master key: make one with `poolhouse keys generate --file PATH` and give it with --new-key-file, "
        f"or set {NEW_KEY_VARIABLE}"
    )


async def rewrap(services: Services, new_master: MasterKey) -> int:
    """Wrap every data key with another master key, all or none; returns how many. Raises Refused."""
    batch = Batch()
    count = _rewrap_into(batch, services, new_master)
    await _commit(services, batch)
    return count


async def add_data_key(services: Services, config: Config) -> str:
    """Add a data key, which seals from then on; its id. Raises Refused."""
    master = find_master_key(config, os.environ)
    fresh = new_data_key(master, int(time.time() * 1000))
    batch = Batch()
    # Wrapped anew, the old rows differ from what a simultaneous change of the master key has read: one of the two
    # is refused, and no key is left behind under a master key that is gone.
    _rewrap_into(batch, services, master)
    services.store.data_keys.insert(batch, fresh.key_id, fresh.wrapped, fresh.created_at)
    batch.notify(NOTICE, "")
    await _commit(services, batch)
    return fresh.key_id


def _rewrap_into(batch: Batch, services: Services, master: MasterKey) -> int:
    pairs = services.keyring.rewrap(master)
    for pair in pairs:
        refusal = _ChangedMeanwhile()
        services.store.data_keys.rewrap(batch, pair.old.key_id, pair.old.wrapped, pair.new.wrapped, refusal)
    return len(pairs)


async def _commit(services: Services, batch: Batch) -> None:
    try:
        await services.database.commit(batch)
    except _ChangedMeanwhile:
        raise Refused("another command has just changed the data keys; try again") from None


def access_keys(services: Services) -> AccessKeys:
    """The access keys of an installation."""
    return AccessKeys(services.database, services.keyring, clock=time.time, random=os.urandom)


async def all_access_keys(services: Services) -> list[AccessKeyRow]:
    """Every access key, by id."""
    keys = access_keys(services)
    rows: list[AccessKeyRow] = []
    while page := await keys.page(after=rows[-1].key_id if rows else "", limit=_PAGE):
        rows += page
        if len(page) < _PAGE:
            break
    return rows


def read_policy(path: Path) -> str:
    """A policy document's text. Raises Refused."""
    try:
        with path.open("rb") as file:
            data = file.read(_POLICY_BYTES + 1)
        if len(data) > _POLICY_BYTES:
            raise Refused(f"{path} is longer than a policy can be")
        return data.decode()
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"{path} is not UTF-8; save it as UTF-8") from None


def moment(milliseconds: int) -> str:
    """A stored time as ISO 8601 in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
