"""Tags of pools by ARN, which are the pool's own UserPoolTags (contract/operations.md "Log delivery and tags")."""

import asyncio

import pytest

from poolhouse.model.cognito_idp_model import (
    CreateUserPoolRequest,
    DescribeUserPoolRequest,
    InvalidParameterException,
    ListTagsForResourceRequest,
    ResourceNotFoundException,
    TagResourceRequest,
    UntagResourceRequest,
    UserPoolType,
)
from poolhouse.userpools.operations.pools import create_user_pool, describe_user_pool
from poolhouse.userpools.operations.tags import list_tags_for_resource, tag_resource, untag_resource
from tests.house import House


async def create(house: House, tags: dict[str, str] | None = None) -> UserPoolType:
    answer = await create_user_pool(house.call(), CreateUserPoolRequest(pool_name="staff", user_pool_tags=tags))
    assert answer.user_pool is not None
    return answer.user_pool


async def tag(house: House, pool: UserPoolType, tags: dict[str, str]) -> None:
    await tag_resource(house.call(), TagResourceRequest(resource_arn=pool.arn or "", tags=tags))


async def tags_of(house: House, pool: UserPoolType) -> dict[str, str] | None:
    return (await list_tags_for_resource(house.call(), ListTagsForResourceRequest(resource_arn=pool.arn or ""))).tags


async def test_tags_are_added_replaced_and_removed(house: House) -> None:
    pool = await create(house, {"team": "a"})
    await tag(house, pool, {"team": "b", "stage": "val"})
    assert await tags_of(house, pool) == {"team": "b", "stage": "val"}
    await untag_resource(house.call(), UntagResourceRequest(resource_arn=pool.arn or "", tag_keys=["team", "none"]))
    assert await tags_of(house, pool) == {"stage": "val"}


async def test_a_pool_without_tags_lists_none(house: House) -> None:
    assert await tags_of(house, await create(house)) == {}


async def test_the_pool_shows_the_same_tags(house: House) -> None:
    pool = await create(house, {"team": "a"})
    await tag(house, pool, {"stage": "val"})
    shown = await describe_user_pool(house.call(), DescribeUserPoolRequest(user_pool_id=pool.id or ""))
    assert shown.user_pool is not None
    assert shown.user_pool.user_pool_tags == {"team": "a", "stage": "val"}
    cached = await house.services.directory.pool(pool.id or "")
    assert cached.settings.user_pool_tags == {"team": "a", "stage": "val"}


async def test_of_parallel_taggings_none_is_lost(house: House) -> None:
    pool = await create(house)
    await asyncio.gather(*(tag(house, pool, {f"k{index}": ""}) for index in range(4)))
    assert await tags_of(house, pool) == {f"k{index}": "" for index in range(4)}


async def test_a_pool_has_at_most_fifty_tags(house: House) -> None:
    pool = await create(house, {f"k{index}": "" for index in range(50)})
    await tag(house, pool, {"k0": "changed"})
    with pytest.raises(InvalidParameterException):
        await tag(house, pool, {"one more": ""})
    assert len(await tags_of(house, pool) or {}) == 50


@pytest.mark.parametrize("tags", [{"aws:x": "y"}, {"poolhouse:issuer": "somewhere"}])
async def test_reserved_tags_are_refused(house: House, tags: dict[str, str]) -> None:
    pool = await create(house)
    with pytest.raises(InvalidParameterException):
        await tag(house, pool, tags)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_gonegone1",
        "arn:aws:cognito-idp:eu-west-1:111111111111:userpool/{pool}",
        "arn:aws:cognito-idp:us-east-1:000000000000:userpool/{pool}",
    ],
)
async def test_a_pool_of_another_account_or_region_does_not_exist(house: House, arn: str) -> None:
    pool = await create(house)
    with pytest.raises(ResourceNotFoundException, match=r"User pool .* does not exist\."):
        await list_tags_for_resource(house.call(), ListTagsForResourceRequest(resource_arn=arn.format(pool=pool.id)))


@pytest.mark.parametrize(
    "arn", ["arn:aws:s3:::bucket-of-somebody", "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/x", "nonsense"]
)
async def test_an_arn_of_something_else_is_refused(house: House, arn: str) -> None:
    with pytest.raises(InvalidParameterException, match="Invalid resource ARN"):
        await tag_resource(house.call(), TagResourceRequest(resource_arn=arn, tags={}))
