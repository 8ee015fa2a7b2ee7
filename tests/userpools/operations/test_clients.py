"""App clients by their operations, on every database (contract/operations.md "App clients and secrets")."""

import asyncio
import re
from typing import Any

import msgspec
import pytest

from poolhouse.model.cognito_idp_model import (
    AddUserPoolClientSecretRequest,
    AdminCreateUserConfigType,
    CreateUserPoolClientRequest,
    CreateUserPoolRequest,
    DeleteUserPoolClientRequest,
    DeleteUserPoolClientSecretRequest,
    DescribeUserPoolClientRequest,
    InvalidOAuthFlowException,
    InvalidParameterException,
    LimitExceededException,
    ListUserPoolClientSecretsRequest,
    ListUserPoolClientsRequest,
    ResourceNotFoundException,
    SchemaAttributeType,
    ScopeDoesNotExistException,
    TokenValidityUnitsType,
    UpdateUserPoolClientRequest,
    UserPoolClientType,
)
from poolhouse.model.errors import ServiceError
from poolhouse.userpools.operations.client_secrets import (
    add_user_pool_client_secret,
    delete_user_pool_client_secret,
    list_user_pool_client_secrets,
)
from poolhouse.userpools.operations.clients import (
    create_user_pool_client,
    delete_user_pool_client,
    describe_user_pool_client,
    list_user_pool_clients,
    update_user_pool_client,
)
from poolhouse.userpools.operations.pools import create_user_pool
from tests.house import House

GONE = "eu-west-1_gonegone1"
CHOSEN = "chosen+by_the_owner_0123456789"


async def new_pool(house: House, **members: Any) -> str:
    answer = await create_user_pool(house.call(), CreateUserPoolRequest(pool_name="staff", **members))
    assert answer.user_pool is not None
    return answer.user_pool.id or ""


async def create(house: House, pool_id: str, **members: Any) -> UserPoolClientType:
    request = CreateUserPoolClientRequest(
        user_pool_id=pool_id, client_name=members.pop("client_name", "web"), **members
    )
    client = (await create_user_pool_client(house.call(), request)).user_pool_client
    assert client is not None
    return client


async def describe(house: House, pool_id: str, client_id: str | None) -> UserPoolClientType:
    request = DescribeUserPoolClientRequest(user_pool_id=pool_id, client_id=client_id or "")
    client = (await describe_user_pool_client(house.call(), request)).user_pool_client
    assert client is not None
    return client


async def secrets_of(house: House, client_id: str | None) -> tuple[str, ...]:
    return (await house.services.directory.client(client_id or "")).secrets


async def test_a_client_that_says_nothing_has_the_defaults(house: House) -> None:
    pool_id = await new_pool(house)
    created = await create(house, pool_id)
    shown = msgspec.to_builtins(await describe(house, pool_id, created.client_id))
    assert re.fullmatch(r"[0-9a-z]{26}", shown["ClientId"])
    assert shown == {
        "UserPoolId": pool_id,
        "ClientName": "web",
        "ClientId": created.client_id,
        "LastModifiedDate": house.clock.now,
        "CreationDate": house.clock.now,
        "RefreshTokenValidity": 30,
        "AllowedOAuthFlowsUserPoolClient": False,
        "PreventUserExistenceErrors": "LEGACY",
        "EnableTokenRevocation": True,
        "EnablePropagateAdditionalUserContextData": False,
        "AuthSessionValidity": 3,
    }
    cached = await house.services.directory.client(created.client_id or "")
    assert cached.flows == {"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"}
    assert cached.secrets == ()


async def test_create_answers_what_describe_shows(house: House) -> None:
    pool_id = await new_pool(house)
    created = await create(
        house,
        pool_id,
        generate_secret=True,
        access_token_validity=1,
        id_token_validity=1,
        explicit_auth_flows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        callback_urls=["https://example.com/cb", "http://localhost:3000", "http://127.0.0.1/x", "myapp://done"],
        default_redirect_uri="myapp://done",
        logout_urls=["https://example.com/bye"],
        allowed_oauth_flows_user_pool_client=True,
        allowed_oauth_flows=["code", "implicit"],
        allowed_oauth_scopes=["openid", "email"],
        supported_identity_providers=["COGNITO"],
        enable_propagate_additional_user_context_data=True,
    )
    assert created == await describe(house, pool_id, created.client_id)


