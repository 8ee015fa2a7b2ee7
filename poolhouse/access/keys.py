"""Access keys that Poolhouse issues: making, finding, listing and disabling them.

A found key is held in memory until a notice says that it changed; while notices may be outstanding for longer than
a second, nothing held is trusted. Knows no request and no signature.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from poolhouse.access.credential import Credential
from poolhouse.access.policy import parse_policy
from poolhouse.crypto.keyring import KeyRing
from poolhouse.storage.access_keys import (
    TOPIC,
    AccessKeyRow,
    disable_access_key,
    find_access_key,
    insert_access_key,
    list_access_keys,
)
from poolhouse.storage.database import Batch, Database

MAX_HELD = 1024
MAX_FEED_AGE = 1.0
"""Seconds within which every node must refuse a disabled key."""
MAX_PAGE = 1000

_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_KEY_ID = re.compile("AKIA[A-Z2-7]{16}")
_PRINCIPAL = re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}")


class UnknownAccessKey(Exception):
    """No access key has this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"there is no access key {key_id}")
        self.key_id = key_id


class MalformedPrincipal(Exception):
    """The name cannot be a principal's: 1 to 64 of letters, digits and _+=,.@- (IAM user names)."""


@dataclass(frozen=True, slots=True)
class IssuedAccessKey:
    """A new key; the secret is shown this once and never again."""

    key_id: str
    secret: str = field(repr=False)
    principal: str


class AccessKeys:
    """The access keys of this installation."""

    def __init__(
        self, database: Database, keyring: KeyRing, *, clock: Callable[[], float], random: Callable[[int], bytes]
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._random = random
        self._held: OrderedDict[str, Credential] = OrderedDict()
        self._changes = 0
        database.listen(self._forget)

    async def find(self, key_id: str, session_token: str | None) -> Credential | None:
        """The enabled key of that id. A lasting key never comes with a session token, so one refuses it."""
        if session_token is not None:
            return None
        held = self._held.get(key_id)
        if held is not None and self._database.feed_age() <= MAX_FEED_AGE:
            return held
        if not _KEY_ID.fullmatch(key_id):
            return None
        return await self._load(key_id)

    async def create(self, principal: str, policy: str) -> IssuedAccessKey:
        """Issue a key to `principal` under a policy document (JSON text).

        Raises MalformedPrincipal; MalformedPolicy for a document that is not wholly understood.
        """
        if not _PRINCIPAL.fullmatch(principal):
            raise MalformedPrincipal(principal)
        parse_policy(policy)
        key_id = "AKIA" + "".join(_ID_ALPHABET[byte & 31] for byte in self._random(16))
        secret = "".join(_BASE64[byte & 63] for byte in self._random(40))
        row = AccessKeyRow(key_id, principal, policy, int(self._clock() * 1000), None)
        batch = Batch()
        insert_access_key(batch, row, self._keyring.seal(secret.encode(), _seal_context(key_id)))
        await self._database.commit(batch)
        return IssuedAccessKey(key_id, secret, principal)

    async def page(self, *, after: str = "", limit: int = 60) -> list[AccessKeyRow]:
        """A page of keys in order of their ids, without their secrets."""
        return await list_access_keys(self._database, after, min(limit, MAX_PAGE))

    async def disable(self, key_id: str) -> None:
        """Refuse a key from now on, on every node within a second. Raises UnknownAccessKey."""
        batch = Batch()
        disable_access_key(batch, key_id, int(self._clock() * 1000), unknown=UnknownAccessKey(key_id))
        await self._database.commit(batch)
        self._forget(TOPIC, key_id)

    async def _load(self, key_id: str) -> Credential | None:
        changes = self._changes
        row = await find_access_key(self._database, key_id)
        if row is None or row.disabled_at is not None:
            self._held.pop(key_id, None)
            return None
        secret = self._keyring.open(row.secret, _seal_context(key_id)).decode()
        credential = Credential(key_id, secret, row.principal, (parse_policy(row.policy),))
        # A notice that came in while the row was being read may have been about this very row.
        if changes == self._changes:
            self._held[key_id] = credential
            while len(self._held) > MAX_HELD:
                self._held.popitem(last=False)
        return credential

    def _forget(self, topic: str, key: str) -> None:
        if topic != TOPIC:
            return
        self._changes += 1
        if key:
            self._held.pop(key, None)
        else:
            self._held.clear()


def _seal_context(key_id: str) -> bytes:
    return b"access-key:" + key_id.encode()
