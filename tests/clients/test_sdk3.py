"""AWS SDK for JavaScript v3: public operations without credentials, administration with them."""

import pytest

from tests.clients.conftest import OpenClient
from tests.clients.javascript import ClientError, JavaScriptClient
from tests.clients.people import PASSWORD, confirmed_person, invited_person, new_address, password_client
from tests.server import RunningServer

CREDENTIALS = {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}


def sdk(opens: OpenClient, server: RunningServer, credentials: dict[str, str] | None = None) -> JavaScriptClient:
    client = opens("sdk3")
    client.call("configure", {"endpoint": server.endpoint, "credentials": credentials})
    return client


def test_public_operations_need_no_credentials(node: OpenClient, server: RunningServer) -> None:
    person = invited_person(server)
    client = sdk(node, server)
    client_id = password_client(server)
    before = len(server.recorder.exchanges)
    secret = {"USERNAME": person.email, "PASSWORD": person.password}
    flow = {"ClientId": client_id, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": secret}
    asked = client.call("send", "InitiateAuth", flow)["output"]
    answers = {"USERNAME": person.email, "NEW_PASSWORD": PASSWORD}
    answer = {"ClientId": client_id, "ChallengeName": asked["ChallengeName"], "Session": asked["Session"]}
    signed_in = client.call("send", "RespondToAuthChallenge", {**answer, "ChallengeResponses": answers})["output"]
    tokens = signed_in["AuthenticationResult"]
    refresh = {"REFRESH_TOKEN": tokens["RefreshToken"]}
    client.call(
        "send",
        "InitiateAuth",
        {"ClientId": client_id, "AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": refresh},
    )
    client.call("send", "GetTokensFromRefreshToken", {"ClientId": client_id, "RefreshToken": tokens["RefreshToken"]})
    access = {"AccessToken": tokens["AccessToken"]}
    assert client.call("send", "GetUser", access)["output"]["Username"]
    change = {"PreviousPassword": PASSWORD, "ProposedPassword": "Rainy-Day8"}
    client.call("send", "ChangePassword", {**access, **change})
    client.call("send", "RevokeToken", {"ClientId": client_id, "Token": tokens["RefreshToken"]})
    with pytest.raises(ClientError) as refused:
        client.call("send", "GetUser", access)
    assert refused.value.name == "NotAuthorizedException"
    assert client.call("credentialRequests") == 0
    assert not any("authorization" in exchange.headers for exchange in server.recorder.exchanges[before:])


def test_admin_operations_are_signed(node: OpenClient, server: RunningServer) -> None:
    person = confirmed_person(server)
    client = sdk(node, server, CREDENTIALS)
    where = {"UserPoolId": server.pool_id, "Username": person.email}
    answer = client.call("send", "AdminGetUser", where)
    assert answer["output"]["UserStatus"] == "CONFIRMED"
    assert answer["requestId"]
    signed = server.recorder.exchanges[-1].headers["authorization"]
    assert signed.startswith("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/")


def test_without_credentials_nothing_is_administered(node: OpenClient, server: RunningServer) -> None:
    with pytest.raises(ClientError) as refused:
        sdk(node, server).call("send", "ListUserPools", {"MaxResults": 1})
    assert refused.value.message == "this application has no credentials"


def test_its_paginator_walks_all_pages(node: OpenClient, server: RunningServer) -> None:
    client = sdk(node, server, CREDENTIALS)
    pool_id = client.call("send", "CreateUserPool", {"PoolName": "paging"})["output"]["UserPool"]["Id"]
    names = [f"user-{number}" for number in range(7)]
    for name in names:
        new = {"UserPoolId": pool_id, "Username": name, "MessageAction": "SUPPRESS"}
        client.call("send", "AdminCreateUser", new)
    pages = client.call("page", "ListUsers", {"UserPoolId": pool_id, "Limit": 3})
    assert sorted(user["Username"] for page in pages for user in page["Users"]) == names
    client.call("send", "DeleteUserPool", {"UserPoolId": pool_id})


def test_its_error_classes_are_found(node: OpenClient, server: RunningServer) -> None:
    client = sdk(node, server, CREDENTIALS)
    with pytest.raises(ClientError) as refused:
        client.call("send", "AdminGetUser", {"UserPoolId": server.pool_id, "Username": new_address()})
    assert (refused.value.name, refused.value.message) == ("UserNotFoundException", "User does not exist.")