async def test_a_secret_is_generated_shown_and_sealed(house: House) -> None:
    pool_id = await new_pool(house)
    created = await create(house, pool_id, generate_secret=True)
    secret = created.client_secret or ""
    assert re.fullmatch(r"[0-9a-z]{51}", secret)
    assert await secrets_of(house, created.client_id) == (secret,)
    row = await house.services.store.clients.find(created.client_id or "")
    assert row is not None
    assert secret not in row.document
    assert secret.encode() not in (row.secrets or b"")
    assert secret not in repr(created)


async def test_a_secret_can_be_chosen_but_not_generated_too(house: House) -> None:
    pool_id = await new_pool(house)
    created = await create(house, pool_id, client_secret=CHOSEN, generate_secret=False)
    assert created.client_secret == CHOSEN
    with pytest.raises(InvalidParameterException) as refused:
        await create(house, pool_id, client_secret=CHOSEN, generate_secret=True)
    assert refused.value.message == "You cannot specify both GenerateSecret as true and provide a ClientSecret value."


async def test_an_update_resets_what_it_does_not_say_and_keeps_the_secret(house: House) -> None:
    pool_id = await new_pool(house)
    created = await create(
        house,
        pool_id,
        generate_secret=True,
        prevent_user_existence_errors="ENABLED",
        refresh_token_validity=5,
        read_attributes=["email"],
        enable_token_revocation=False,
        auth_session_validity=15,
    )
    house.clock.forward(60)
    request = UpdateUserPoolClientRequest(user_pool_id=pool_id, client_id=created.client_id or "")
    changed = (await update_user_pool_client(house.call(), request)).user_pool_client
    assert changed == await describe(house, pool_id, created.client_id)
    assert changed is not None
    plain = await create(house, pool_id)
    kept = msgspec.structs.replace(
        plain,
        client_id=created.client_id,
        client_secret=created.client_secret,
        creation_date=created.creation_date,
        last_modified_date=house.clock.now,
    )
    assert changed == kept


async def test_a_change_is_seen_by_the_next_sign_in(house: House) -> None:
    pool_id = await new_pool(house)
    client_id = (await create(house, pool_id)).client_id or ""
    await house.services.directory.client(client_id)
    request = UpdateUserPoolClientRequest(
        user_pool_id=pool_id, client_id=client_id, client_name="app", explicit_auth_flows=["ALLOW_USER_PASSWORD_AUTH"]
    )
    await update_user_pool_client(house.call(), request)
    assert (await house.services.directory.client(client_id)).flows == {"ALLOW_USER_PASSWORD_AUTH"}
    listed = await list_user_pool_clients(house.call(), ListUserPoolClientsRequest(user_pool_id=pool_id))
    assert [client.client_name for client in listed.user_pool_clients or []] == ["app"]


UNITS = TokenValidityUnitsType


@pytest.mark.parametrize(
    "members",
    [
        {"access_token_validity": 5, "token_validity_units": UNITS(access_token="minutes")},
        {"access_token_validity": 86400, "token_validity_units": UNITS(access_token="seconds")},
        {"access_token_validity": 24, "id_token_validity": 24},
        {"id_token_validity": 1, "token_validity_units": UNITS(id_token="days")},
        {"refresh_token_validity": 3650},
        {"refresh_token_validity": 60, "token_validity_units": UNITS(refresh_token="minutes")},
        {"refresh_token_validity": 0},
    ],
)
async def test_validity_reaches_to_the_limits(house: House, members: dict[str, Any]) -> None:
    await create(house, await new_pool(house), **members)


@pytest.mark.parametrize(
    "members",
    [
        {"access_token_validity": 4, "token_validity_units": UNITS(access_token="minutes")},
        {"access_token_validity": 299, "token_validity_units": UNITS(access_token="seconds")},
        {"access_token_validity": 25},
        {"id_token_validity": 2, "token_validity_units": UNITS(id_token="days")},
        {"refresh_token_validity": 3651},
        {"refresh_token_validity": 59, "token_validity_units": UNITS(refresh_token="minutes")},
        {"refresh_token_validity": 1, "access_token_validity": 2, "token_validity_units": UNITS(refresh_token="hours")},
    ],
)
async def test_validity_out_of_range_is_refused(house: House, members: dict[str, Any]) -> None:
    pool_id = await new_pool(house)
    with pytest.raises(InvalidParameterException) as refused:
        await create(house, pool_id, **members)
    assert refused.value.message == "Invalid range for token validity."


async def test_a_refresh_validity_of_zero_is_thirty_days_whatever_the_unit(house: House) -> None:
    client = await create(
        house, await new_pool(house), refresh_token_validity=0, token_validity_units=UNITS(refresh_token="minutes")
    )
    assert client.refresh_token_validity == 30
    assert client.token_validity_units == UNITS(refresh_token="days")


