"""Groups and who is in them (contract/operations.md, "Groups"; GNF, GEXIST)."""

import json

from msgspec import structs

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    AdminAddUserToGroupRequest,
    AdminListGroupsForUserRequest,
    AdminListGroupsForUserResponse,
    AdminRemoveUserFromGroupRequest,
    CreateGroupRequest,
    CreateGroupResponse,
    DeleteGroupRequest,
    GetGroupRequest,
    GetGroupResponse,
    GroupExistsException,
    GroupType,
    InvalidParameterException,
    ListGroupsRequest,
    ListGroupsResponse,
    ListUsersInGroupRequest,
    ListUsersInGroupResponse,
    ResourceNotFoundException,
    UpdateGroupRequest,
    UpdateGroupResponse,
)
from poolhouse.storage.database import Batch
from poolhouse.storage.groups import GroupRow
from poolhouse.storage.users import UserRow
from poolhouse.userpools import refusals
from poolhouse.userpools.paging import LARGEST_PAGE, open_page, seal_page
from poolhouse.userpools.registry import operation
from poolhouse.userpools.user_view import user_type

MAX_GROUPS_OF_USER = 100


@operation
async def create_group(call: Call, request: CreateGroupRequest) -> CreateGroupResponse:
    """Create an empty group; names are case-sensitive."""
    pool = await call.services.directory.pool(request.user_pool_id)
    group = GroupRow(
        pool_id=pool.pool_id,
        name=request.group_name,
        description=request.description,
        role_arn=request.role_arn,
        precedence=request.precedence,
        created_at=call.now_ms,
        modified_at=call.now_ms,
    )
    batch = Batch()
    taken = GroupExistsException("A group with the name already exists.")
    call.services.store.groups.insert(batch, group, taken)
    _audit(call, batch, "CreateGroup", pool.pool_id, group.name)
    await call.commit(batch)
    return CreateGroupResponse(group=_group_type(group))


@operation
async def get_group(call: Call, request: GetGroupRequest) -> GetGroupResponse:
    """One group."""
    return GetGroupResponse(group=_group_type(await _group(call, request.user_pool_id, request.group_name)))


@operation
async def update_group(call: Call, request: UpdateGroupRequest) -> UpdateGroupResponse:
    """Change a group; what is omitted stays."""
    before = await _group(call, request.user_pool_id, request.group_name)
    change = structs.replace(
        before,
        description=request.description,
        role_arn=request.role_arn,
        precedence=request.precedence,
        modified_at=call.now_ms,
    )
    batch = Batch()
    call.services.store.groups.update(batch, change, _not_found())
    _audit(call, batch, "UpdateGroup", before.pool_id, before.name)
    await call.commit(batch)
    return UpdateGroupResponse(group=_group_type(await _group(call, before.pool_id, before.name)))


@operation
async def delete_group(call: Call, request: DeleteGroupRequest) -> None:
    """Delete a group; its members stay, their memberships do not."""
    pool = await call.services.directory.pool(request.user_pool_id)
    batch = Batch()
    call.services.store.groups.delete(batch, pool.pool_id, request.group_name, _not_found())
    _audit(call, batch, "DeleteGroup", pool.pool_id, request.group_name)
    await call.commit(batch)


@operation
async def list_groups(call: Call, request: ListGroupsRequest) -> ListGroupsResponse:
    """A page of a pool's groups, by name."""
    pool = await call.services.directory.pool(request.user_pool_id)
    scope = ["ListGroups", pool.pool_id]
    after = open_page(call, scope, request.next_token)
    limit = request.limit or LARGEST_PAGE
    groups = await call.services.store.groups.page(pool.pool_id, after[0] if after else "", limit + 1)
    page, token = _paged(call, scope, groups, limit)
    return ListGroupsResponse(groups=page, next_token=token)


