"""Amplify 5 and 6, in Node.js and in Chromium across origins: from the invitation to the end of the session."""

from typing import Any

import pytest

from tests.clients.conftest import OpenClient
from tests.clients.javascript import ClientError, JavaScriptClient
from tests.clients.people import (
    PASSWORD,
    anonymous,
    call_api,
    confirmed_person,
    invited_person,
    password_client,
)
from tests.server import RunningServer


def amplify5(opens: OpenClient, server: RunningServer, **options: str) -> JavaScriptClient:
    client = opens("amplify5")
    pool = {"userPoolId": server.pool_id, "userPoolWebClientId": server.client_id, "endpoint": server.endpoint}
    client.call("configure", {**pool, **options})
    return client


def amplify6(opens: OpenClient, server: RunningServer, **options: str) -> JavaScriptClient:
    client = opens("amplify6")
    pool = {"userPoolId": server.pool_id, "userPoolClientId": server.client_id, "userPoolEndpoint": server.endpoint}
    client.call("configure", {**pool, **options})
    return client


def test_amplify_5_signs_in_an_invited_person_with_a_new_password(
    javascript: OpenClient, server: RunningServer
) -> None:
    person = invited_person(server)
    client = amplify5(javascript, server)
    first = client.call("signIn", person.email, person.password)
    assert first["challenge"] == "NEW_PASSWORD_REQUIRED"
    assert first["requiredAttributes"] == []
    assert first["userAttributes"]["email"] == person.email
    with pytest.raises(ClientError) as refused:
        client.call("completeNewPassword", "secret")
    assert refused.value.name == "InvalidPasswordException"
    assert (
        refused.value.message
        == "Password did not conform with password policy: Password must have uppercase characters"
    )
    assert client.call("completeNewPassword", PASSWORD)["challenge"] is None
    assert client.call("attributes")["email"] == person.email


def test_amplify_5_keeps_refreshes_and_ends_a_session(javascript: OpenClient, server: RunningServer) -> None:
    person = confirmed_person(server)
    client = amplify5(javascript, server)
    assert client.call("signIn", person.email, person.password)["challenge"] is None
    tokens = client.call("tokens")
    assert client.call("callApi", server.route("/val/foo"), tokens["access"])["status"] == 200
    fresh = client.call("refresh")
    assert fresh["access"] != tokens["access"]
    assert client.call("changePassword", person.password, "Rainy-Day8") == "SUCCESS"
    client.call("signOut", {"global": True})
    answer = client.call("callApi", server.route("/val/foo"), tokens["access"])
    assert answer == {"status": 401, "body": '{"message":"Unauthorized"}'}
    with pytest.raises(ClientError):
        client.call("tokens")
    client.call("signIn", person.email, "Rainy-Day8")


def test_amplify_5_signs_in_by_plain_password_where_the_client_allows_it(
    javascript: OpenClient, server: RunningServer
) -> None:
    person = confirmed_person(server)
    other = password_client(server)
    client = amplify5(javascript, server, userPoolWebClientId=other, authenticationFlowType="USER_PASSWORD_AUTH")
    assert client.call("signIn", person.email, person.password)["challenge"] is None


def test_amplify_6_signs_in_an_invited_person_with_a_new_password(
    javascript: OpenClient, server: RunningServer
) -> None:
    person = invited_person(server)
    client = amplify6(javascript, server)
    first = client.call("signIn", person.email, person.password)
    assert first["step"] == "CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED"
    assert not first["isSignedIn"]
    with pytest.raises(ClientError) as refused:
        client.call("confirmSignIn", "secret")
    assert refused.value.name == "InvalidPasswordException"
    assert client.call("confirmSignIn", PASSWORD) == {"isSignedIn": True, "step": "DONE"}
    assert client.call("attributes")["email"] == person.email


def test_amplify_6_keeps_refreshes_and_ends_a_session(javascript: OpenClient, server: RunningServer) -> None:
    person = confirmed_person(server)
    client = amplify6(javascript, server)
    assert client.call("signIn", person.email, person.password)["isSignedIn"]
    tokens = client.call("tokens")
    for token in (tokens["access"], tokens["id"]):
        assert client.call("callApi", server.route("/val/foo"), token)["status"] == 200
    fresh = client.call("tokens", {"fresh": True})
    assert fresh["access"] != tokens["access"]
    client.call("changePassword", person.password, "Rainy-Day8")
    before = len(server.recorder.exchanges)
    client.call("signOut", {"global": False})
    assert "RevokeToken" in [exchange.operation for exchange in server.recorder.exchanges[before:]]
    # The refresh token's end is the end of every token that came of it.
    for token in (tokens["access"], tokens["id"], fresh["access"], fresh["id"]):
        answer = client.call("callApi", server.route("/val/foo"), token)
        assert answer == {"status": 401, "body": '{"message":"Unauthorized"}'}
    assert client.call("tokens") is None


def test_amplify_6_signs_out_everywhere(javascript: OpenClient, server: RunningServer) -> None:
    person = confirmed_person(server)
    here = amplify6(javascript, server)
    here.call("signIn", person.email, person.password)
    token = here.call("tokens")["access"]
    there = token_of_another_device(server, person.email, person.password)
    here.call("signOut", {"global": True})
    for ended in (token, there):
        assert call_api(server.route("/val/foo"), ended).status == 401


def token_of_another_device(server: RunningServer, email: str, password: str) -> str:
    flow: dict[str, Any] = {"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": password_client(server)}
    answer = anonymous(server).initiate_auth(**flow, AuthParameters={"USERNAME": email, "PASSWORD": password})
    token: str = answer["AuthenticationResult"]["AccessToken"]
    assert call_api(server.route("/val/foo"), token).status == 200
    return token


@pytest.mark.parametrize("opens", [amplify5, amplify6])
@pytest.mark.parametrize("who", ["known", "unknown"])
def test_a_wrong_password_and_an_unknown_name_read_the_same(
    javascript: OpenClient, server: RunningServer, opens: Any, who: str
) -> None:
    name = confirmed_person(server).email if who == "known" else "nobody@example.com"
    with pytest.raises(ClientError) as refused:
        opens(javascript, server).call("signIn", name, "Wrong-Guess1")
    expected = "NotAuthorizedException", "Incorrect username or password."
    if who == "unknown":
        # The client of the template does not hide who exists (PreventUserExistenceErrors is LEGACY).
        expected = "UserNotFoundException", "User does not exist."
    assert (refused.value.name, refused.value.message) == expected


def test_public_operations_arrive_unsigned(javascript: OpenClient, server: RunningServer) -> None:
    person = confirmed_person(server)
    before = len(server.recorder.exchanges)
    amplify6(javascript, server).call("signIn", person.email, person.password)
    calls = [exchange for exchange in server.recorder.exchanges[before:] if exchange.method == "POST"]
    assert [exchange.operation for exchange in calls] == ["InitiateAuth", "RespondToAuthChallenge"]
    assert not any("authorization" in exchange.headers for exchange in calls)