@pytest.mark.parametrize("flows", [["ADMIN_NO_SRP_AUTH", "USER_PASSWORD_AUTH"], ["CUSTOM_AUTH_FLOW_ONLY"], []])
async def test_legacy_flows_are_kept_as_they_are(house: House, flows: list[str]) -> None:
    assert (await create(house, await new_pool(house), explicit_auth_flows=flows)).explicit_auth_flows == flows


REFUSED: list[tuple[dict[str, Any], type[ServiceError], str]] = [
    (
        {"explicit_auth_flows": ["ALLOW_USER_SRP_AUTH", "ADMIN_NO_SRP_AUTH"]},
        InvalidParameterException,
        "ExplicitAuthFlows cannot mix values with and without the prefix ALLOW_.",
    ),
    (
        {"allowed_oauth_flows": ["client_credentials", "code"], "generate_secret": True},
        InvalidOAuthFlowException,
        "client_credentials flow can not be selected along with code flow or implicit flow.",
    ),
    (
        {"allowed_oauth_flows": ["client_credentials"]},
        InvalidOAuthFlowException,
        "client_credentials flow can not be selected if client does not have a client secret.",
    ),
    (
        {"allowed_oauth_flows": ["client_credentials"], "allowed_oauth_scopes": ["openid"], "generate_secret": True},
        InvalidOAuthFlowException,
        "openid is not supported with client_credentials flow",
    ),
    (
        {"allowed_oauth_flows": ["code"], "allowed_oauth_scopes": ["openid", "shop/read"]},
        ScopeDoesNotExistException,
        "Invalid scope requested: shop/read",
    ),
    (
        {"allowed_oauth_flows_user_pool_client": True, "allowed_oauth_flows": ["code"]},
        InvalidParameterException,
        "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows.",
    ),
    (
        {"callback_urls": ["http://example.com/cb"]},
        InvalidParameterException,
        "http://example.com/cb cannot use the HTTP protocol.",
    ),
    (
        {"logout_urls": ["http://localhost.example.com"]},
        InvalidParameterException,
        "http://localhost.example.com cannot use the HTTP protocol.",
    ),
    ({"callback_urls": ["https://a/#b"]}, InvalidParameterException, "https://a/#b cannot contain a fragment."),
    ({"callback_urls": ["javascript:alert(1)"]}, InvalidParameterException, "javascript:alert(1) is not a valid URL."),
    ({"callback_urls": ["JavaScript:alert(1)"]}, InvalidParameterException, "JavaScript:alert(1) is not a valid URL."),
    ({"logout_urls": ["data:text/html,x"]}, InvalidParameterException, "data:text/html,x is not a valid URL."),
    ({"callback_urls": ["//example.com/"]}, InvalidParameterException, "//example.com/ is not a valid URL."),
    ({"callback_urls": ["https:///path"]}, InvalidParameterException, "https:///path is not a valid URL."),
    ({"callback_urls": ["https://[1/"]}, InvalidParameterException, "https://[1/ is not a valid URL."),
    (
        {"callback_urls": ["https://a/"], "default_redirect_uri": "https://b/"},
        InvalidParameterException,
        "DefaultRedirectURI must be one of the CallbackURLs.",
    ),
    (
        {"read_attributes": ["email", "custom:none"]},
        InvalidParameterException,
        "Invalid read attributes specified while creating a client",
    ),
    (
        {"enable_propagate_additional_user_context_data": True},
        InvalidParameterException,
        "EnablePropagateAdditionalUserContextData requires an app client with a client secret.",
    ),
]


@pytest.mark.parametrize(("members", "kind", "message"), REFUSED)
async def test_settings_that_contradict_are_refused(
    house: House, members: dict[str, Any], kind: type[ServiceError], message: str
) -> None:
    pool_id = await new_pool(house)
    with pytest.raises(kind) as refused:
        await create(house, pool_id, **members)
    assert refused.value.message == message
    listed = await list_user_pool_clients(house.call(), ListUserPoolClientsRequest(user_pool_id=pool_id))
    assert listed.user_pool_clients == []


async def test_a_provider_that_the_pool_lacks_is_refused(house: House) -> None:
    pool_id = await new_pool(house)
    with pytest.raises(InvalidParameterException) as refused:
        await create(house, pool_id, supported_identity_providers=["COGNITO", "Google"])
    assert refused.value.message == f"The provider Google does not exist for User Pool {pool_id}."


def _schema() -> list[SchemaAttributeType]:
    return [
        SchemaAttributeType(name="email", required=True),
        SchemaAttributeType(name="team", attribute_data_type="String"),
        SchemaAttributeType(name="inner", attribute_data_type="String", developer_only_attribute=True),
    ]


