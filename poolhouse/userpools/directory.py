"""Pools and clients as operations see them: parsed once, cached in the process, dropped when any node changes them.

Also finds a user by any name. Knows nothing of how settings are changed.
"""

import json
from collections import OrderedDict
from typing import TypeVar

from poolhouse.crypto.keyring import KeyRing
from poolhouse.model.cognito_idp_model import (
    ResourceNotFoundException,
    UserPoolClientType,
    UserPoolType,
)
from poolhouse.storage.pools import ClientRow, PoolRow
from poolhouse.storage.store import Store
from poolhouse.storage.users import UserRow
from poolhouse.userpools.attributes import AttributeSchema
from poolhouse.userpools.documents import read_document

POOLS_HELD = 2_000
CLIENTS_HELD = 10_000
_TEMPORARY_DAYS = 7
DEFAULT_FLOWS = frozenset({"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"})

HeldT = TypeVar("HeldT")


class Pool:
    """A user pool's settings, ready for use."""

    __slots__ = (
        *("alias_attributes", "case_sensitive", "pool_id", "row", "schema", "settings", "short_id"),
        *("temporary_password_days", "username_attributes"),
    )

    def __init__(self, row: PoolRow) -> None:
        self.row = row
        self.pool_id = row.pool_id
        self.short_id = row.pool_id.partition("_")[2]
        """The part of the id that SRP hashes."""
        self.settings: UserPoolType = read_document(UserPoolType, row.document)
        self.username_attributes = frozenset(self.settings.username_attributes or ())
        self.alias_attributes = frozenset(self.settings.alias_attributes or ())
        configuration = self.settings.username_configuration
        self.case_sensitive = configuration is None or configuration.case_sensitive is not False
        self.schema = AttributeSchema(self.settings.schema_attributes or [])
        policy = self.settings.policies.password_policy if self.settings.policies else None
        self.temporary_password_days = (policy and policy.temporary_password_validity_days) or _TEMPORARY_DAYS

    def fold(self, name: str) -> str:
        """A name in the form in which this pool compares names."""
        return name if self.case_sensitive else name.lower()


class Client:
    """An app client's settings, ready for use."""

    __slots__ = ("client_id", "flows", "pool_id", "readable", "row", "secrets", "settings", "writable")

    def __init__(self, row: ClientRow, secrets: tuple[str, ...]) -> None:
        self.row = row
        self.client_id = row.client_id
        self.pool_id = row.pool_id
        self.secrets = secrets
        self.settings: UserPoolClientType = read_document(UserPoolClientType, row.document)
        self.flows = frozenset(self.settings.explicit_auth_flows or ()) or DEFAULT_FLOWS
        self.readable = frozenset(self.settings.read_attributes or ())
        """Attributes that this client may read; empty means all."""
        self.writable = frozenset(self.settings.write_attributes or ())
        """Attributes that this client may write; empty means all."""


def client_secret_context(pool_id: str, client_id: str) -> bytes:
    """What a client's sealed secrets are bound to."""
    return f"client:{pool_id}:{client_id}".encode()


class Directory:
    """The process's cache of pools and clients, and the way from a name to a user."""

    def __init__(self, store: Store, keyring: KeyRing) -> None:
        self._store = store
        self._keyring = keyring
        self._pools: OrderedDict[str, Pool] = OrderedDict()
        self._clients: OrderedDict[str, Client] = OrderedDict()
        self._drops = 0

    def on_notice(self, topic: str, key: str) -> None:
        """Forget what a node says has changed."""
        if topic not in ("pool", "client", ""):
            return
        self._drops += 1
        if key == "":
            self._pools.clear()
            self._clients.clear()
        elif topic == "pool":
            self._pools.pop(key, None)
        else:
            self._clients.pop(key, None)

    async def pool(self, pool_id: str) -> Pool:
        """The pool. Raises ResourceNotFoundException."""
        found = self._pools.get(pool_id)
        if found is not None:
            return found
        drops = self._drops
        row = await self._store.pools.get(pool_id)
        if row is None:
            raise ResourceNotFoundException(f"User pool {pool_id} does not exist.")
        pool = Pool(row)
        if drops == self._drops:  # nothing changed while it was read
            _hold(self._pools, pool_id, pool, POOLS_HELD)
        return pool

    async def exists_now(self, pool_id: str) -> bool:
        """Whether the pool exists, asked of the database whatever is held."""
        return await self._store.pools.get(pool_id) is not None

    async def client(self, client_id: str) -> Client:
        """The client, in whichever pool. Raises ResourceNotFoundException."""
        found = await self.find_client(client_id)
        if found is None:
            raise ResourceNotFoundException(f"User pool client {client_id} does not exist.")
        return found

    async def find_client(self, client_id: str) -> Client | None:
        """The client, in whichever pool, or None."""
        found = self._clients.get(client_id)
        if found is not None:
            return found
        drops = self._drops
        row = await self._store.clients.find(client_id)
        if row is None:
            return None
        client = Client(row, self._open_secrets(row))
        if drops == self._drops:
            _hold(self._clients, client_id, client, CLIENTS_HELD)
        return client

    async def client_of(self, pool_id: str, client_id: str) -> Client:
        """The client of that pool. Raises ResourceNotFoundException."""
        client = await self.client(client_id)
        if client.pool_id != pool_id:
            raise ResourceNotFoundException(f"User pool client {client_id} does not exist.")
        return client

    async def find_user(self, pool: Pool, name: str) -> UserRow | None:
        """The user whom an administrator means: by username, alias or sub."""
        user = await self._store.users.find(pool.pool_id, pool.fold(name))
        if user is None:
            # An id is an id, whatever the pool's users are called.
            user = await self._store.users.get(pool.pool_id, name)
        return user

    async def find_signing_in(self, pool: Pool, name: str) -> UserRow | None:
        """The user who signs in as `name`: a username or an alias, never a bare sub."""
        return await self._store.users.find(pool.pool_id, pool.fold(name))

    def _open_secrets(self, row: ClientRow) -> tuple[str, ...]:
        if row.secrets is None:
            return ()
        opened = self._keyring.open(row.secrets, client_secret_context(row.pool_id, row.client_id))
        return tuple(entry["value"] for entry in json.loads(opened))


def _hold(cache: "OrderedDict[str, HeldT]", key: str, value: HeldT, limit: int) -> None:
    cache[key] = value
    if len(cache) > limit:
        cache.popitem(last=False)
