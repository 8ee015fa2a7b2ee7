"""Pools and clients deployed from templates: updates keep users, and what would lose them is refused."""

import asyncio
from contextlib import suppress

import pytest

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    AdminCreateUserRequest,
    CreateUserPoolRequest,
    DeleteUserPoolRequest,
    ListUserPoolClientsRequest,
    ListUserPoolsRequest,
)
from poolhouse.stacks.deployer import Deployer
from poolhouse.stacks.errors import DeployFailed, DeployRefused, StackBusy
from poolhouse.stacks.state import StackState
from poolhouse.stacks.template import Tree
from poolhouse.storage.database import Batch
from poolhouse.userpools.operations.admin_create_user import admin_create_user
from poolhouse.userpools.operations.clients import list_user_pool_clients
from poolhouse.userpools.operations.pools import create_user_pool, delete_user_pool, list_user_pools
from tests.stacks.workshop import Workshop

CLIENT: Tree = {"ClientName": "web", "UserPoolId": {"Ref": "Pool"}}


def stack(pool: Tree, client: Tree | None = None, **attributes: str) -> Tree:
    resources: Tree = {"Pool": {"Type": "AWS::Cognito::UserPool", "Properties": pool, **attributes}}
    if client is not None:
        resources["Client"] = {"Type": "AWS::Cognito::UserPoolClient", "Properties": client}
    outputs: Tree = {"PoolId": {"Value": {"Ref": "Pool"}}}
    return {"Resources": resources, "Outputs": outputs}


def pool_id(state: StackState) -> str:
    return state.outputs["PoolId"].value


async def add_user(workshop: Workshop, pool: str) -> None:
    request = AdminCreateUserRequest(user_pool_id=pool, username="ada", message_action="SUPPRESS")
    await admin_create_user(workshop.house.call(), request)


async def pools(workshop: Workshop) -> list[str | None]:
    response = await list_user_pools(workshop.house.call(), ListUserPoolsRequest(max_results=60))
    return [pool.id for pool in response.user_pools or []]


async def clients(workshop: Workshop, pool: str) -> list[str | None]:
    response = await list_user_pool_clients(workshop.house.call(), ListUserPoolClientsRequest(user_pool_id=pool))
    return [client.client_id for client in response.user_pool_clients or []]


async def test_an_update_in_place_keeps_pool_and_users(workshop: Workshop) -> None:
    first = await workshop.deploy(stack({"UserPoolName": "a", "UserPoolTags": {"App": "x"}}, dict(CLIENT)))
    await add_user(workshop, pool_id(first))
    changed: Tree = {
        "UserPoolName": "b",
        "Policies": {"PasswordPolicy": {"MinimumLength": "10"}},
        "Schema": [{"Name": "team", "AttributeDataType": "String", "Mutable": True}],
    }
    second = await workshop.deploy(stack(changed, {**CLIENT, "AccessTokenValidity": 5}))
    assert workshop.planned() == {"Pool": "MODIFY", "Client": "MODIFY"}
    assert pool_id(second) == pool_id(first)
    pool = await workshop.pool(pool_id(second))
    assert (pool.name, pool.estimated_number_of_users, pool.user_pool_tags or {}) == ("b", 1, {})
    assert pool.policies is not None
    assert pool.policies.password_policy is not None
    assert pool.policies.password_policy.minimum_length == 10
    assert "custom:team" in [attribute.name for attribute in pool.schema_attributes or []]


async def test_generated_names_are_stable(workshop: Workshop) -> None:
    first = await workshop.deploy(stack({}, {"UserPoolId": {"Ref": "Pool"}, "GenerateSecret": True}))
    name = (await workshop.pool(pool_id(first))).name
    assert (name or "").startswith("shop-Pool-")
    await workshop.deploy(stack({"UserPoolTags": {"a": "b"}}, {"UserPoolId": {"Ref": "Pool"}, "GenerateSecret": True}))
    assert (await workshop.pool(pool_id(first))).name == name
    client = first.resources["Client"]
    assert client.attributes.keys() == {"ClientId", "ClientSecret", "Name"}


