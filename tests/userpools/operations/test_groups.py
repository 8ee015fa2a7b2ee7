"""Groups and memberships by their operations, on every database (contract/operations.md "Groups")."""

import asyncio
import json

import msgspec
import pytest

from poolhouse.model.cognito_idp_model import (
    AdminAddUserToGroupRequest,
    AdminListGroupsForUserRequest,
    AdminRemoveUserFromGroupRequest,
    CreateGroupRequest,
    CreateUserPoolRequest,
    DeleteGroupRequest,
    GetGroupRequest,
    GroupExistsException,
    GroupType,
    InvalidParameterException,
    ListGroupsRequest,
    ListUsersInGroupRequest,
    ResourceNotFoundException,
    UpdateGroupRequest,
    UserNotFoundException,
)
from poolhouse.storage.database import Batch
from poolhouse.storage.users import Alias, UserRow
from poolhouse.userpools.operations.groups import (
    admin_add_user_to_group,
    admin_list_groups_for_user,
    admin_remove_user_from_group,
    create_group,
    delete_group,
    get_group,
    list_groups,
    list_users_in_group,
    update_group,
)
from poolhouse.userpools.operations.pools import create_user_pool
from tests.house import House

GONE = "eu-west-1_gonegone1"
ROLE = "arn:aws:iam::000000000000:role/admins"


async def new_pool(house: House) -> str:
    answer = await create_user_pool(house.call(), CreateUserPoolRequest(pool_name="staff"))
    assert answer.user_pool is not None
    return answer.user_pool.id or ""


async def new_user(house: House, pool_id: str, username: str, *, number: int = 1) -> str:
    user_id = f"7d44b3a6-0000-4000-8000-{number:012d}"
    row = UserRow(
        pool_id=pool_id,
        user_id=user_id,
        username=username,
        status="CONFIRMED",
        enabled=True,
        created_at=1_700_000_000_000,
        modified_at=1_700_000_000_000,
        attributes={"email": f"{username}@example.com"},
        credential=b"sealed",
        credential_version=0,
        password_expires_at=None,
        generation=0,
    )
    batch = Batch()
    house.services.store.users.insert(batch, row)
    house.services.store.users.claim(batch, pool_id, user_id, Alias(username, "username"), AssertionError())
    await house.services.database.commit(batch)
    return user_id


async def create(house: House, pool_id: str, name: str, **members: object) -> GroupType:
    request = CreateGroupRequest(user_pool_id=pool_id, group_name=name, **members)  # type: ignore[arg-type]
    group = (await create_group(house.call(), request)).group
    assert group is not None
    return group


async def add(house: House, pool_id: str, name: str, username: str = "ann") -> None:
    request = AdminAddUserToGroupRequest(user_pool_id=pool_id, group_name=name, username=username)
    await admin_add_user_to_group(house.call(), request)


async def remove(house: House, pool_id: str, name: str, username: str = "ann") -> None:
    request = AdminRemoveUserFromGroupRequest(user_pool_id=pool_id, group_name=name, username=username)
    await admin_remove_user_from_group(house.call(), request)


async def groups_of(house: House, pool_id: str, username: str = "ann") -> list[str | None]:
    request = AdminListGroupsForUserRequest(user_pool_id=pool_id, username=username)
    return [group.group_name for group in (await admin_list_groups_for_user(house.call(), request)).groups or []]


async def test_a_group_is_created_read_and_changed(house: House) -> None:
    pool_id = await new_pool(house)
    created = await create(house, pool_id, "admins", description="who may", role_arn=ROLE, precedence=3)
    assert msgspec.to_builtins(created) == {
        "GroupName": "admins",
        "UserPoolId": pool_id,
        "Description": "who may",
        "RoleArn": ROLE,
        "Precedence": 3,
        "LastModifiedDate": house.clock.now,
        "CreationDate": house.clock.now,
    }
    house.clock.forward(5)
    changed = await update_group(
        house.call(), UpdateGroupRequest(user_pool_id=pool_id, group_name="admins", precedence=0, description="")
    )
    read = await get_group(house.call(), GetGroupRequest(user_pool_id=pool_id, group_name="admins"))
    assert changed.group == read.group
    assert read.group is not None
    assert (read.group.description, read.group.role_arn, read.group.precedence) == ("", ROLE, 0)
    assert (read.group.creation_date, read.group.last_modified_date) == (created.creation_date, house.clock.now)


async def test_a_group_that_says_nothing_shows_only_its_name_and_dates(house: House) -> None:
    shown = msgspec.to_builtins(await create(house, await new_pool(house), "plain"))
    assert set(shown) == {"GroupName", "UserPoolId", "LastModifiedDate", "CreationDate"}


