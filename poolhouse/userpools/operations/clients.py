"""App clients: create, read, change, delete, list (contract/operations.md, "App clients and secrets")."""

import random
import string

from msgspec import structs

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    CreateUserPoolClientRequest,
    CreateUserPoolClientResponse,
    DeleteUserPoolClientRequest,
    DescribeUserPoolClientRequest,
    DescribeUserPoolClientResponse,
    InternalErrorException,
    InvalidParameterException,
    ListUserPoolClientsRequest,
    ListUserPoolClientsResponse,
    UpdateUserPoolClientRequest,
    UpdateUserPoolClientResponse,
    UserPoolClientDescription,
)
from poolhouse.storage.database import Batch
from poolhouse.storage.pools import ClientRow
from poolhouse.userpools.attributes import AttributeSchema
from poolhouse.userpools.client_secrets import first_secret
from poolhouse.userpools.client_settings import changed_client, new_client
from poolhouse.userpools.paging import LARGEST_PAGE, open_page, seal_page
from poolhouse.userpools.registry import operation
from poolhouse.userpools.stored_pools import (
    StoredClient,
    change_client,
    client_does_not_exist,
    client_of,
    client_row,
    insert_client,
    pool_row,
    pool_settings_of,
)

_CLIENT_ID = string.digits + string.ascii_lowercase
_CLIENT_ID_LENGTH = 26


@operation
async def create_user_pool_client(call: Call, request: CreateUserPoolClientRequest) -> CreateUserPoolClientResponse:
    """Create a client; its secret, if it has one, is generated or chosen by the caller."""
    pool = pool_settings_of(await pool_row(call, request.user_pool_id))
    if request.generate_secret and request.client_secret is not None:
        raise InvalidParameterException(
            "You cannot specify both GenerateSecret as true and provide a ClientSecret value."
        )
    client_id = _new_client_id(call.chance)
    confidential = request.generate_secret is True or request.client_secret is not None
    settings = new_client(
        request,
        pool,
        AttributeSchema(pool.schema_attributes or []),
        client_id=client_id,
        now=call.now,
        confidential=confidential,
    )
    secrets = (first_secret(call, client_id, request.client_secret),) if confidential else ()
    client = StoredClient(settings, secrets)
    batch = Batch()
    insert_client(call, batch, client, InternalErrorException("The new client's id is in use, try again."))
    batch.notify("client", client_id)
    call.services.audit(call, batch, "CreateUserPoolClient", pool_id=request.user_pool_id, client_id=client_id)
    await call.commit(batch)
    return CreateUserPoolClientResponse(user_pool_client=client.shown)


@operation
async def describe_user_pool_client(
    call: Call, request: DescribeUserPoolClientRequest
) -> DescribeUserPoolClientResponse:
    """A client's settings, with its secret in clear."""
    row = await client_row(call, request.user_pool_id, request.client_id)
    return DescribeUserPoolClientResponse(user_pool_client=client_of(call, row).shown)


@operation
async def update_user_pool_client(call: Call, request: UpdateUserPoolClientRequest) -> UpdateUserPoolClientResponse:
    """Replace a client's settings; what is omitted goes back to its default, secrets stay."""
    pool = pool_settings_of(await pool_row(call, request.user_pool_id))
    schema = AttributeSchema(pool.schema_attributes or [])

    def change(client: StoredClient) -> StoredClient:
        settings = changed_client(client.settings, request, pool, schema, confidential=bool(client.secrets))
        return structs.replace(client, settings=settings)

    client = await change_client(call, request.user_pool_id, request.client_id, "UpdateUserPoolClient", change)
    return UpdateUserPoolClientResponse(user_pool_client=client.shown)


@operation
async def delete_user_pool_client(call: Call, request: DeleteUserPoolClientRequest) -> None:
    """Delete a client; the tokens that it was given open nothing from then on."""
    pool_id, client_id = request.user_pool_id, request.client_id
    await client_row(call, pool_id, client_id)
    batch = Batch()
    call.services.store.clients.delete(batch, pool_id, client_id, client_does_not_exist(client_id))
    batch.notify("client", client_id)
    call.services.audit(call, batch, "DeleteUserPoolClient", pool_id=pool_id, client_id=client_id)
    await call.commit(batch)


@operation
async def list_user_pool_clients(call: Call, request: ListUserPoolClientsRequest) -> ListUserPoolClientsResponse:
    """A page of a pool's clients, by id, in the reduced shape."""
    await pool_row(call, request.user_pool_id)
    scope = ["ListUserPoolClients", request.user_pool_id, request.client_type or ""]
    after = open_page(call, scope, request.next_token)
    if request.client_type == "DCR":  # clients cannot register themselves, so none has
        return ListUserPoolClientsResponse(user_pool_clients=[])
    limit = request.max_results or LARGEST_PAGE
    rows = await call.services.store.clients.page(request.user_pool_id, after[0] if after else "", limit + 1)
    page = rows[:limit]
    more = len(rows) > len(page)
    return ListUserPoolClientsResponse(
        user_pool_clients=[_description(row) for row in page],
        next_token=seal_page(call, scope, [page[-1].client_id]) if more else None,
    )


def _new_client_id(chance: random.Random) -> str:
    return "".join(chance.choices(_CLIENT_ID, k=_CLIENT_ID_LENGTH))


def _description(row: ClientRow) -> UserPoolClientDescription:
    return UserPoolClientDescription(client_id=row.client_id, user_pool_id=row.pool_id, client_name=row.name)