SCHEMA: Tree = {"Schema": [{"Name": "email", "Required": True, "Mutable": True}]}


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ({"UsernameAttributes": ["email"]}, {}, "UsernameAttributes of a user pool cannot change, and its users would"),
        ({}, {"AliasAttributes": ["email"]}, "AliasAttributes of a user pool cannot change"),
        (
            {"UsernameConfiguration": {"CaseSensitive": False}},
            {"UsernameConfiguration": {"CaseSensitive": True}},
            "UsernameConfiguration of a user pool cannot change",
        ),
        (SCHEMA, {}, "the schema attribute email would be deleted, and existing schema attributes cannot be"),
        (
            SCHEMA,
            {"Schema": [{"Name": "email", "Required": False}]},
            "the schema attribute email would be modified, and existing schema attributes cannot be",
        ),
        ({}, SCHEMA, "the standard attribute email can only be described when the pool is made"),
    ],
)
async def test_what_a_pool_cannot_change_is_refused(
    workshop: Workshop, before: Tree, after: Tree, complaint: str
) -> None:
    state = await workshop.deploy(stack({"UserPoolName": "a", **before}))
    with pytest.raises(DeployRefused) as refused:
        await workshop.deploy(stack({"UserPoolName": "a", **after}))
    assert complaint in str(refused.value)
    assert await workshop.deployer.describe("shop") == state


async def test_a_pool_is_only_deleted_when_that_is_allowed(workshop: Workshop) -> None:
    group: Tree = {"Type": "AWS::Logs::LogGroup"}
    state = await workshop.deploy(stack({"UserPoolName": "a"}, dict(CLIENT)))
    without: Tree = {"Resources": {"Group": group}}
    with pytest.raises(DeployRefused, match="deleting it would lose its users"):
        await workshop.deploy(without)
    assert await pools(workshop) == [pool_id(state)]
    await workshop.deploy(without, allow=True)
    assert await pools(workshop) == []


async def test_a_retained_pool_stays(workshop: Workshop) -> None:
    state = await workshop.deploy(stack({"UserPoolName": "a"}))
    await workshop.deploy(stack({"UserPoolName": "a"}, DeletionPolicy="Retain"))
    assert workshop.planned() == {"Pool": "KEEP"}
    await workshop.deploy({"Resources": {"Group": {"Type": "AWS::Logs::LogGroup"}}})
    await workshop.deployer.delete(workshop.house.call(), "shop")
    assert await pools(workshop) == [pool_id(state)]


async def test_a_protected_pool_is_not_deleted_even_when_that_is_allowed(workshop: Workshop) -> None:
    state = await workshop.deploy(stack({"UserPoolName": "a", "DeletionProtection": "ACTIVE"}))
    with pytest.raises(DeployFailed, match="deletion protection is activated"):
        await workshop.deployer.delete(workshop.house.call(), "shop", allow_delete_pools=True)
    assert await pools(workshop) == [pool_id(state)]


async def test_a_client_that_gets_a_secret_is_replaced(workshop: Workshop) -> None:
    first = await workshop.deploy(stack({"UserPoolName": "a"}, dict(CLIENT)))
    second = await workshop.deploy(stack({"UserPoolName": "a"}, {**CLIENT, "GenerateSecret": True}))
    assert workshop.planned() == {"Pool": "KEEP", "Client": "REPLACE"}
    assert first.resources["Client"].physical_id != second.resources["Client"].physical_id
    assert await clients(workshop, pool_id(first)) == [second.resources["Client"].physical_id]


async def test_what_the_operation_refuses_is_told_at_the_resource_and_taken_back(workshop: Workshop) -> None:
    first = await workshop.deploy(stack({"UserPoolName": "a"}, dict(CLIENT)))
    before = await workshop.pool(pool_id(first))
    bad: Tree = {**CLIENT, "ReadAttributes": ["custom:nothing"]}
    with pytest.raises(DeployFailed) as failed:
        await workshop.deploy(stack({"UserPoolName": "b", "AutoVerifiedAttributes": ["email"]}, bad))
    assert str(failed.value).startswith(
        "template.yaml:8: Client (AWS::Cognito::UserPoolClient): InvalidParameterException: "
    )
    after = await workshop.pool(pool_id(first))
    assert (after.name, after.auto_verified_attributes) == (before.name, before.auto_verified_attributes)
    assert await workshop.deployer.describe("shop") != first
    assert (await workshop.deployer.describe("shop")).resources == first.resources


