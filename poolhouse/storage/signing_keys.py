"""Signing keys of the pools, the data keys that seal everything else, and facts that all nodes share."""

from msgspec import Struct

from poolhouse.storage.database import Batch, Database


class SigningKeyRow(Struct, frozen=True):
    """A pool's signing key; `private_key` is sealed, `public_key` is a JWK, times are epoch milliseconds."""

    pool_id: str
    kid: str
    token_use: str
    private_key: bytes
    public_key: str
    created_at: int
    retired_at: int | None


_COLUMNS = "pool_id, kid, token_use, private_key, public_key, created_at, retired_at"


class SigningKeys:
    """Repository of signing keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_pool(self, pool_id: str) -> list[SigningKeyRow]:
        """All published keys, the newest first."""
        rows = await self._database.fetch(
            f"SELECT {_COLUMNS} FROM signing_keys WHERE pool_id = ? ORDER BY created_at DESC, kid", pool_id
        )
        return [SigningKeyRow(*row) for row in rows]

    def insert(self, batch: Batch, key: SigningKeyRow) -> None:
        batch.add(
            f"INSERT INTO signing_keys ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
            key.pool_id,
            key.kid,
            key.token_use,
            key.private_key,
            key.public_key,
            key.created_at,
            key.retired_at,
        )

    def retire(self, batch: Batch, pool_id: str, kid: str, now: int) -> None:
        """Sign nothing more with this key; it stays published for the tokens that it has signed."""
        batch.add(
            "UPDATE signing_keys SET retired_at = ? WHERE pool_id = ? AND kid = ? AND retired_at IS NULL",
            now,
            pool_id,
            kid,
        )

    def withdraw(self, batch: Batch, pool_id: str, retired_before: int) -> None:
        """Publish no longer what was retired before that time."""
        batch.add("DELETE FROM signing_keys WHERE pool_id = ? AND retired_at < ?", pool_id, retired_before)


class DataKeys:
    """Repository of the wrapped data keys (crypto/keyring.py)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[tuple[str, bytes, int]]:
        """(id, wrapped, created_at) of every data key, the oldest first."""
        rows = await self._database.fetch("SELECT id, wrapped, created_at FROM data_keys ORDER BY created_at, id")
        return [(row[0], row[1], row[2]) for row in rows]

    def insert(self, batch: Batch, key_id: str, wrapped: bytes, created_at: int) -> None:
        batch.add("INSERT INTO data_keys (id, wrapped, created_at) VALUES (?, ?, ?)", key_id, wrapped, created_at)

    def rewrap(self, batch: Batch, key_id: str, old: bytes, new: bytes, changed: Exception) -> None:
        batch.add(
            "UPDATE data_keys SET wrapped = ? WHERE id = ? AND wrapped = ?",
            new,
            key_id,
            old,
            expect=1,
            refusal=changed,
        )


class Facts:
    """What an installation decides once and every node must agree on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_or_set(self, name: str, value: bytes) -> bytes:
        """The fact's value; `value` becomes it if there was none. Of several nodes at once, one decides."""
        found = await self.get(name)
        if found is not None:
            return found
        batch = Batch()
        batch.add("INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", name, value)
        await self._database.commit(batch)
        return await self.get(name) or value

    def claim(self, batch: Batch, name: str, value: bytes, taken: Exception) -> None:
        """Decide the fact in `batch`, or raise `taken` when it is decided already."""
        batch.add(
            "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING",
            name,
            value,
            expect=1,
            refusal=taken,
        )

    async def get(self, name: str) -> bytes | None:
        row = await self._database.fetch_row("SELECT value FROM facts WHERE name = ?", name)
        return None if row is None else bytes(row[0])