@pytest.mark.parametrize(
    "written",
    [
        ["email", "custom:none"],
        ["email", "email_verified"],
        ["email", "sub"],
        ["email", "dev:custom:inner"],
        ["custom:team"],
    ],
)
async def test_write_attributes_are_the_users_own_and_let_them_sign_up(house: House, written: list[str]) -> None:
    pool_id = await new_pool(house, schema=_schema())
    with pytest.raises(InvalidParameterException) as refused:
        await create(house, pool_id, write_attributes=written)
    assert refused.value.message == "Invalid write attributes specified while creating a client"
    client = await create(
        house, pool_id, write_attributes=["email", "custom:team"], read_attributes=["email", "dev:custom:inner"]
    )
    request = UpdateUserPoolClientRequest(
        user_pool_id=pool_id, client_id=client.client_id or "", write_attributes=written
    )
    with pytest.raises(InvalidParameterException) as refused:
        await update_user_pool_client(house.call(), request)
    assert refused.value.message == "Invalid write attributes specified while updating a client"


async def test_where_nobody_signs_up_a_required_attribute_may_be_left_out(house: House) -> None:
    config = AdminCreateUserConfigType(allow_admin_create_user_only=True)
    pool_id = await new_pool(house, schema=_schema(), admin_create_user_config=config)
    assert (await create(house, pool_id, write_attributes=["name"])).write_attributes == ["name"]


async def test_clients_are_listed_in_pages_of_their_pool(house: House) -> None:
    pool_id, other = await new_pool(house), await new_pool(house)
    await create(house, other)
    created = sorted([(await create(house, pool_id)).client_id or "" for _ in range(3)])
    request = ListUserPoolClientsRequest(user_pool_id=pool_id, max_results=2)
    first = await list_user_pool_clients(house.call(), request)
    second = await list_user_pool_clients(house.call(), msgspec.structs.replace(request, next_token=first.next_token))
    shown = [*(first.user_pool_clients or []), *(second.user_pool_clients or [])]
    assert [client.client_id for client in shown] == created
    assert second.next_token is None
    assert set(msgspec.to_builtins(shown[0])) == {"ClientId", "UserPoolId", "ClientName"}
    with pytest.raises(InvalidParameterException, match="Invalid pagination token"):
        await list_user_pool_clients(
            house.call(), ListUserPoolClientsRequest(user_pool_id=other, next_token=first.next_token)
        )


async def test_no_client_has_registered_itself(house: House) -> None:
    pool_id = await new_pool(house)
    await create(house, pool_id)
    for kind, count in (("REGULAR", 1), ("DCR", 0)):
        request = ListUserPoolClientsRequest(user_pool_id=pool_id, client_type=kind)  # type: ignore[arg-type]
        assert len((await list_user_pool_clients(house.call(), request)).user_pool_clients or []) == count


async def test_a_deleted_client_is_gone_everywhere(house: House) -> None:
    pool_id = await new_pool(house)
    client_id = (await create(house, pool_id)).client_id or ""
    await house.services.directory.client(client_id)
    request = DeleteUserPoolClientRequest(user_pool_id=pool_id, client_id=client_id)
    await delete_user_pool_client(house.call(), request)
    assert await house.services.directory.find_client(client_id) is None
    with pytest.raises(ResourceNotFoundException) as refused:
        await delete_user_pool_client(house.call(), request)
    assert refused.value.message == f"User pool client {client_id} does not exist."


async def test_a_client_is_found_only_in_its_own_pool(house: House) -> None:
    pool_id, other = await new_pool(house), await new_pool(house)
    client_id = (await create(house, pool_id)).client_id or ""
    for attempt in (
        describe(house, other, client_id),
        update_user_pool_client(house.call(), UpdateUserPoolClientRequest(user_pool_id=other, client_id=client_id)),
        delete_user_pool_client(house.call(), DeleteUserPoolClientRequest(user_pool_id=other, client_id=client_id)),
    ):
        with pytest.raises(ResourceNotFoundException) as refused:
            await attempt
        assert refused.value.message == f"User pool client {client_id} does not exist."
    assert await describe(house, pool_id, client_id)


async def test_a_pool_that_does_not_exist_is_named(house: House) -> None:
    for attempt in (
        create(house, GONE),
        describe(house, GONE, "x"),
        list_user_pool_clients(house.call(), ListUserPoolClientsRequest(user_pool_id=GONE)),
        update_user_pool_client(house.call(), UpdateUserPoolClientRequest(user_pool_id=GONE, client_id="x")),
    ):
        with pytest.raises(ResourceNotFoundException) as refused:
            await attempt
        assert refused.value.message == f"User pool {GONE} does not exist."