class Killed(BaseException):
    """Stands for kill -9: nothing may catch it."""


class MortalCall(Call):
    """A call that dies right after its n-th commit became durable, before whoever made it learns so."""

    __slots__ = ("left",)

    def __init__(self, call: Call, left: int) -> None:
        super().__init__(
            call.services, now=call.now, chance=call.chance, request_id=call.request_id, caller=call.caller
        )
        self.left = left

    async def commit(self, batch: Batch) -> None:
        await super().commit(batch)
        self.left -= 1
        if self.left == 0:
            raise Killed


@pytest.mark.parametrize("commits", range(1, 6))
async def test_a_deploy_killed_at_any_commit_is_whole_after_the_next(workshop: Workshop, commits: int) -> None:
    template = stack({"UserPoolName": "a"}, dict(CLIENT))
    request = workshop.request(template)
    with suppress(Killed):
        await workshop.deployer.deploy(MortalCall(workshop.house.call(), commits), request)
    state = await workshop.deploy(template)
    assert state.status == "CREATE_COMPLETE"
    assert await pools(workshop) == [pool_id(state)]
    assert await clients(workshop, pool_id(state)) == [state.resources["Client"].physical_id]


@pytest.mark.parametrize("commits", range(1, 7))
async def test_an_update_killed_at_any_commit_can_be_taken_back(workshop: Workshop, commits: int) -> None:
    before = await workshop.deploy(stack({"UserPoolName": "a"}, dict(CLIENT)))
    await add_user(workshop, pool_id(before))
    changed = stack({"UserPoolName": "b"}, {**CLIENT, "GenerateSecret": True})
    with suppress(Killed):
        await workshop.deployer.deploy(MortalCall(workshop.house.call(), commits), workshop.request(changed))
    after = await workshop.deploy(stack({"UserPoolName": "a"}, dict(CLIENT)))
    pool = await workshop.pool(pool_id(before))
    assert (pool.name, pool.estimated_number_of_users) == ("a", 1)
    assert await clients(workshop, pool_id(before)) == [after.resources["Client"].physical_id]


async def test_a_pool_of_the_same_name_that_is_not_the_stacks_own_survives_a_recovery(workshop: Workshop) -> None:
    template = stack({"UserPoolName": "a"})
    with pytest.raises(Killed):
        await workshop.deployer.deploy(MortalCall(workshop.house.call(), 2), workshop.request(template))
    mine = await create_user_pool(workshop.house.call(), CreateUserPoolRequest(pool_name="a"))
    assert mine.user_pool is not None
    state = await workshop.deploy(template)
    assert sorted(map(str, await pools(workshop))) == sorted([pool_id(state), str(mine.user_pool.id)])


async def test_a_stack_whose_pool_is_gone_can_still_be_deleted(workshop: Workshop) -> None:
    state = await workshop.deploy(stack({"UserPoolName": "a"}, dict(CLIENT)))
    await delete_user_pool(workshop.house.call(), DeleteUserPoolRequest(user_pool_id=pool_id(state)))
    await workshop.deployer.delete(workshop.house.call(), "shop", allow_delete_pools=True)
    assert await workshop.deployer.list_stacks() == []


async def test_two_deployers_of_one_database_do_not_make_two_pools(workshop: Workshop) -> None:
    template = stack({"UserPoolName": "a"})
    assert isinstance(workshop.deployer, Deployer)
    outcomes = await asyncio.gather(*(workshop.deploy(template) for _ in range(4)), return_exceptions=True)
    done = [outcome for outcome in outcomes if isinstance(outcome, StackState)]
    assert all(isinstance(outcome, StackState | StackBusy) for outcome in outcomes)
    assert {pool_id(state) for state in done} == set(map(str, await pools(workshop)))
    assert len({pool_id(state) for state in done}) == 1
