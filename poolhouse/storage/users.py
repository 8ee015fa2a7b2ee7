"""Users of a pool, and the names they can sign in with. Knows nothing of passwords or policies."""

import msgspec
from msgspec import Struct

from poolhouse.storage.database import Batch, Database, Row

SEARCHED = ("email", "phone_number", "name", "given_name", "family_name", "preferred_username")
"""Attributes with a column of their own, held in lower case, for ListUsers."""

LISTED = ("user_id", "username", "status", "enabled", "created_at", "modified_at", "attributes")
"""The columns of a ListedUser: a page has sixty rows, and each column of each costs."""
_COLUMNS = f"{', '.join(LISTED)}, pool_id, credential, credential_version, password_expires_at, generation, version"
_GROUPED = "EXISTS (SELECT 1 FROM group_members m WHERE m.pool_id = u.pool_id AND m.user_id = u.user_id)"
WHOLE_USER = ", ".join([*(f"u.{column.strip()}" for column in _COLUMNS.split(",")), _GROUPED])
"""The columns of `whole_user_from_row`, where the table of users goes by the name of u."""
_attributes = msgspec.json.Decoder(dict[str, str])
_encode = msgspec.json.Encoder().encode


class ListedUser(Struct, frozen=True, gc=False):
    """What a list shows of a user. Times are epoch milliseconds."""

    user_id: str
    username: str
    status: str
    enabled: bool
    created_at: int
    modified_at: int
    attributes: dict[str, str]


class UserRow(ListedUser, frozen=True, gc=False):
    """A user as it is stored. `credential` is sealed; times are epoch milliseconds."""

    pool_id: str
    credential: bytes | None
    credential_version: int
    password_expires_at: int | None
    generation: int
    """Sessions belong to a generation; a global sign-out begins the next one."""
    version: int = 0
    """Moves on with every change of the row."""
    grouped: bool = True
    """False where the read saw that they are in no group; spares who issues tokens the question."""


class Found(Struct, frozen=True):
    """Who was found in an even search: the user who was looked for, or (not `is_it`) any other, of no meaning."""

    user: UserRow
    is_it: bool


class Alias(Struct, frozen=True):
    """A name to sign in with: `kind` is "username" or the attribute it comes from."""

    alias: str
    kind: str


