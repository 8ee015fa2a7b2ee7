"""ListUsers: pages of users by key, filtered through an index (contract/rules.md §§7-8)."""

from msgspec import Struct

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import ListUsersRequest, ListUsersResponse
from poolhouse.storage.user_search import Position
from poolhouse.storage.users import ListedUser
from poolhouse.userpools.paging import open_page, seal_page
from poolhouse.userpools.registry import operation
from poolhouse.userpools.user_filter import UserFilter, parse_filter
from poolhouse.userpools.user_view import user_type

_LARGEST_PAGE = 60


class _Page(Struct, frozen=True):
    users: list[ListedUser]
    end: Position | None


@operation
async def list_users(call: Call, request: ListUsersRequest) -> ListUsersResponse:
    """A page of the pool's users. Page tokens are bound to pool and filter."""
    pool = await call.services.directory.pool(request.user_pool_id)
    condition = parse_filter(request.filter)
    scope = ["ListUsers", pool.pool_id, request.filter or ""]
    after = open_page(call, scope, request.pagination_token)
    limit = request.limit or _LARGEST_PAGE
    page = await _read(call, pool.pool_id, condition, (after[0], after[1]) if after else None, limit)
    wanted = frozenset(request.attributes_to_get or ())
    return ListUsersResponse(
        users=[user_type(user, attributes_to_get=wanted) for user in page.users],
        pagination_token=None if page.end is None else seal_page(call, scope, list(page.end)),
    )


async def _read(call: Call, pool_id: str, condition: UserFilter | None, after: Position | None, limit: int) -> _Page:
    search = call.services.store.user_search
    after_id = after[1] if after else ""
    if condition is None:
        return _by_id(await search.page(pool_id, after_id, limit + 1), limit)
    if condition.column == "user_id":
        return _Page(await _by_sub(call, pool_id, condition), None)
    if condition.column == "enabled":
        if condition.prefix or condition.value not in ("Enabled", "Disabled"):
            return _Page([], None)
        return _by_id(await search.by_enabled(pool_id, condition.value == "Enabled", after_id, limit + 1), limit)
    found = await search.by_value(
        pool_id, condition.column, condition.value, prefix=condition.prefix, after=after, limit=limit + 1
    )
    if len(found) <= limit:
        return _Page([user for _, user in found], None)
    value, last = found[limit - 1]
    return _Page([user for _, user in found[:limit]], (value, last.user_id))


async def _by_sub(call: Call, pool_id: str, condition: UserFilter) -> list[ListedUser]:
    user = await call.services.store.user_search.by_id(pool_id, condition.value)
    return [] if user is None or condition.prefix else [user]


def _by_id(found: list[ListedUser], limit: int) -> _Page:
    if len(found) <= limit:
        return _Page(found, None)
    return _Page(found[:limit], ("", found[limit - 1].user_id))
