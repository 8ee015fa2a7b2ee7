"""Groups of a pool and who is in them."""

from msgspec import Struct

from poolhouse.storage.database import Batch, Database, Row
from poolhouse.storage.users import LISTED, ListedUser, listed_user_from_row


class GroupOfUser(Struct, frozen=True):
    """What a token says of a group that its user is in."""

    name: str
    role_arn: str | None
    precedence: int | None


class GroupRow(Struct, frozen=True):
    """A group as it is stored; times are epoch milliseconds."""

    pool_id: str
    name: str
    description: str | None
    role_arn: str | None
    precedence: int | None
    created_at: int
    modified_at: int


_GROUP = "pool_id, name, description, role_arn, precedence, created_at, modified_at"
_OF_GROUP = ", ".join(f"g.{column.strip()}" for column in _GROUP.split(","))
_OF_MEMBER = ", ".join(f"u.{column}" for column in LISTED)


class Groups:
    """Repository of groups."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, pool_id: str, name: str) -> GroupRow | None:
        row = await self._database.fetch_row(
            f"SELECT {_GROUP} FROM groups WHERE pool_id = ? AND name = ?", pool_id, name
        )
        return None if row is None else _group(row)

    async def page(self, pool_id: str, after: str, limit: int) -> list[GroupRow]:
        """Groups of the pool whose name follows `after`, at most `limit`, by name."""
        rows = await self._database.fetch(
            f"SELECT {_GROUP} FROM groups WHERE pool_id = ? AND name > ? ORDER BY name LIMIT ?", pool_id, after, limit
        )
        return [_group(row) for row in rows]

    async def page_of_user(self, pool_id: str, user_id: str, after: str, limit: int) -> list[GroupRow]:
        """Groups of the user whose name follows `after`, at most `limit`, by name."""
        rows = await self._database.fetch(
            f"SELECT {_OF_GROUP} FROM group_members m JOIN groups g ON g.pool_id = m.pool_id AND g.name = m.group_name "
            "WHERE m.pool_id = ? AND m.user_id = ? AND m.group_name > ? ORDER BY m.group_name LIMIT ?",
            pool_id,
            user_id,
            after,
            limit,
        )
        return [_group(row) for row in rows]

    async def page_of_members(self, pool_id: str, name: str, after: str, limit: int) -> list[ListedUser]:
        """Members of the group whose id follows `after`, at most `limit`, by id."""
        rows = await self._database.fetch(
            f"SELECT {_OF_MEMBER} FROM group_members m JOIN users u ON u.pool_id = m.pool_id AND u.user_id = m.user_id "
            "WHERE m.pool_id = ? AND m.group_name = ? AND m.user_id > ? ORDER BY m.user_id LIMIT ?",
            pool_id,
            name,
            after,
            limit,
        )
        return [listed_user_from_row(row) for row in rows]

    async def of_user(self, pool_id: str, user_id: str) -> list[GroupOfUser]:
        """The user's groups, the most important first; a group without precedence ranks last."""
        rows = await self._database.fetch(
            "SELECT g.name, g.role_arn, g.precedence FROM group_members m "
            "JOIN groups g ON g.pool_id = m.pool_id AND g.name = m.group_name "
            "WHERE m.pool_id = ? AND m.user_id = ? ORDER BY g.precedence IS NULL, g.precedence, g.name",
            pool_id,
            user_id,
        )
        return [GroupOfUser(*row) for row in rows]

    def insert(self, batch: Batch, group: GroupRow, taken: Exception) -> None:
        """Add a group without members; raises `taken` when the pool has one of that name."""
        batch.add(
            f"INSERT INTO groups ({_GROUP}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            group.pool_id,
            group.name,
            group.description,
            group.role_arn,
            group.precedence,
            group.created_at,
            group.modified_at,
            expect=1,
            refusal=taken,
        )
        # Who was added to an earlier group of that name while it was being deleted is not in this one.
        self._clear(batch, group.pool_id, group.name)

    def update(self, batch: Batch, group: GroupRow, gone: Exception) -> None:
        """Set what is not None in `group`, and its time of change; raises `gone` when there is no such group."""
        batch.add(
            "UPDATE groups SET description = coalesce(?, description), role_arn = coalesce(?, role_arn), "
            "precedence = coalesce(?, precedence), modified_at = ? WHERE pool_id = ? AND name = ?",
            group.description,
            group.role_arn,
            group.precedence,
            group.modified_at,
            group.pool_id,
            group.name,
            expect=1,
            refusal=gone,
        )

    def delete(self, batch: Batch, pool_id: str, name: str, gone: Exception) -> None:
        """Delete a group and its memberships, not its members."""
        batch.add("DELETE FROM groups WHERE pool_id = ? AND name = ?", pool_id, name, expect=1, refusal=gone)
        self._clear(batch, pool_id, name)

    def add_member(self, batch: Batch, pool_id: str, name: str, user_id: str, gone: Exception) -> None:
        """Put a user into a group; a second time changes nothing. Raises `gone` when there is no such group."""
        # The update of nothing makes an existing membership count as touched, so that the guard sees the group only.
        batch.add(
            "INSERT INTO group_members (pool_id, group_name, user_id) "
            "SELECT pool_id, name, CAST(? AS TEXT) FROM groups WHERE pool_id = ? AND name = ? "
            "ON CONFLICT (pool_id, group_name, user_id) DO UPDATE SET user_id = excluded.user_id",
            user_id,
            pool_id,
            name,
            expect=1,
            refusal=gone,
        )

    def remove_member(self, batch: Batch, pool_id: str, name: str, user_id: str) -> None:
        """Take a user out of a group; who is not in it stays out."""
        batch.add(
            "DELETE FROM group_members WHERE pool_id = ? AND group_name = ? AND user_id = ?", pool_id, name, user_id
        )

    def _clear(self, batch: Batch, pool_id: str, name: str) -> None:
        batch.add("DELETE FROM group_members WHERE pool_id = ? AND group_name = ?", pool_id, name)


def _group(row: Row) -> GroupRow:
    return GroupRow(*row)