class Users:
    """Repository of users and their aliases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, pool_id: str, user_id: str) -> UserRow | None:
        row = await self._database.fetch_row(
            f"SELECT {WHOLE_USER} FROM users u WHERE u.pool_id = ? AND u.user_id = ?", pool_id, user_id
        )
        return None if row is None else whole_user_from_row(row)

    async def find(self, pool_id: str, alias: str) -> UserRow | None:
        """The user who can sign in as `alias` (already folded to the pool's case rule)."""
        row = await self._database.fetch_row(
            f"SELECT {WHOLE_USER} FROM aliases a JOIN users u ON u.pool_id = a.pool_id AND u.user_id = a.user_id "
            "WHERE a.pool_id = ? AND a.alias = ?",
            pool_id,
            alias,
        )
        return None if row is None else whole_user_from_row(row)

    async def get_evenly(self, pool_id: str, user_id: str) -> Found | None:
        """As `get`, at one cost: in place of a user who is not there the next one is found. None in an empty pool."""
        row = await self._database.fetch_row(
            f"SELECT {WHOLE_USER} FROM users u WHERE u.pool_id = ? AND u.user_id = COALESCE("
            "(SELECT m.user_id FROM users m WHERE m.pool_id = ? AND m.user_id >= ? ORDER BY m.user_id LIMIT 1), "
            "(SELECT m.user_id FROM users m WHERE m.pool_id = ? ORDER BY m.user_id LIMIT 1))",
            pool_id,
            pool_id,
            user_id,
            pool_id,
        )
        if row is None:
            return None
        user = whole_user_from_row(row)
        return Found(user, user.user_id == user_id)

    async def find_evenly(self, pool_id: str, alias: str, *, near: str) -> Found | None:
        """As `find`, at one cost: in place of a user who is not there the one is found whose id follows `near`.

        One statement and the same look-ups either way, and a row that lies anywhere, as a user's does: so no answer's
        time tells which names exist (contract/rules.md section 5). None in an empty pool.
        """
        row = await self._database.fetch_row(
            # Materialised: or the second look-up would be made only where the first finds nothing.
            "WITH n AS MATERIALIZED (SELECT "
            "(SELECT a.user_id FROM aliases a WHERE a.pool_id = ? AND a.alias = ?) AS owner, "
            "(SELECT m.user_id FROM users m WHERE m.pool_id = ? AND m.user_id >= ? ORDER BY m.user_id LIMIT 1) AS near"
            f") SELECT {WHOLE_USER}, n.owner FROM n JOIN users u ON u.pool_id = ? AND u.user_id = COALESCE("
            "n.owner, n.near, (SELECT m.user_id FROM users m WHERE m.pool_id = ? ORDER BY m.user_id LIMIT 1))",
            pool_id,
            alias,
            pool_id,
            near,
            pool_id,
            pool_id,
        )
        return None if row is None else Found(whole_user_from_row(row), row[14] is not None)

    async def aliases(self, pool_id: str, user_id: str) -> list[Alias]:
        rows = await self._database.fetch(
            "SELECT alias, kind FROM aliases WHERE pool_id = ? AND user_id = ? ORDER BY alias", pool_id, user_id
        )
        return [Alias(str(alias), str(kind)) for alias, kind in rows]

    async def count(self, pool_id: str) -> int:
        rows = await self._database.scan("SELECT count(*) FROM users WHERE pool_id = ?", pool_id)
        return int(rows[0][0] or 0)

    def insert(self, batch: Batch, user: UserRow) -> None:
        """Add a user. Uniqueness of its names is decided by `claim`, so the two belong in one batch."""
        batch.add(
            f"INSERT INTO users ({_COLUMNS}, {', '.join(SEARCHED)}) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            user.user_id,
            user.username,
            user.status,
            int(user.enabled),
            user.created_at,
            user.modified_at,
            _encode(user.attributes).decode(),
            user.pool_id,
            user.credential,
            user.credential_version,
            user.password_expires_at,
            user.generation,
            user.version,
            *_searched(user.attributes),
        )

    def claim(self, batch: Batch, pool_id: str, user_id: str, alias: Alias, taken: Exception) -> None:
        """Make `alias` this user's, or raise `taken`.

        Another user's id is taken as well: administrators name users by it, and must not reach who borrowed it.
        """
        batch.add(
            "INSERT INTO aliases (pool_id, alias, kind, user_id) "
            "SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT) "
            "WHERE NOT EXISTS (SELECT 1 FROM users WHERE pool_id = ? AND user_id = ? AND user_id <> ?) "
            "ON CONFLICT DO NOTHING",
            pool_id,
            alias.alias,
            alias.kind,
            user_id,
            pool_id,
            alias.alias,
            user_id,
            expect=1,
            refusal=taken,
        )

    def release(self, batch: Batch, pool_id: str, user_id: str, alias: str) -> None:
        """Let go of one of this user's aliases."""
        batch.add("DELETE FROM aliases WHERE pool_id = ? AND alias = ? AND user_id = ?", pool_id, alias, user_id)

    def move_alias(self, batch: Batch, pool_id: str, alias: str, *, owner: str, heir: str, changed: Exception) -> None:
        """Take an alias from its owner and give it to another user; raises `changed` if it was no longer theirs."""
        batch.add(
            "UPDATE aliases SET user_id = ? WHERE pool_id = ? AND alias = ? AND user_id = ?",
            heir,
            pool_id,
            alias,
            owner,
            expect=1,
            refusal=changed,
        )

    def update(self, batch: Batch, before: UserRow, after: UserRow, changed: Exception) -> None:
        """Store `after` over `before`; raises `changed` if the user is no longer as they were read."""
        columns = ", ".join(f"{column} = ?" for column in SEARCHED)
        batch.add(
            "UPDATE users SET status = ?, enabled = ?, modified_at = ?, attributes = ?, credential = ?, "
            "credential_version = ?, password_expires_at = ?, generation = ?, version = version + 1, "
            f"{columns} WHERE pool_id = ? AND user_id = ? AND version = ?",
            after.status,
            int(after.enabled),
            after.modified_at,
            _encode(after.attributes).decode(),
            after.credential,
            after.credential_version,
            after.password_expires_at,
            after.generation,
            *_searched(after.attributes),
            before.pool_id,
            before.user_id,
            before.version,
            expect=1,
            refusal=changed,
        )

    def set_enabled(
        self, batch: Batch, pool_id: str, user_id: str, *, enabled: bool, now: int, gone: Exception
    ) -> None:
        """Enable or disable; disabling ends every session by moving the user to the next generation."""
        step = 0 if enabled else 1
        batch.add(
            "UPDATE users SET enabled = ?, modified_at = ?, generation = generation + ?, version = version + 1 "
            "WHERE pool_id = ? AND user_id = ?",
            int(enabled),
            now,
            step,
            pool_id,
            user_id,
            expect=1,
            refusal=gone,
        )

    def next_generation(self, batch: Batch, pool_id: str, user_id: str, gone: Exception) -> None:
        """End every session of the user."""
        batch.add(
            "UPDATE users SET generation = generation + 1, version = version + 1 WHERE pool_id = ? AND user_id = ?",
            pool_id,
            user_id,
            expect=1,
            refusal=gone,
        )

    def delete(self, batch: Batch, pool_id: str, user_id: str, gone: Exception) -> None:
        """Delete a user and all that is theirs; their names are free at once."""
        batch.add("DELETE FROM users WHERE pool_id = ? AND user_id = ?", pool_id, user_id, expect=1, refusal=gone)
        for table in ("aliases", "group_members", "sessions", "codes", "devices"):
            batch.add(f"DELETE FROM {table} WHERE pool_id = ? AND user_id = ?", pool_id, user_id)
        batch.add("DELETE FROM attempts WHERE pool_id = ? AND subject = ?", pool_id, user_id)


def listed_user_from_row(row: Row) -> ListedUser:
    """A row that begins with LISTED as a ListedUser."""
    # By index: unpacking costs three times as much.
    return ListedUser(row[0], row[1], row[2], row[3] == 1, row[4], row[5], _attributes.decode(row[6]))


def whole_user_from_row(row: Row) -> UserRow:
    """A row of WHOLE_USER as a UserRow."""
    return UserRow(
        row[0],
        row[1],
        row[2],
        row[3] == 1,
        row[4],
        row[5],
        _attributes.decode(row[6]),
        row[7],
        row[8],
        row[9],
        row[10],
        row[11],
        row[12],
        row[13] == 1,
    )


def _searched(attributes: dict[str, str]) -> list[str | None]:
    return [None if (value := attributes.get(name)) is None else value.lower() for name in SEARCHED]
