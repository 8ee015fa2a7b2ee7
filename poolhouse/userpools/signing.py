"""A pool's signing keys: two that sign (ID and access tokens), and all that are still published.

Owns when a key signs and when it leaves the JWKS. Knows no claim.
"""

import asyncio
from collections import OrderedDict
from typing import Literal

import msgspec

from poolhouse.call import Call
from poolhouse.crypto.jwt import PublicJwk, PublicKeys, SigningKey
from poolhouse.crypto.keyring import KeyRing
from poolhouse.storage.database import Batch
from poolhouse.storage.signing_keys import SigningKeyRow, SigningKeys

TokenUse = Literal["id", "access"]
POOLS_HELD = 1_000
PUBLISHED_MS = 25 * 3_600_000
"""A retired key stays published this long: the longest a token lives (contract/tokens.md §4), and an hour."""


class PoolKeys:
    """The keys of one pool at one moment."""

    __slots__ = ("access", "id", "jwks", "public")

    def __init__(self, keys: dict[TokenUse, SigningKey], jwks: list[PublicJwk]) -> None:
        self.id = keys["id"]
        self.access = keys["access"]
        self.jwks = msgspec.json.encode({"keys": jwks})
        """The JWKS document (contract/tokens.md §5)."""
        self.public = PublicKeys(jwks)


class Signing:
    """The process's cache of signing keys."""

    def __init__(self, keyring: KeyRing, rows: SigningKeys) -> None:
        self._keyring = keyring
        self._rows = rows
        self._held: OrderedDict[str, PoolKeys] = OrderedDict()
        self._drops = 0

    def on_notice(self, topic: str, key: str) -> None:
        """Forget a pool's keys when a node says that they have changed."""
        if topic not in ("keys", ""):
            return
        self._drops += 1
        if key:
            self._held.pop(key, None)
        else:
            self._held.clear()

    async def keys(self, pool_id: str) -> PoolKeys | None:
        """The pool's keys, or None for a pool that does not exist."""
        held = self._held.get(pool_id)
        if held is not None:
            return held
        drops = self._drops
        rows = await self._rows.of_pool(pool_id)
        if not rows:
            return None
        keys = self._load(rows)
        if drops == self._drops:
            self._held[pool_id] = keys
            if len(self._held) > POOLS_HELD:
                self._held.popitem(last=False)
        return keys

    def _load(self, rows: list[SigningKeyRow]) -> PoolKeys:
        signing: dict[TokenUse, SigningKey] = {}
        for row in rows:
            use: TokenUse = "id" if row.token_use == "id" else "access"
            if row.retired_at is None and use not in signing:
                private = self._keyring.open(row.private_key, _context(row.pool_id, row.kid))
                signing[use] = SigningKey.from_private(row.kid, private)
        jwks = [msgspec.json.decode(row.public_key, type=PublicJwk) for row in rows]
        return PoolKeys(signing, jwks)


def _context(pool_id: str, kid: str) -> bytes:
    return f"signing-key:{pool_id}:{kid}".encode()


async def new_pool_keys(call: Call, pool_id: str, batch: Batch) -> None:
    """Give the pool two fresh signing keys, in `batch`; about 0.1 s of another thread's time each."""
    uses: tuple[TokenUse, ...] = ("id", "access")
    for use in uses:
        key = await asyncio.to_thread(SigningKey.generate)
        row = SigningKeyRow(
            pool_id=pool_id,
            kid=key.kid,
            token_use=use,
            private_key=call.services.keyring.seal(key.private_bytes(), _context(pool_id, key.kid)),
            public_key=msgspec.json.encode(key.public_jwk()).decode(),
            created_at=call.now_ms,
            retired_at=None,
        )
        call.services.store.signing_keys.insert(batch, row)
    batch.notify("keys", pool_id)


async def rotate_pool_keys(call: Call, pool_id: str) -> None:
    """Sign with new keys from now on. Nobody is signed out: the old ones stay published while their tokens live."""
    store = call.services.store
    batch = Batch()
    for row in await store.signing_keys.of_pool(pool_id):
        if row.retired_at is None:
            store.signing_keys.retire(batch, pool_id, row.kid, call.now_ms)
    await new_pool_keys(call, pool_id, batch)
    await call.commit(batch)
    pruning = Batch()
    store.signing_keys.withdraw(pruning, pool_id, call.now_ms - PUBLISHED_MS)
    await call.commit(pruning)