async def test_names_are_unique_and_case_sensitive(house: House) -> None:
    pool_id, other = await new_pool(house), await new_pool(house)
    await create(house, pool_id, "admins")
    await create(house, pool_id, "Admins")
    await create(house, other, "admins")
    with pytest.raises(GroupExistsException) as refused:
        await create(house, pool_id, "admins")
    assert refused.value.message == "A group with the name already exists."


async def test_of_parallel_creations_of_one_group_one_succeeds(house: House) -> None:
    pool_id = await new_pool(house)
    outcomes = await asyncio.gather(*(create(house, pool_id, "admins") for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(outcome, GroupType) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, GroupExistsException) for outcome in outcomes) == 4


async def test_a_second_creation_leaves_the_members_alone(house: House) -> None:
    pool_id = await new_pool(house)
    await new_user(house, pool_id, "ann")
    await create(house, pool_id, "admins")
    await add(house, pool_id, "admins")
    with pytest.raises(GroupExistsException):
        await create(house, pool_id, "admins")
    assert await groups_of(house, pool_id) == ["admins"]


async def test_members_come_and_go_as_often_as_one_likes(house: House) -> None:
    pool_id = await new_pool(house)
    user_id = await new_user(house, pool_id, "ann")
    await create(house, pool_id, "admins")
    await add(house, pool_id, "admins")
    await add(house, pool_id, "admins", user_id)
    assert await groups_of(house, pool_id) == ["admins"]
    members = await list_users_in_group(
        house.call(), ListUsersInGroupRequest(user_pool_id=pool_id, group_name="admins")
    )
    assert msgspec.to_builtins(members) == {
        "Users": [
            {
                "Username": "ann",
                "Attributes": [{"Name": "sub", "Value": user_id}, {"Name": "email", "Value": "ann@example.com"}],
                "UserCreateDate": 1_700_000_000.0,
                "UserLastModifiedDate": 1_700_000_000.0,
                "Enabled": True,
                "UserStatus": "CONFIRMED",
            }
        ]
    }
    await remove(house, pool_id, "admins")
    await remove(house, pool_id, "admins")
    assert await groups_of(house, pool_id) == []


async def test_a_deleted_group_takes_its_memberships_and_not_its_members(house: House) -> None:
    pool_id = await new_pool(house)
    await new_user(house, pool_id, "ann")
    await create(house, pool_id, "admins")
    await create(house, pool_id, "others")
    await add(house, pool_id, "admins")
    await add(house, pool_id, "others")
    await delete_group(house.call(), DeleteGroupRequest(user_pool_id=pool_id, group_name="admins"))
    assert await groups_of(house, pool_id) == ["others"]
    await create(house, pool_id, "admins")
    assert await groups_of(house, pool_id) == ["others"]


async def test_a_membership_that_outlived_its_group_does_not_enter_the_next_one(house: House) -> None:
    pool_id = await new_pool(house)
    user_id = await new_user(house, pool_id, "ann")
    batch = Batch()
    batch.add("INSERT INTO group_members (pool_id, group_name, user_id) VALUES (?, ?, ?)", pool_id, "admins", user_id)
    await house.services.database.commit(batch)
    await create(house, pool_id, "admins")
    assert await groups_of(house, pool_id) == []


async def test_tokens_see_groups_by_precedence(house: House) -> None:
    pool_id = await new_pool(house)
    user_id = await new_user(house, pool_id, "ann")
    for name, precedence in (("none", None), ("second", 2), ("first", 0), ("also", 2)):
        await create(house, pool_id, name, precedence=precedence)
        await add(house, pool_id, name)
    groups = await house.services.store.groups.of_user(pool_id, user_id)
    assert [group.name for group in groups] == ["first", "also", "second", "none"]


async def test_lists_come_in_pages(house: House) -> None:
    pool_id = await new_pool(house)
    await new_user(house, pool_id, "ann")
    for name in ("c", "a", "B", "é"):
        await create(house, pool_id, name)
        await add(house, pool_id, name)
    names: list[str | None] = []
    of_user: list[str | None] = []
    token: str | None = None
    for _ in range(2):
        page = await list_groups(house.call(), ListGroupsRequest(user_pool_id=pool_id, limit=2, next_token=token))
        names += [group.group_name for group in page.groups or []]
        token = page.next_token
    assert token is None
    for _ in range(2):
        own = await admin_list_groups_for_user(
            house.call(),
            AdminListGroupsForUserRequest(user_pool_id=pool_id, username="ann", limit=2, next_token=token),
        )
        of_user += [group.group_name for group in own.groups or []]
        token = own.next_token
    assert token is None
    assert names == of_user == ["B", "a", "c", "é"]


