"""What is known of a stack between deploys, and how it is kept: sealed, in one row, changed by compare-and-swap.

Owns the stored form, the journal of a deploy under way and the exports of all stacks. Decides nothing.
"""

import base64
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec
from msgspec import Struct

from poolhouse.stacks.resource import Effect, Resource
from poolhouse.stacks.template import JsonValue
from poolhouse.storage.database import Batch, Database
from poolhouse.storage.stacks import StackRow, Stacks

PAGE = 100


class Sealer(Protocol):
    """Who keeps the stored documents unreadable without the master key (poolhouse/crypto's key ring)."""

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """Encrypt, bound to `context`."""
        ...

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Decrypt what was sealed with the same `context`."""
        ...


class Owner(Struct, frozen=True):
    """The process that is deploying."""

    token: str
    host: str
    pid: int
    lease_until: float
    """Epoch seconds after which another node may take over."""


class Entry(Struct, frozen=True):
    """One thing that a deploy did or may have done: enough to take it back."""

    logical_id: str
    type: str
    kind: str
    """`create` or `update`."""
    properties: dict[str, JsonValue]
    effects: tuple[Effect, ...] = ()
    made: Resource | None = None


class Journal(Struct, frozen=True):
    """A deploy under way. While it is there, `resources` of the state are still those of before."""

    owner: Owner
    entries: tuple[Entry, ...] = ()


class Output(Struct, frozen=True):
    """A stack's output."""

    value: str
    description: str = ""
    export_name: str | None = None


class StackState(Struct, frozen=True):
    """A stack. Statuses are CloudFormation's; times are epoch milliseconds."""

    name: str
    stack_id: str
    status: str
    version: int
    created_at: int
    modified_at: int
    region: str
    account_id: str
    description: str = ""
    template_name: str = ""
    parameters: dict[str, str] = {}
    resources: dict[str, Resource] = {}
    outputs: dict[str, Output] = {}
    imports: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    served: tuple[tuple[str, str], ...] = ()
    """Kind and name of what is in `deployed`."""
    cleanup: tuple[Resource, ...] = ()
    """Resources that are no longer part of the stack and still have to be deleted."""
    digest: str = ""
    reason: str = ""
    journal: Journal | None = None

    def exports(self) -> dict[str, str]:
        """Exported values by export name."""
        return {output.export_name: output.value for output in self.outputs.values() if output.export_name is not None}


class StackStore:
    """Stacks by name."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._rows = Stacks(database)
        self._sealer = sealer

    async def load(self, name: str) -> StackState | None:
        """The stack of that name; None when there is none. Raises Unavailable."""
        row = await self._rows.get(name)
        return None if row is None else self._state(row)

    async def all(self) -> AsyncIterator[StackState]:
        """Every stack, by name."""
        after = ""
        while rows := await self._rows.page(after, PAGE):
            for row in rows:
                yield self._state(row)
            after = rows[-1].name

    def insert(self, batch: Batch, state: StackState, taken: Exception) -> None:
        """Add a new stack to a batch."""
        self._rows.insert(batch, self._row(state), taken)

    def update(self, batch: Batch, state: StackState, changed: Exception) -> None:
        """Add the new version of a stack to a batch; raises `changed` if another writer was first."""
        self._rows.update(batch, self._row(state), changed)

    def delete(self, batch: Batch, state: StackState, changed: Exception) -> None:
        """Add forgetting a stack to a batch."""
        self._rows.delete(batch, state.name, state.version, changed)

    def _row(self, state: StackState) -> StackRow:
        sealed = self._sealer.seal(msgspec.json.encode(state), _context(state.name))
        return StackRow(
            name=state.name,
            stack_id=state.stack_id,
            status=state.status,
            version=state.version,
            created_at=state.created_at,
            modified_at=state.modified_at,
            document=base64.b64encode(sealed).decode(),
        )

    def _state(self, row: StackRow) -> StackState:
        plaintext = self._sealer.open(base64.b64decode(row.document), _context(row.name))
        return msgspec.json.decode(plaintext, type=StackState)


def _context(name: str) -> bytes:
    return b"stack:" + name.encode()
