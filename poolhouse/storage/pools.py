"""User pools and their app clients, as documents in the service model's shapes. Knows nothing of what they mean."""

from msgspec import Struct

from poolhouse.storage.database import Batch, Database, Row
from poolhouse.storage.leftovers import note_deleted


class PoolRow(Struct, frozen=True):
    """A user pool as it is stored; `document` is JSON, times are epoch milliseconds."""

    pool_id: str
    name: str
    created_at: int
    modified_at: int
    version: int
    document: str


class ClientRow(Struct, frozen=True):
    """An app client as it is stored; `secrets` is sealed."""

    pool_id: str
    client_id: str
    name: str
    created_at: int
    modified_at: int
    version: int
    document: str
    secrets: bytes | None


_POOL = "pool_id, name, created_at, modified_at, version, document"
_CLIENT = "pool_id, client_id, name, created_at, modified_at, version, document, secrets"


class Pools:
    """Repository of user pools."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, pool_id: str) -> PoolRow | None:
        row = await self._database.fetch_row(f"SELECT {_POOL} FROM pools WHERE pool_id = ?", pool_id)
        return None if row is None else _pool(row)

    async def page(self, after: str, limit: int) -> list[PoolRow]:
        """Pools whose id follows `after`, at most `limit`, by id."""
        rows = await self._database.fetch(
            f"SELECT {_POOL} FROM pools WHERE pool_id > ? ORDER BY pool_id LIMIT ?", after, limit
        )
        return [_pool(row) for row in rows]

    def insert(self, batch: Batch, pool: PoolRow, taken: Exception) -> None:
        batch.add(
            f"INSERT INTO pools ({_POOL}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            pool.pool_id,
            pool.name,
            pool.created_at,
            pool.modified_at,
            pool.version,
            pool.document,
            expect=1,
            refusal=taken,
        )

    def update(self, batch: Batch, pool: PoolRow, changed: Exception) -> None:
        """Store `pool` over the version before it; raises `changed` if another writer was first."""
        batch.add(
            "UPDATE pools SET name = ?, modified_at = ?, version = ?, document = ? WHERE pool_id = ? AND version = ?",
            pool.name,
            pool.modified_at,
            pool.version,
            pool.document,
            pool.pool_id,
            pool.version - 1,
            expect=1,
            refusal=changed,
        )

    def delete(self, batch: Batch, pool: PoolRow, now: int, changed: Exception) -> None:
        """Delete a pool as it was read, with its clients and keys; raises `changed` if it is no longer that.

        With these it is gone for everybody. Its users may be a million: they are removed afterwards, in portions.
        """
        batch.add(
            "DELETE FROM pools WHERE pool_id = ? AND version = ?",
            pool.pool_id,
            pool.version,
            expect=1,
            refusal=changed,
        )
        for table in ("clients", "signing_keys"):
            batch.add(f"DELETE FROM {table} WHERE pool_id = ?", pool.pool_id)
        note_deleted(batch, pool.pool_id, now)


class Clients:
    """Repository of app clients."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, client_id: str) -> ClientRow | None:
        """The client of that id, in whichever pool it is."""
        row = await self._database.fetch_row(f"SELECT {_CLIENT} FROM clients WHERE client_id = ?", client_id)
        return None if row is None else _client(row)

    async def page(self, pool_id: str, after: str, limit: int) -> list[ClientRow]:
        """Clients of the pool whose id follows `after`, at most `limit`, by id."""
        rows = await self._database.fetch(
            f"SELECT {_CLIENT} FROM clients WHERE pool_id = ? AND client_id > ? ORDER BY client_id LIMIT ?",
            pool_id,
            after,
            limit,
        )
        return [_client(row) for row in rows]

    def insert(self, batch: Batch, client: ClientRow, taken: Exception) -> None:
        batch.add(
            f"INSERT INTO clients ({_CLIENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            client.pool_id,
            client.client_id,
            client.name,
            client.created_at,
            client.modified_at,
            client.version,
            client.document,
            client.secrets,
            expect=1,
            refusal=taken,
        )

    def update(self, batch: Batch, client: ClientRow, changed: Exception) -> None:
        """Store `client` over the version before it; raises `changed` if another writer was first."""
        batch.add(
            "UPDATE clients SET name = ?, modified_at = ?, version = ?, document = ?, secrets = ? "
            "WHERE pool_id = ? AND client_id = ? AND version = ?",
            client.name,
            client.modified_at,
            client.version,
            client.document,
            client.secrets,
            client.pool_id,
            client.client_id,
            client.version - 1,
            expect=1,
            refusal=changed,
        )

    def delete(self, batch: Batch, pool_id: str, client_id: str, gone: Exception) -> None:
        """Delete a client; its sessions die with it because the gateway and the tokens' readers look it up."""
        batch.add("DELETE FROM clients WHERE pool_id = ? AND client_id = ?", pool_id, client_id, expect=1, refusal=gone)


def _pool(row: Row) -> PoolRow:
    return PoolRow(*row)


def _client(row: Row) -> ClientRow:
    return ClientRow(*row)