async def test_members_come_in_pages_of_one_group(house: House) -> None:
    pool_id = await new_pool(house)
    for name in ("admins", "others"):
        await create(house, pool_id, name)
    for number, username in enumerate(("cid", "ann", "bob")):
        await new_user(house, pool_id, username, number=number)
        await add(house, pool_id, "admins", username)
    await add(house, pool_id, "others", "bob")
    request = ListUsersInGroupRequest(user_pool_id=pool_id, group_name="admins", limit=2)
    first = await list_users_in_group(house.call(), request)
    second = await list_users_in_group(house.call(), msgspec.structs.replace(request, next_token=first.next_token))
    assert [user.username for user in [*(first.users or []), *(second.users or [])]] == ["cid", "ann", "bob"]
    assert second.next_token is None
    with pytest.raises(InvalidParameterException, match="Invalid pagination token"):
        await list_users_in_group(
            house.call(),
            ListUsersInGroupRequest(user_pool_id=pool_id, group_name="others", next_token=first.next_token),
        )


async def test_a_user_is_in_at_most_a_hundred_groups(house: House) -> None:
    pool_id = await new_pool(house)
    await new_user(house, pool_id, "ann")
    for index in range(101):
        await create(house, pool_id, f"g{index:03d}")
    for index in range(100):
        await add(house, pool_id, f"g{index:03d}")
    await add(house, pool_id, "g099")
    with pytest.raises(InvalidParameterException, match="more than 100 groups"):
        await add(house, pool_id, "g100")
    with pytest.raises(ResourceNotFoundException):
        await add(house, pool_id, "none")


async def test_a_group_that_does_not_exist_is_not_found(house: House) -> None:
    pool_id = await new_pool(house)
    await new_user(house, pool_id, "ann")
    for attempt in (
        get_group(house.call(), GetGroupRequest(user_pool_id=pool_id, group_name="none")),
        update_group(house.call(), UpdateGroupRequest(user_pool_id=pool_id, group_name="none")),
        delete_group(house.call(), DeleteGroupRequest(user_pool_id=pool_id, group_name="none")),
        list_users_in_group(house.call(), ListUsersInGroupRequest(user_pool_id=pool_id, group_name="none")),
        add(house, pool_id, "none"),
        remove(house, pool_id, "none"),
    ):
        with pytest.raises(ResourceNotFoundException) as refused:
            await attempt
        assert refused.value.message == "Group not found."


async def test_a_user_who_does_not_exist_is_not_found(house: House) -> None:
    pool_id = await new_pool(house)
    await create(house, pool_id, "admins")
    for attempt in (
        add(house, pool_id, "admins", "nobody"),
        remove(house, pool_id, "admins", "nobody"),
        groups_of(house, pool_id, "nobody"),
    ):
        with pytest.raises(UserNotFoundException) as refused:
            await attempt
        assert refused.value.message == "User does not exist."


async def test_a_pool_that_does_not_exist_is_named(house: House) -> None:
    for attempt in (
        create(house, GONE, "admins"),
        get_group(house.call(), GetGroupRequest(user_pool_id=GONE, group_name="x")),
        update_group(house.call(), UpdateGroupRequest(user_pool_id=GONE, group_name="x")),
        delete_group(house.call(), DeleteGroupRequest(user_pool_id=GONE, group_name="x")),
        list_groups(house.call(), ListGroupsRequest(user_pool_id=GONE)),
        list_users_in_group(house.call(), ListUsersInGroupRequest(user_pool_id=GONE, group_name="x")),
        add(house, GONE, "x"),
        remove(house, GONE, "x"),
        groups_of(house, GONE),
    ):
        with pytest.raises(ResourceNotFoundException) as refused:
            await attempt
        assert refused.value.message == f"User pool {GONE} does not exist."


async def test_membership_is_audited_with_the_groups_name(house: House) -> None:
    pool_id = await new_pool(house)
    user_id = await new_user(house, pool_id, "ann")
    await create(house, pool_id, "admins")
    house.clock.forward(1)
    await add(house, pool_id, "admins")
    newest = (await house.services.store.audit.newest(pool_id, 1))[0]
    assert (newest.event, newest.user_id) == ("AdminAddUserToGroup", user_id)
    assert json.loads(newest.detail or "") == {"group": "admins"}
