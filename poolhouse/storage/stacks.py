"""Stacks and what they serve (apis, functions, roles). Documents are the stacks' own; nothing is read in them here."""

from msgspec import Struct

from poolhouse.storage.database import Batch, Database, Row


class StackRow(Struct, frozen=True):
    """A stack as it is stored; `document` is sealed text, times are epoch milliseconds."""

    name: str
    stack_id: str
    status: str
    version: int
    created_at: int
    modified_at: int
    document: str


class DeployedRow(Struct, frozen=True):
    """One thing that a stack serves, by kind and name; `document` is JSON."""

    kind: str
    name: str
    stack: str
    document: str
    modified_at: int


_STACK = "name, stack_id, status, version, created_at, modified_at, document"
_DEPLOYED = "kind, name, stack, document, modified_at"


class Stacks:
    """Repository of stacks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, name: str) -> StackRow | None:
        row = await self._database.fetch_row(f"SELECT {_STACK} FROM stacks WHERE name = ?", name)
        return None if row is None else _stack(row)

    async def page(self, after: str, limit: int) -> list[StackRow]:
        """Stacks whose name follows `after`, at most `limit`, by name."""
        rows = await self._database.fetch(
            f"SELECT {_STACK} FROM stacks WHERE name > ? ORDER BY name LIMIT ?", after, limit
        )
        return [_stack(row) for row in rows]

    def insert(self, batch: Batch, stack: StackRow, taken: Exception) -> None:
        """Store a new stack; raises `taken` when the name is in use."""
        batch.add(
            f"INSERT INTO stacks ({_STACK}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            stack.name,
            stack.stack_id,
            stack.status,
            stack.version,
            stack.created_at,
            stack.modified_at,
            stack.document,
            expect=1,
            refusal=taken,
        )

    def update(self, batch: Batch, stack: StackRow, changed: Exception) -> None:
        """Store `stack` over the version before it; raises `changed` if another writer was first."""
        batch.add(
            "UPDATE stacks SET status = ?, version = ?, modified_at = ?, document = ? WHERE name = ? AND version = ?",
            stack.status,
            stack.version,
            stack.modified_at,
            stack.document,
            stack.name,
            stack.version - 1,
            expect=1,
            refusal=changed,
        )

    def delete(self, batch: Batch, name: str, version: int, changed: Exception) -> None:
        """Forget a stack that is still at `version`; raises `changed` otherwise."""
        batch.add("DELETE FROM stacks WHERE name = ? AND version = ?", name, version, expect=1, refusal=changed)


class Deployed:
    """Repository of what stacks serve."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, kind: str, name: str) -> DeployedRow | None:
        row = await self._database.fetch_row(
            f"SELECT {_DEPLOYED} FROM deployed WHERE kind = ? AND name = ?", kind, name
        )
        return None if row is None else _deployed(row)

    async def page(self, kind: str, after: str, limit: int) -> list[DeployedRow]:
        """Things of a kind whose name follows `after`, at most `limit`, by name."""
        rows = await self._database.fetch(
            f"SELECT {_DEPLOYED} FROM deployed WHERE kind = ? AND name > ? ORDER BY name LIMIT ?", kind, after, limit
        )
        return [_deployed(row) for row in rows]

    def put(self, batch: Batch, row: DeployedRow, taken: Exception) -> None:
        """Serve `row` from now on; raises `taken` when another stack has something of that kind and name."""
        batch.add(
            f"INSERT INTO deployed ({_DEPLOYED}) VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, name) DO UPDATE "
            "SET document = excluded.document, modified_at = excluded.modified_at "
            "WHERE deployed.stack = excluded.stack",
            row.kind,
            row.name,
            row.stack,
            row.document,
            row.modified_at,
            expect=1,
            refusal=taken,
        )

    def remove(self, batch: Batch, kind: str, name: str, stack: str) -> None:
        """Serve it no longer, if it is that stack's."""
        batch.add("DELETE FROM deployed WHERE kind = ? AND name = ? AND stack = ?", kind, name, stack)


def _stack(row: Row) -> StackRow:
    return StackRow(*row)


def _deployed(row: Row) -> DeployedRow:
    return DeployedRow(*row)
