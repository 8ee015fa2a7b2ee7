"""Tags of user pools, by ARN (contract/operations.md, "Log delivery and tags"; ARN).

They are the UserPoolTags of the pool's own settings: one truth, which the sign-in side reads too.
"""

from msgspec import structs

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    ListTagsForResourceRequest,
    ListTagsForResourceResponse,
    TagResourceRequest,
    TagResourceResponse,
    UntagResourceRequest,
    UntagResourceResponse,
    UserPoolType,
)
from poolhouse.userpools.pool_tags import check_tags, pool_of_arn
from poolhouse.userpools.registry import operation
from poolhouse.userpools.stored_pools import change_pool, pool_row, pool_settings_of


@operation
async def tag_resource(call: Call, request: TagResourceRequest) -> TagResourceResponse:
    """Add tags to a pool, or give them other values."""

    def tag(settings: UserPoolType) -> UserPoolType:
        tags = check_tags({**(settings.user_pool_tags or {}), **request.tags})
        return structs.replace(settings, user_pool_tags=tags)

    await change_pool(call, _pool_id(call, request.resource_arn), "TagResource", tag)
    return TagResourceResponse()


@operation
async def untag_resource(call: Call, request: UntagResourceRequest) -> UntagResourceResponse:
    """Remove tags from a pool; one that it does not have changes nothing."""

    def untag(settings: UserPoolType) -> UserPoolType:
        held = settings.user_pool_tags or {}
        kept = {key: value for key, value in held.items() if key not in request.tag_keys}
        return structs.replace(settings, user_pool_tags=kept)

    await change_pool(call, _pool_id(call, request.resource_arn), "UntagResource", untag)
    return UntagResourceResponse()


@operation
async def list_tags_for_resource(call: Call, request: ListTagsForResourceRequest) -> ListTagsForResourceResponse:
    """A pool's tags."""
    settings = pool_settings_of(await pool_row(call, _pool_id(call, request.resource_arn)))
    return ListTagsForResourceResponse(tags=settings.user_pool_tags or {})


def _pool_id(call: Call, arn: str) -> str:
    return pool_of_arn(arn, call.services.settings.account_id)
