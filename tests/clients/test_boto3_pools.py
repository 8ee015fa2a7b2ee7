"""boto3: pools, clients, client secrets, groups, tags and settings, made, read, changed and deleted."""

from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from botocore.exceptions import ClientError

from tests.clients.people import confirmed_person, new_address, password_client
from tests.server import RunningServer


@pytest.fixture
def pool(server: RunningServer, admin: Any) -> Iterator[dict[str, Any]]:
    made = admin.create_user_pool(
        PoolName="crud",
        UsernameAttributes=["email"],
        Schema=[{"Name": "tier", "AttributeDataType": "String", "Mutable": True}],
        UserPoolTags={"team": "blue"},
    )["UserPool"]
    yield made
    admin.delete_user_pool(UserPoolId=made["Id"])


def test_a_pool_s_life(server: RunningServer, admin: Any) -> None:
    pool_id = admin.create_user_pool(PoolName="a life")["UserPool"]["Id"]
    assert pool_id.startswith(f"{server.region}_")
    policy = {"PasswordPolicy": {"MinimumLength": 12, "TemporaryPasswordValidityDays": 3}}
    admin.update_user_pool(UserPoolId=pool_id, Policies=policy, DeletionProtection="ACTIVE")
    described = admin.describe_user_pool(UserPoolId=pool_id)["UserPool"]
    assert described["Name"] == "a life"
    assert described["Policies"]["PasswordPolicy"]["MinimumLength"] == 12
    assert described["Arn"].endswith(f":userpool/{pool_id}")
    with pytest.raises(ClientError) as refused:
        admin.delete_user_pool(UserPoolId=pool_id)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"
    admin.update_user_pool(UserPoolId=pool_id, DeletionProtection="INACTIVE")
    admin.delete_user_pool(UserPoolId=pool_id)
    with pytest.raises(admin.exceptions.ResourceNotFoundException):
        admin.describe_user_pool(UserPoolId=pool_id)


def test_pools_are_listed_in_pages(admin: Any) -> None:
    made = {admin.create_user_pool(PoolName=f"page {number}")["UserPool"]["Id"] for number in range(5)}
    paginator = admin.get_paginator("list_user_pools").paginate(PaginationConfig={"PageSize": 2})
    listed = [pool["Id"] for page in paginator for pool in page["UserPools"]]
    assert made <= set(listed)
    assert len(listed) == len(set(listed))
    for pool_id in made:
        admin.delete_user_pool(UserPoolId=pool_id)


def test_a_pool_s_schema_grows(admin: Any, pool: dict[str, Any]) -> None:
    admin.add_custom_attributes(
        UserPoolId=pool["Id"], CustomAttributes=[{"Name": "points", "AttributeDataType": "Number"}]
    )
    email = new_address()
    attributes = [{"Name": "email", "Value": email}, {"Name": "custom:points", "Value": "7"}]
    admin.admin_create_user(UserPoolId=pool["Id"], Username=email, UserAttributes=attributes, MessageAction="SUPPRESS")
    known = admin.admin_get_user(UserPoolId=pool["Id"], Username=email)["UserAttributes"]
    assert {"Name": "custom:points", "Value": "7"} in known


def test_a_client_s_life(admin: Any, pool: dict[str, Any]) -> None:
    where = {"UserPoolId": pool["Id"]}
    made = admin.create_user_pool_client(**where, ClientName="web", GenerateSecret=True)["UserPoolClient"]
    one = {**where, "ClientId": made["ClientId"]}
    admin.update_user_pool_client(
        **one, ClientName="app", AccessTokenValidity=10, TokenValidityUnits={"AccessToken": "minutes"}
    )
    described = admin.describe_user_pool_client(**one)["UserPoolClient"]
    assert (described["ClientName"], described["AccessTokenValidity"]) == ("app", 10)
    assert described["ClientSecret"] == made["ClientSecret"]
    listed = admin.list_user_pool_clients(**where, MaxResults=60)["UserPoolClients"]
    assert [client["ClientName"] for client in listed] == ["app"]
    admin.delete_user_pool_client(**one)
    with pytest.raises(admin.exceptions.ResourceNotFoundException):
        admin.describe_user_pool_client(**one)


def test_a_client_s_secret_is_replaced_without_a_gap(admin: Any, pool: dict[str, Any]) -> None:
    made = admin.create_user_pool_client(UserPoolId=pool["Id"], ClientName="web", GenerateSecret=True)
    one = {"UserPoolId": pool["Id"], "ClientId": made["UserPoolClient"]["ClientId"]}
    admin.add_user_pool_client_secret(**one)
    secrets = admin.list_user_pool_client_secrets(**one)["ClientSecrets"]
    assert len(secrets) == 2
    assert not any(secret.get("ClientSecretValue") for secret in secrets)
    admin.delete_user_pool_client_secret(**one, ClientSecretId=secrets[0]["ClientSecretId"])
    assert len(admin.list_user_pool_client_secrets(**one)["ClientSecrets"]) == 1


def test_groups_reach_the_tokens(server: RunningServer, admin: Any, public: Any) -> None:
    where = {"UserPoolId": server.pool_id}
    person = confirmed_person(server)
    member = {**where, "Username": person.email}
    admin.create_group(**where, GroupName="editors", Precedence=2, Description="may edit")
    admin.update_group(**where, GroupName="editors", Precedence=1)
    assert admin.get_group(**where, GroupName="editors")["Group"]["Precedence"] == 1
    admin.admin_add_user_to_group(**member, GroupName="editors")
    assert [group["GroupName"] for group in admin.admin_list_groups_for_user(**member)["Groups"]] == ["editors"]
    users = admin.list_users_in_group(**where, GroupName="editors")["Users"]
    assert {"Name": "email", "Value": person.email} in users[0]["Attributes"]
    tokens = public.initiate_auth(
        ClientId=password_client(server),
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": person.email, "PASSWORD": person.password},
    )["AuthenticationResult"]
    assert claims(tokens["IdToken"])["cognito:groups"] == ["editors"]
    admin.admin_remove_user_from_group(**member, GroupName="editors")
    admin.delete_group(**where, GroupName="editors")
    assert admin.list_groups(**where)["Groups"] == []


def claims(token: str) -> dict[str, Any]:
    read: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return read


def test_tags(admin: Any, pool: dict[str, Any]) -> None:
    arn = pool["Arn"]
    admin.tag_resource(ResourceArn=arn, Tags={"cost": "42"})
    assert admin.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"team": "blue", "cost": "42"}
    admin.untag_resource(ResourceArn=arn, TagKeys=["team"])
    assert admin.describe_user_pool(UserPoolId=pool["Id"])["UserPool"]["UserPoolTags"] == {"cost": "42"}


def test_mfa_settings_are_read_and_a_factor_of_a_later_release_is_refused(admin: Any, pool: dict[str, Any]) -> None:
    where = {"UserPoolId": pool["Id"]}
    admin.set_user_pool_mfa_config(**where, MfaConfiguration="OFF")
    assert admin.get_user_pool_mfa_config(**where)["MfaConfiguration"] == "OFF"
    with pytest.raises(admin.exceptions.InvalidParameterException):
        admin.set_user_pool_mfa_config(**where, MfaConfiguration="ON")


def test_an_operation_of_a_later_release_says_so_with_a_typed_error(admin: Any, pool: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as refused:
        admin.create_user_import_job(
            JobName="import", UserPoolId=pool["Id"], CloudWatchLogsRoleArn="arn:aws:iam::000000000000:role/logs"
        )
    assert refused.value.response["Error"]["Code"] == "UnsupportedOperationException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