@operation
async def list_users_in_group(call: Call, request: ListUsersInGroupRequest) -> ListUsersInGroupResponse:
    """A page of a group's members."""
    group = await _group(call, request.user_pool_id, request.group_name)
    scope = ["ListUsersInGroup", group.pool_id, group.name]
    after = open_page(call, scope, request.next_token)
    limit = request.limit or LARGEST_PAGE
    users = await call.services.store.groups.page_of_members(
        group.pool_id, group.name, after[0] if after else "", limit + 1
    )
    page = users[:limit]
    more = len(users) > limit
    return ListUsersInGroupResponse(
        users=[user_type(user) for user in page],
        next_token=seal_page(call, scope, [page[-1].user_id]) if more else None,
    )


@operation
async def admin_list_groups_for_user(
    call: Call, request: AdminListGroupsForUserRequest
) -> AdminListGroupsForUserResponse:
    """A page of a user's groups, by name."""
    user = await _user(call, request.user_pool_id, request.username)
    scope = ["AdminListGroupsForUser", user.pool_id, user.user_id]
    after = open_page(call, scope, request.next_token)
    limit = request.limit or LARGEST_PAGE
    groups = await call.services.store.groups.page_of_user(
        user.pool_id, user.user_id, after[0] if after else "", limit + 1
    )
    page, token = _paged(call, scope, groups, limit)
    return AdminListGroupsForUserResponse(groups=page, next_token=token)


@operation
async def admin_add_user_to_group(call: Call, request: AdminAddUserToGroupRequest) -> None:
    """Put a user into a group; their next tokens say so. Doing it twice succeeds twice."""
    user = await _user(call, request.user_pool_id, request.username)
    groups = call.services.store.groups
    held = await groups.of_user(user.pool_id, user.user_id)
    if len(held) >= MAX_GROUPS_OF_USER and all(group.name != request.group_name for group in held):
        await _group(call, user.pool_id, request.group_name)
        raise InvalidParameterException(f"A user cannot be in more than {MAX_GROUPS_OF_USER} groups.")
    batch = Batch()
    groups.add_member(batch, user.pool_id, request.group_name, user.user_id, _not_found())
    _audit(call, batch, "AdminAddUserToGroup", user.pool_id, request.group_name, user)
    await call.commit(batch)


@operation
async def admin_remove_user_from_group(call: Call, request: AdminRemoveUserFromGroupRequest) -> None:
    """Take a user out of a group; their next tokens no longer name it. Doing it twice succeeds twice."""
    user = await _user(call, request.user_pool_id, request.username)
    group = await _group(call, user.pool_id, request.group_name)
    batch = Batch()
    call.services.store.groups.remove_member(batch, group.pool_id, group.name, user.user_id)
    _audit(call, batch, "AdminRemoveUserFromGroup", user.pool_id, group.name, user)
    await call.commit(batch)


def _not_found() -> ResourceNotFoundException:
    """GNF."""
    return ResourceNotFoundException("Group not found.")


async def _group(call: Call, pool_id: str, name: str) -> GroupRow:
    group = await call.services.store.groups.get(pool_id, name)
    if group is None:
        await call.services.directory.pool(pool_id)
        raise _not_found()
    return group


async def _user(call: Call, pool_id: str, username: str) -> UserRow:
    pool = await call.services.directory.pool(pool_id)
    user = await call.services.directory.find_user(pool, username)
    if user is None:
        raise refusals.user_does_not_exist()
    return user


def _group_type(group: GroupRow) -> GroupType:
    return GroupType(
        group_name=group.name,
        user_pool_id=group.pool_id,
        description=group.description,
        role_arn=group.role_arn,
        precedence=group.precedence,
        last_modified_date=group.modified_at / 1000,
        creation_date=group.created_at / 1000,
    )


def _paged(call: Call, scope: list[str], groups: list[GroupRow], limit: int) -> tuple[list[GroupType], str | None]:
    """The page, and the token of the next one if `groups` goes beyond it."""
    page = groups[:limit]
    token = seal_page(call, scope, [page[-1].name]) if len(groups) > limit else None
    return [_group_type(group) for group in page], token


def _audit(call: Call, batch: Batch, event: str, pool_id: str, group: str, user: UserRow | None = None) -> None:
    user_id = user.user_id if user is not None else None
    call.services.audit(call, batch, event, pool_id=pool_id, user_id=user_id, detail=json.dumps({"group": group}))
