"""Groups of a pool and who is in them."""

from msgspec import Struct

from poolhouse.storage.database import Database


class GroupOfUser(Struct, frozen=True):
    """What a token says of a group that its user is in."""

    name: str
    role_arn: str | None
    precedence: int | None


class Groups:
    """Repository of groups."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
