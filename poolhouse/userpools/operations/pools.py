"""User pools: create, read, change, delete, list, extend the schema (contract/operations.md, "Pools")."""

import random
import string

from msgspec import structs

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    AddCustomAttributesRequest,
    AddCustomAttributesResponse,
    ConcurrentModificationException,
    CreateUserPoolRequest,
    CreateUserPoolResponse,
    DeleteUserPoolRequest,
    DescribeUserPoolRequest,
    DescribeUserPoolResponse,
    InternalErrorException,
    InvalidParameterException,
    ListUserPoolsRequest,
    ListUserPoolsResponse,
    UpdateUserPoolRequest,
    UpdateUserPoolResponse,
    UserPoolDescriptionType,
    UserPoolType,
)
from poolhouse.storage.database import Batch
from poolhouse.storage.pools import PoolRow
from poolhouse.userpools.attribute_definitions import extend_schema
from poolhouse.userpools.paging import open_page, seal_page
from poolhouse.userpools.pool_settings import changed_pool, new_pool
from poolhouse.userpools.pool_tags import pool_arn
from poolhouse.userpools.registry import operation
from poolhouse.userpools.signing import new_pool_keys
from poolhouse.userpools.stored_pools import (
    RACES,
    ChangedMeanwhile,
    change_pool,
    insert_pool,
    pool_row,
    pool_settings_of,
)

_ALPHANUMERIC = string.ascii_letters + string.digits
_SCOPE = ["ListUserPools"]


@operation
async def create_user_pool(call: Call, request: CreateUserPoolRequest) -> CreateUserPoolResponse:
    """Create a pool with its two signing keys, whole or not at all."""
    place = call.services.settings
    pool_id = f"{place.region}_{_new_name(call.chance)}"
    arn = pool_arn(place.region, place.account_id, pool_id)
    settings = new_pool(request, pool_id=pool_id, arn=arn, now=call.now)
    batch = Batch()
    insert_pool(call, batch, settings, InternalErrorException("The new user pool's id is in use, try again."))
    await new_pool_keys(call, pool_id, batch)
    batch.notify("pool", pool_id)
    call.services.audit(call, batch, "CreateUserPool", pool_id=pool_id)
    await call.commit(batch)
    return CreateUserPoolResponse(user_pool=structs.replace(settings, estimated_number_of_users=0))


@operation
async def describe_user_pool(call: Call, request: DescribeUserPoolRequest) -> DescribeUserPoolResponse:
    """A pool's settings, and how many users it has."""
    settings = pool_settings_of(await pool_row(call, request.user_pool_id))
    users = await call.services.store.users.count(request.user_pool_id)
    return DescribeUserPoolResponse(user_pool=structs.replace(settings, estimated_number_of_users=users))


@operation
async def update_user_pool(call: Call, request: UpdateUserPoolRequest) -> UpdateUserPoolResponse:
    """Replace a pool's settings; what is omitted goes back to its default."""
    await change_pool(call, request.user_pool_id, "UpdateUserPool", lambda settings: changed_pool(settings, request))
    return UpdateUserPoolResponse()


@operation
async def delete_user_pool(call: Call, request: DeleteUserPoolRequest) -> None:
    """Delete a pool; every token of its users is dead. What was in it is removed afterwards (janitor.py)."""
    pool_id = request.user_pool_id
    for _ in range(RACES):
        row = await pool_row(call, pool_id)
        if pool_settings_of(row).deletion_protection == "ACTIVE":
            raise InvalidParameterException(
                "The user pool cannot be deleted because deletion protection is activated. "
                "Deletion protection must be inactivated first."
            )
        batch = Batch()
        call.services.store.pools.delete(batch, row, int(call.now * 1000), ChangedMeanwhile())
        batch.notify("pool", pool_id)
        batch.notify("keys", pool_id)
        batch.notify("client", "")  # all of them: a pool may have more clients than a batch should have notices
        call.services.audit(call, batch, "DeleteUserPool", pool_id=pool_id)
        try:
            await call.commit(batch)
        except ChangedMeanwhile:
            continue
        return
    raise ConcurrentModificationException(f"User pool {pool_id} is being changed by others, try again.")


@operation
async def list_user_pools(call: Call, request: ListUserPoolsRequest) -> ListUserPoolsResponse:
    """A page of all pools, by id, in the reduced shape."""
    after = open_page(call, _SCOPE, request.next_token)
    rows = await call.services.store.pools.page(after[0] if after else "", request.max_results + 1)
    page = rows[: request.max_results]
    more = len(rows) > len(page)
    return ListUserPoolsResponse(
        user_pools=[_description(row) for row in page],
        next_token=seal_page(call, _SCOPE, [page[-1].pool_id]) if more else None,
    )


@operation
async def add_custom_attributes(call: Call, request: AddCustomAttributesRequest) -> AddCustomAttributesResponse:
    """Extend a pool's schema; nothing is ever removed from it."""

    def extend(settings: UserPoolType) -> UserPoolType:
        schema = extend_schema(settings.schema_attributes or [], request.custom_attributes)
        return structs.replace(settings, schema_attributes=schema)

    await change_pool(call, request.user_pool_id, "AddCustomAttributes", extend)
    return AddCustomAttributesResponse()


def _new_name(chance: random.Random) -> str:
    """The part of a pool's id that follows the region (contract/wire.md section 3)."""
    return "".join(chance.choices(_ALPHANUMERIC, k=9))


def _description(row: PoolRow) -> UserPoolDescriptionType:
    settings = pool_settings_of(row)
    return UserPoolDescriptionType(
        id=row.pool_id,
        name=row.name,
        lambda_config=settings.lambda_config,
        last_modified_date=settings.last_modified_date,
        creation_date=settings.creation_date,
    )
