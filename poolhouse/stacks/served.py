"""What running servers load: apis, functions and roles, as the stacks deployed them.

Owns the merging of resources' fragments into documents, and the documents' stored form. Knows no kind.
"""

import base64
from collections.abc import Iterable

import msgspec

from poolhouse.stacks.errors import NameTaken
from poolhouse.stacks.resource import Fragment
from poolhouse.stacks.state import Sealer
from poolhouse.stacks.template import JsonValue, Tree
from poolhouse.storage.database import Batch, Database
from poolhouse.storage.stacks import Deployed, DeployedRow

NOTICE = "stack"
"""Topic of the notice (its key the stack's name) after which servers load again."""
SEALED = "sealed"
"""The member of a stored document that holds its private members."""
PAGE = 200

Key = tuple[str, str]


def merge(fragments: Iterable[Fragment]) -> dict[Key, Fragment]:
    """Fragments of one kind and name as one document: mappings are merged, of other values the later wins."""
    merged: dict[Key, Fragment] = {}
    for part in fragments:
        key = (part.kind, part.name)
        whole = merged.get(key)
        if whole is None:
            merged[key] = part
        else:
            document = _merged(whole.document, part.document)
            merged[key] = Fragment(part.kind, part.name, document, _merged(whole.private, part.private))
    return merged


def _merged(first: Tree, second: Tree) -> Tree:
    result = dict(first)
    for key, value in second.items():
        before = result.get(key)
        result[key] = _merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return result


class ServedStore:
    """Documents by kind and name."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._rows = Deployed(database)
        self._sealer = sealer

    async def load(self, kind: str) -> list[Tree]:
        """Every document of a kind, its private members put back. Raises Unavailable."""
        documents: list[Tree] = []
        after = ""
        while rows := await self._rows.page(kind, after, PAGE):
            documents += [self._document(row) for row in rows]
            after = rows[-1].name
        return documents

    def replace(
        self, batch: Batch, stack: str, before: Iterable[Key], fragments: dict[Key, Fragment], now_ms: int
    ) -> None:
        """Serve these from now on for the stack, and nothing else of it."""
        for kind, name in before:
            if (kind, name) not in fragments:
                self._rows.remove(batch, kind, name, stack)
        for (kind, name), fragment in fragments.items():
            row = DeployedRow(kind, name, stack, self._text(fragment), now_ms)
            self._rows.put(batch, row, NameTaken(kind, name))
        batch.notify(NOTICE, stack)

    def _text(self, fragment: Fragment) -> str:
        document = dict(fragment.document)
        if fragment.private:
            sealed = self._sealer.seal(msgspec.json.encode(fragment.private), _context(fragment.kind, fragment.name))
            document[SEALED] = base64.b64encode(sealed).decode()
        return msgspec.json.encode(document).decode()

    def _document(self, row: DeployedRow) -> Tree:
        document = msgspec.json.decode(row.document, type=dict[str, JsonValue])
        sealed = document.pop(SEALED, None)
        if isinstance(sealed, str):
            plaintext = self._sealer.open(base64.b64decode(sealed), _context(row.kind, row.name))
            document.update(msgspec.json.decode(plaintext, type=dict[str, JsonValue]))
        return document


def _context(kind: str, name: str) -> bytes:
    return f"deployed:{kind}:{name}".encode()
