"""amazon-cognito-identity-js, in Node.js and in Chromium across origins."""

import pytest

from tests.clients.conftest import OpenClient
from tests.clients.javascript import ClientError, JavaScriptClient
from tests.clients.people import (
    PASSWORD,
    administrator,
    call_api,
    confirmed_person,
    invited_person,
    password_client,
)
from tests.server import RunningServer


def identity_js(opens: OpenClient, server: RunningServer, client_id: str | None = None) -> JavaScriptClient:
    client = opens("identity_js")
    pool = {"userPoolId": server.pool_id, "clientId": client_id or server.client_id, "endpoint": server.endpoint}
    client.call("configure", pool)
    return client


def test_srp_and_a_new_password(javascript: OpenClient, server: RunningServer) -> None:
    person = invited_person(server)
    client = identity_js(javascript, server)
    first = client.call("signIn", person.email, person.password)
    assert first["challenge"] == "NEW_PASSWORD_REQUIRED"
    assert (first["userAttributes"]["email"], first["requiredAttributes"]) == (person.email, [])
    assert client.call("completeNewPassword", PASSWORD, {})["tokens"].keys() == {"id", "access", "refresh"}
    again = identity_js(javascript, server)
    assert again.call("signIn", person.email, PASSWORD)["challenge"] is None


def test_a_refreshed_session_stays_the_same_session(javascript: OpenClient, server: RunningServer) -> None:
    person = confirmed_person(server)
    client = identity_js(javascript, server)
    first = client.call("signIn", person.email, person.password)["tokens"]
    fresh = client.call("refresh")
    assert fresh["access"] != first["access"]
    assert fresh["refresh"] == first["refresh"]
    client.call("signOut")
    for token in (first["access"], fresh["access"]):
        assert call_api(server.route("/val/foo"), token).status == 401


def test_a_changed_password_is_the_only_one(javascript: OpenClient, server: RunningServer) -> None:
    person = confirmed_person(server)
    client = identity_js(javascript, server)
    client.call("signIn", person.email, person.password)
    with pytest.raises(ClientError) as refused:
        client.call("changePassword", "Not-This1", "Rainy-Day8")
    assert refused.value.name == "NotAuthorizedException"
    assert client.call("changePassword", person.password, "Rainy-Day8") == "SUCCESS"
    with pytest.raises(ClientError):
        identity_js(javascript, server).call("signIn", person.email, person.password)
    identity_js(javascript, server).call("signIn", person.email, "Rainy-Day8")


def test_a_global_sign_out_ends_every_session(javascript: OpenClient, server: RunningServer) -> None:
    person = confirmed_person(server)
    client = identity_js(javascript, server)
    token = client.call("signIn", person.email, person.password)["tokens"]["access"]
    assert call_api(server.route("/val/foo"), token).status == 200
    client.call("globalSignOut")
    assert call_api(server.route("/val/foo"), token).status == 401


def test_the_plain_password_flow(javascript: OpenClient, server: RunningServer) -> None:
    person = confirmed_person(server)
    client = identity_js(javascript, server, password_client(server))
    assert client.call("signIn", person.email, person.password, "USER_PASSWORD_AUTH")["challenge"] is None


def test_people_may_delete_themselves(javascript: OpenClient, server: RunningServer) -> None:
    person = confirmed_person(server)
    client = identity_js(javascript, server)
    token = client.call("signIn", person.email, person.password)["tokens"]["access"]
    assert client.call("attributes")["email"] == person.email
    assert client.call("deleteUser") == "SUCCESS"
    assert call_api(server.route("/val/foo"), token).status == 401
    with pytest.raises(ClientError) as refused:
        identity_js(javascript, server).call("signIn", person.email, person.password)
    assert refused.value.name == "UserNotFoundException"


def test_a_password_outside_ascii_signs_in(javascript: OpenClient, server: RunningServer) -> None:
    person = confirmed_person(server)
    client = identity_js(javascript, server)
    client.call("signIn", person.email, person.password)
    client.call("changePassword", person.password, "Grüße-aus-Köln-1☀")
    assert identity_js(javascript, server).call("signIn", person.email, "Grüße-aus-Köln-1☀")["challenge"] is None


def test_a_pool_with_plain_user_names_signs_in_by_srp(javascript: OpenClient, server: RunningServer) -> None:
    admin = administrator(server)
    pool_id = admin.create_user_pool(PoolName="plain names")["UserPool"]["Id"]
    created = admin.create_user_pool_client(UserPoolId=pool_id, ClientName="srp")
    person = confirmed_person(server, pool_id=pool_id, name="Jane.Doe")
    client = javascript("identity_js")
    client_id = created["UserPoolClient"]["ClientId"]
    client.call("configure", {"userPoolId": pool_id, "clientId": client_id, "endpoint": server.endpoint})
    assert client.call("signIn", person.email, person.password)["challenge"] is None
