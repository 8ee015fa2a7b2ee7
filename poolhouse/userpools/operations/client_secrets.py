"""Secrets of app clients: add, list, delete (contract/operations.md, "App clients and secrets")."""

from msgspec import structs

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    AddUserPoolClientSecretRequest,
    AddUserPoolClientSecretResponse,
    ClientSecretDescriptorType,
    DeleteUserPoolClientSecretRequest,
    DeleteUserPoolClientSecretResponse,
    ListUserPoolClientSecretsRequest,
    ListUserPoolClientSecretsResponse,
)
from poolhouse.userpools.client_secrets import add_secret, without_secret
from poolhouse.userpools.registry import operation
from poolhouse.userpools.stored_pools import ClientSecret, StoredClient, change_client, client_of, client_row


@operation
async def add_user_pool_client_secret(
    call: Call, request: AddUserPoolClientSecretRequest
) -> AddUserPoolClientSecretResponse:
    """Add a second secret; a generated one is shown here and never again."""

    def add(client: StoredClient) -> StoredClient:
        added = add_secret(call, request.client_id, request.client_secret, client.secrets)
        return structs.replace(client, secrets=(*client.secrets, added))

    client = await change_client(call, request.user_pool_id, request.client_id, "AddUserPoolClientSecret", add)
    added = client.secrets[-1]
    descriptor = _descriptor(added)
    if request.client_secret is None:
        descriptor = structs.replace(descriptor, client_secret_value=added.value)
    return AddUserPoolClientSecretResponse(client_secret_descriptor=descriptor)


@operation
async def list_user_pool_client_secrets(
    call: Call, request: ListUserPoolClientSecretsRequest
) -> ListUserPoolClientSecretsResponse:
    """A client's secrets without their values: one page always holds them."""
    client = client_of(call, await client_row(call, request.user_pool_id, request.client_id))
    return ListUserPoolClientSecretsResponse(client_secrets=[_descriptor(secret) for secret in client.secrets])


@operation
async def delete_user_pool_client_secret(
    call: Call, request: DeleteUserPoolClientSecretRequest
) -> DeleteUserPoolClientSecretResponse:
    """Delete one of two secrets; at once nothing accepts it any more."""

    def remove(client: StoredClient) -> StoredClient:
        return structs.replace(client, secrets=without_secret(client.secrets, request.client_secret_id))

    await change_client(call, request.user_pool_id, request.client_id, "DeleteUserPoolClientSecret", remove)
    return DeleteUserPoolClientSecretResponse()


def _descriptor(secret: ClientSecret) -> ClientSecretDescriptorType:
    return ClientSecretDescriptorType(client_secret_id=secret.id, client_secret_create_date=secret.created_at / 1000)
