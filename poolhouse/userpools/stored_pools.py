"""Pools and clients as their owners change them: read with all that is stored, rewritten only over what was read.

Owns the compare-and-swap and its retries. Knows no setting; sign-in reads through the directory's cache instead.
"""

from collections.abc import Callable

import msgspec
from msgspec import Struct, structs

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    ConcurrentModificationException,
    ResourceNotFoundException,
    UserPoolClientType,
    UserPoolType,
)
from poolhouse.storage.database import Batch
from poolhouse.storage.pools import ClientRow, PoolRow
from poolhouse.userpools.directory import client_secret_context
from poolhouse.userpools.documents import read_document, write_document

RACES = 5
"""How often a change is tried anew when another one was first."""


class ChangedMeanwhile(Exception):
    """The settings were changed between the read and the write."""


class ClientSecret(Struct, frozen=True):
    """A secret of an app client; `created_at` is epoch milliseconds."""

    id: str
    value: str
    created_at: int

    def __repr__(self) -> str:
        return f"ClientSecret(id={self.id!r}, value=••••)"


class StoredClient(Struct, frozen=True):
    """A client with its secrets, the oldest first."""

    settings: UserPoolClientType
    secrets: tuple[ClientSecret, ...]

    @property
    def shown(self) -> UserPoolClientType:
        """The client as DescribeUserPoolClient shows it, with the secret in clear."""
        return structs.replace(self.settings, client_secret=self.secrets[0].value if self.secrets else None)


_secrets = msgspec.json.Decoder(tuple[ClientSecret, ...])


def pool_does_not_exist(pool_id: str) -> ResourceNotFoundException:
    """POOL."""
    return ResourceNotFoundException(f"User pool {pool_id} does not exist.")


def client_does_not_exist(client_id: str) -> ResourceNotFoundException:
    """CLI2."""
    return ResourceNotFoundException(f"User pool client {client_id} does not exist.")


async def pool_row(call: Call, pool_id: str) -> PoolRow:
    """The stored pool, not the cached one. Raises ResourceNotFoundException (POOL)."""
    row = await call.services.store.pools.get(pool_id)
    if row is None:
        raise pool_does_not_exist(pool_id)
    return row


def pool_settings_of(row: PoolRow) -> UserPoolType:
    """What a row's document says."""
    return read_document(UserPoolType, row.document)


def insert_pool(call: Call, batch: Batch, settings: UserPoolType, taken: Exception) -> None:
    """Store a new pool; raises `taken` when its id is in use."""
    assert settings.id is not None
    assert settings.name is not None
    row = PoolRow(
        pool_id=settings.id,
        name=settings.name,
        created_at=call.now_ms,
        modified_at=call.now_ms,
        version=1,
        document=write_document(settings),
    )
    call.services.store.pools.insert(batch, row, taken)


async def change_pool(
    call: Call, pool_id: str, event: str, change: Callable[[UserPoolType], UserPoolType]
) -> UserPoolType:
    """Rewrite a pool's settings by a pure `change`, audited as `event`; returns them as they then are.

    Raises ResourceNotFoundException, whatever `change` raises, and ConcurrentModificationException.
    """
    for _ in range(RACES):
        before = await pool_row(call, pool_id)
        settings = structs.replace(change(pool_settings_of(before)), last_modified_date=call.now)
        row = structs.replace(
            before,
            name=settings.name or before.name,
            modified_at=call.now_ms,
            version=before.version + 1,
            document=write_document(settings),
        )
        batch = Batch()
        call.services.store.pools.update(batch, row, ChangedMeanwhile())
        batch.notify("pool", pool_id)
        call.services.audit(call, batch, event, pool_id=pool_id)
        try:
            await call.commit(batch)
        except ChangedMeanwhile:
            continue
        return settings
    raise ConcurrentModificationException(f"User pool {pool_id} is being changed by others, try again.")


async def client_row(call: Call, pool_id: str, client_id: str) -> ClientRow:
    """The stored client of that pool. Raises ResourceNotFoundException (POOL, CLI2)."""
    row = await call.services.store.clients.find(client_id)
    if row is None or row.pool_id != pool_id:
        await call.services.directory.pool(pool_id)
        raise client_does_not_exist(client_id)
    return row


def client_of(call: Call, row: ClientRow) -> StoredClient:
    """What a row says, its secrets opened."""
    secrets: tuple[ClientSecret, ...] = ()
    if row.secrets is not None:
        context = client_secret_context(row.pool_id, row.client_id)
        secrets = _secrets.decode(call.services.keyring.open(row.secrets, context))
    return StoredClient(read_document(UserPoolClientType, row.document), secrets)


def insert_client(call: Call, batch: Batch, client: StoredClient, taken: Exception) -> None:
    """Store a new client; raises `taken` when its id is in use."""
    settings = client.settings
    assert settings.user_pool_id is not None
    assert settings.client_id is not None
    empty = ClientRow(
        pool_id=settings.user_pool_id,
        client_id=settings.client_id,
        name="",
        created_at=call.now_ms,
        modified_at=call.now_ms,
        version=0,
        document="",
        secrets=None,
    )
    call.services.store.clients.insert(batch, _client_row(call, empty, client), taken)


async def change_client(
    call: Call, pool_id: str, client_id: str, event: str, change: Callable[[StoredClient], StoredClient]
) -> StoredClient:
    """Rewrite a client by a pure `change`, audited as `event`; returns it as it then is.

    Raises ResourceNotFoundException, whatever `change` raises, and ConcurrentModificationException.
    """
    for _ in range(RACES):
        before = await client_row(call, pool_id, client_id)
        changed = change(client_of(call, before))
        client = structs.replace(changed, settings=structs.replace(changed.settings, last_modified_date=call.now))
        batch = Batch()
        call.services.store.clients.update(batch, _client_row(call, before, client), ChangedMeanwhile())
        batch.notify("client", client_id)
        call.services.audit(call, batch, event, pool_id=pool_id, client_id=client_id)
        try:
            await call.commit(batch)
        except ChangedMeanwhile:
            continue
        return client
    raise ConcurrentModificationException(f"User pool client {client_id} is being changed by others, try again.")


def _client_row(call: Call, before: ClientRow, client: StoredClient) -> ClientRow:
    sealed: bytes | None = None
    if client.secrets:
        context = client_secret_context(before.pool_id, before.client_id)
        sealed = call.services.keyring.seal(msgspec.json.encode(client.secrets), context)
    return structs.replace(
        before,
        name=client.settings.client_name or "",
        modified_at=call.now_ms,
        version=before.version + 1,
        document=write_document(client.settings),
        secrets=sealed,
    )
