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
from poolhouse.crypto.keyring import KeyRing, WrappedKey, WrongMasterKey, new_data_key
from poolhouse.crypto.master_key import MasterKey, from_file
from poolhouse.opening import find_master_key
from poolhouse.services import Services
from poolhouse.storage.access_keys import AccessKeyRow
from poolhouse.storage.database import Batch

NEW_KEY_VARIABLE = "POOLHOUSE_NEW_MASTER_KEY"
NOTICE = "data_keys"
_TRIES = 3
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
    store = services.store
    ring: KeyRing | None = services.keyring
    for _ in range(_TRIES):
        if ring is None:
            break
        batch = Batch()
        pairs = ring.rewrap(new_master)
        for pair in pairs:
            store.data_keys.rewrap(batch, pair.old.key_id, pair.old.wrapped, pair.new.wrapped, _ChangedMeanwhile())
        batch.notify(NOTICE, "")
        try:
            await services.database.commit(batch)
        except _ChangedMeanwhile:
            raise Refused("the data keys were changed by another command at this moment; try again") from None
        # A key that was added while this ran is still wrapped with the old one.
        rows = [WrappedKey(*row) for row in await store.data_keys.all()]
        if len(rows) == len(pairs):
            return len(pairs)
        done = {pair.new.key_id for pair in pairs}
        ring = _others(services, [row for row in rows if row.key_id not in done])
    raise Refused("data keys are being added faster than they can be rewrapped; stop that, then try again")


def _others(services: Services, rows: list[WrappedKey]) -> KeyRing | None:
    try:
        return services.keyring.with_rows(rows) if rows else None
    except WrongMasterKey:
        return None
