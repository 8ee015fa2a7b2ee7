"""Pages of users, all of a pool's or those whose column matches: always one index, always from a key onwards."""

from poolhouse.storage.database import Database
from poolhouse.storage.users import LISTED, ListedUser, listed_user_from_row

_COLUMNS = ", ".join(LISTED)
_HIGHEST = "\U0010ffff"
_SORTED_BY_VALUE = frozenset(
    {"username", "email", "phone_number", "name", "given_name", "family_name", "preferred_username", "status"}
)

Position = tuple[str, str]
"""Where a page ends: the value of the searched column (empty without one) and the user's id."""


class UserSearch:
    """Repository of user listings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, pool_id: str, after: str, limit: int) -> list[ListedUser]:
        """Users whose id follows `after`, by id."""
        rows = await self._database.fetch(
            f"SELECT {_COLUMNS} FROM users WHERE pool_id = ? AND user_id > ? ORDER BY user_id LIMIT ?",
            pool_id,
            after,
            limit,
        )
        return [listed_user_from_row(row) for row in rows]

    async def by_id(self, pool_id: str, user_id: str) -> ListedUser | None:
        """The user of that id."""
        row = await self._database.fetch_row(
            f"SELECT {_COLUMNS} FROM users WHERE pool_id = ? AND user_id = ?", pool_id, user_id
        )
        return None if row is None else listed_user_from_row(row)

    async def by_enabled(self, pool_id: str, enabled: bool, after: str, limit: int) -> list[ListedUser]:
        """Enabled or disabled users whose id follows `after`, by id."""
        rows = await self._database.fetch(
            f"SELECT {_COLUMNS} FROM users WHERE pool_id = ? AND enabled = {int(enabled)} AND user_id > ? "
            "ORDER BY user_id LIMIT ?",
            pool_id,
            after,
            limit,
        )
        return [listed_user_from_row(row) for row in rows]

    async def by_value(
        self, pool_id: str, column: str, value: str, *, prefix: bool, after: Position | None, limit: int
    ) -> list[tuple[str, ListedUser]]:
        """Users whose column is `value` or begins with it, with the column's value, by value and id."""
        if column not in _SORTED_BY_VALUE:
            raise ValueError(column)
        last_value, last_id = after if after is not None else (value, "")
        upper = value + _HIGHEST if prefix else value
        # One lower bound, written as a row comparison, keeps this a single range of the column's index.
        rows = await self._database.fetch(
            f"SELECT {_COLUMNS}, {column} FROM users WHERE pool_id = ? AND ({column}, user_id) > (?, ?) "
            f"AND {column} <= ? ORDER BY {column}, user_id LIMIT ?",
            pool_id,
            last_value,
            last_id,
            upper,
            limit,
        )
        return [(str(row[-1]), listed_user_from_row(row)) for row in rows]
