"""AWS::Cognito::UserPoolClient, by way of the client operations.

Owns how the type's properties become requests. Knows nothing of what a client may do.
"""

from collections.abc import Sequence

import msgspec

from poolhouse.model.cognito_idp_model import (
    OPERATIONS,
    SERVICE,
    CreateUserPoolClientRequest,
    DeleteUserPoolClientRequest,
    ResourceNotFoundException,
    UpdateUserPoolClientRequest,
    UserPoolClientType,
)
from poolhouse.stacks.errors import Fault
from poolhouse.stacks.resource import Context, Effect, Handler, Made, Resource, ResourceType
from poolhouse.stacks.resources.service_model import constraint_faults, decoder_of, members_of
from poolhouse.stacks.schema import Property, Update
from poolhouse.stacks.template import Tree
from poolhouse.userpools.operations.clients import (
    create_user_pool_client,
    delete_user_pool_client,
    update_user_pool_client,
)

_CREATE_ONLY = frozenset({"GenerateSecret", "ClientSecret"})
_DECODER = decoder_of(OPERATIONS["CreateUserPoolClient"], SERVICE)


def _members(context: Context, properties: Tree) -> Tree:
    return {**properties, "ClientName": properties.get("ClientName") or context.generated_name(128)}


class _UserPoolClient(Handler):
    def examine(self, context: Context, properties: Tree) -> list[Fault]:
        return constraint_faults(context, _DECODER, _members(context, properties), {})

    async def create(self, context: Context, properties: Tree) -> Made:
        request = msgspec.convert(_members(context, properties), CreateUserPoolClientRequest)
        response = await create_user_pool_client(context.call, request)
        assert response.user_pool_client is not None
        return _made(response.user_pool_client)

    async def update(self, context: Context, current: Resource, properties: Tree) -> Made:
        members = {name: value for name, value in _members(context, properties).items() if name not in _CREATE_ONLY}
        members["ClientId"] = current.physical_id
        request = msgspec.convert(members, UpdateUserPoolClientRequest)
        response = await update_user_pool_client(context.call, request)
        assert response.user_pool_client is not None
        return _made(response.user_pool_client)

    async def delete(self, context: Context, current: Resource) -> None:
        pool_id = str(current.properties["UserPoolId"])
        try:
            await delete_user_pool_client(
                context.call, DeleteUserPoolClientRequest(user_pool_id=pool_id, client_id=current.physical_id)
            )
        except ResourceNotFoundException:
            return

    def claim(self, effects: Sequence[Effect], properties: Tree) -> str | None:
        return next((key for topic, key in effects if topic == "client"), None)


def _made(client: UserPoolClientType) -> Made:
    attributes: Tree = {"ClientId": client.client_id, "Name": client.client_name}
    if client.client_secret is not None:
        attributes["ClientSecret"] = client.client_secret
    return Made(client.client_id or "", attributes)


_REPLACING = frozenset({"UserPoolId", "GenerateSecret"})


def _properties() -> dict[str, Property]:
    return {
        name: Property(
            kind,
            required=name == "UserPoolId",
            update=Update.REPLACE if name in _REPLACING else Update.IN_PLACE,
        )
        for name, kind in members_of(CreateUserPoolClientRequest).items()
        if name != "ClientSecret"  # a template is no place for one
    }


USER_POOL_CLIENT = ResourceType(
    name="AWS::Cognito::UserPoolClient",
    properties=_properties(),
    handler=_UserPoolClient(),
    attributes=frozenset({"ClientId", "ClientSecret", "Name"}),
)