async def test_mutations_are_audited_with_the_client(house: House) -> None:
    pool_id = await new_pool(house)
    house.clock.forward(1)
    client_id = (await create(house, pool_id)).client_id or ""
    newest = (await house.services.store.audit.newest(pool_id, 1))[0]
    assert (newest.event, newest.client_id) == ("CreateUserPoolClient", client_id)


# -- secrets --------------------------------------------------------------------------------------------------


async def test_a_second_secret_is_shown_once_and_both_are_accepted(house: House) -> None:
    pool_id = await new_pool(house)
    client = await create(house, pool_id, generate_secret=True)
    client_id = client.client_id or ""
    request = AddUserPoolClientSecretRequest(user_pool_id=pool_id, client_id=client_id)
    added = (await add_user_pool_client_secret(house.call(), request)).client_secret_descriptor
    assert added is not None
    assert added.client_secret_value is not None
    assert await secrets_of(house, client_id) == (client.client_secret, added.client_secret_value)
    assert (await describe(house, pool_id, client_id)).client_secret == client.client_secret
    listed = (
        await list_user_pool_client_secrets(
            house.call(), ListUserPoolClientSecretsRequest(user_pool_id=pool_id, client_id=client_id)
        )
    ).client_secrets or []
    assert [secret.client_secret_value for secret in listed] == [None, None]
    assert len({secret.client_secret_id for secret in listed}) == 2
    assert all(re.fullmatch(rf"{client_id}--[0-9]+", secret.client_secret_id or "") for secret in listed)
    with pytest.raises(LimitExceededException) as refused:
        await add_user_pool_client_secret(house.call(), request)
    assert refused.value.message == "Client secrets cannot exceed limit of 2 secrets."


async def test_a_chosen_second_secret_is_not_repeated(house: House) -> None:
    pool_id = await new_pool(house)
    client_id = (await create(house, pool_id, generate_secret=True)).client_id or ""
    request = AddUserPoolClientSecretRequest(user_pool_id=pool_id, client_id=client_id, client_secret=CHOSEN)
    added = (await add_user_pool_client_secret(house.call(), request)).client_secret_descriptor
    assert added is not None
    assert added.client_secret_value is None
    assert CHOSEN in await secrets_of(house, client_id)


async def test_of_parallel_additions_one_succeeds(house: House) -> None:
    pool_id = await new_pool(house)
    client_id = (await create(house, pool_id, generate_secret=True)).client_id or ""
    request = AddUserPoolClientSecretRequest(user_pool_id=pool_id, client_id=client_id)
    outcomes = await asyncio.gather(
        *(add_user_pool_client_secret(house.call(), request) for _ in range(3)), return_exceptions=True
    )
    assert sum(isinstance(outcome, LimitExceededException) for outcome in outcomes) == 2
    assert len(await secrets_of(house, client_id)) == 2


async def test_the_old_secret_can_be_deleted_and_the_last_one_cannot(house: House) -> None:
    pool_id = await new_pool(house)
    client_id = (await create(house, pool_id, generate_secret=True)).client_id or ""
    await add_user_pool_client_secret(
        house.call(),
        AddUserPoolClientSecretRequest(user_pool_id=pool_id, client_id=client_id, client_secret=CHOSEN),
    )
    request = ListUserPoolClientSecretsRequest(user_pool_id=pool_id, client_id=client_id)
    old, new = (await list_user_pool_client_secrets(house.call(), request)).client_secrets or []

    async def delete(secret_id: str | None) -> None:
        await delete_user_pool_client_secret(
            house.call(),
            DeleteUserPoolClientSecretRequest(
                user_pool_id=pool_id, client_id=client_id, client_secret_id=secret_id or ""
            ),
        )

    await delete(old.client_secret_id)
    assert await secrets_of(house, client_id) == (CHOSEN,)
    assert (await describe(house, pool_id, client_id)).client_secret == CHOSEN
    with pytest.raises(ResourceNotFoundException):
        await delete(old.client_secret_id)
    with pytest.raises(InvalidParameterException, match="last client secret"):
        await delete(new.client_secret_id)


async def test_a_public_client_stays_public(house: House) -> None:
    pool_id = await new_pool(house)
    client_id = (await create(house, pool_id)).client_id or ""
    with pytest.raises(InvalidParameterException, match="is not configured with a client secret"):
        await add_user_pool_client_secret(
            house.call(), AddUserPoolClientSecretRequest(user_pool_id=pool_id, client_id=client_id)
        )
