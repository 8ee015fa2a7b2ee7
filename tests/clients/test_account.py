"""Amplify 6 and boto3: people who sign up themselves, forget their password, and change what is known of them."""

import re
from typing import Any

import pytest

from tests.clients.conftest import OpenClient
from tests.clients.javascript import ClientError, JavaScriptClient
from tests.clients.people import PASSWORD, confirmed_person, new_address
from tests.server import RunningServer

OPEN_POOL = {"UsernameAttributes": ["email"], "AutoVerifiedAttributes": ["email"]}


@pytest.fixture(scope="module")
def pool_id(admin: Any) -> str:
    """A pool where people sign up themselves."""
    made: str = admin.create_user_pool(PoolName="open", **OPEN_POOL)["UserPool"]["Id"]
    return made


@pytest.fixture
def amplify(javascript: OpenClient, server: RunningServer, admin: Any, pool_id: str) -> JavaScriptClient:
    made = admin.create_user_pool_client(UserPoolId=pool_id, ClientName="web")["UserPoolClient"]
    client = javascript("amplify6")
    pool = {"userPoolId": pool_id, "userPoolClientId": made["ClientId"], "userPoolEndpoint": server.endpoint}
    client.call("configure", pool)
    return client


def newest_code(server: RunningServer, email: str) -> str:
    found = re.search(r"\b\d{6}\b", server.inbox(email)[0].body)
    assert found is not None, server.inbox(email)[0]
    return found[0]


def test_people_sign_up_and_confirm_their_address(amplify: JavaScriptClient, server: RunningServer) -> None:
    email = new_address()
    first = amplify.call("signUp", email, PASSWORD, {"email": email})
    assert (first["step"], first["delivery"]["deliveryMedium"]) == ("CONFIRM_SIGN_UP", "EMAIL")
    assert amplify.call("signIn", email, PASSWORD)["step"] == "CONFIRM_SIGN_UP"
    with pytest.raises(ClientError) as refused:
        amplify.call("confirmSignUp", email, wrong(newest_code(server, email)))
    assert refused.value.name == "CodeMismatchException"
    amplify.call("resendSignUpCode", email)
    assert amplify.call("confirmSignUp", email, newest_code(server, email)) == "DONE"
    assert amplify.call("signIn", email, PASSWORD)["isSignedIn"]
    assert amplify.call("attributes")["email_verified"] == "true"


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_a_forgotten_password_is_replaced(amplify: JavaScriptClient, server: RunningServer, pool_id: str) -> None:
    person = confirmed_person(server, pool_id=pool_id)
    assert amplify.call("resetPassword", person.email) == "CONFIRM_RESET_PASSWORD_WITH_CODE"
    code = newest_code(server, person.email)
    amplify.call("confirmResetPassword", person.email, code, "Rainy-Day8")
    with pytest.raises(ClientError):
        amplify.call("signIn", person.email, person.password)
    assert amplify.call("signIn", person.email, "Rainy-Day8")["isSignedIn"]


def test_people_change_what_is_known_of_them(amplify: JavaScriptClient, server: RunningServer, pool_id: str) -> None:
    person = confirmed_person(server, pool_id=pool_id)
    amplify.call("signIn", person.email, person.password)
    moved = new_address()
    changed = amplify.call("updateAttributes", {"email": moved, "nickname": "Jo"})
    assert changed["email"]["nextStep"]["updateAttributeStep"] == "CONFIRM_ATTRIBUTE_WITH_CODE"
    assert changed["nickname"]["isUpdated"]
    amplify.call("sendAttributeCode", "email")
    amplify.call("confirmAttribute", "email", newest_code(server, moved))
    amplify.call("deleteAttributes", ["nickname"])
    known = amplify.call("attributes")
    assert (known["email"], known["email_verified"]) == (moved, "true")
    assert "nickname" not in known


def test_an_administrator_changes_confirms_and_resets(
    server: RunningServer, admin: Any, public: Any, pool_id: str
) -> None:
    client_id = admin.create_user_pool_client(UserPoolId=pool_id, ClientName="app")["UserPoolClient"]["ClientId"]
    email = new_address()
    attributes = [{"Name": "email", "Value": email}]
    signed_up = public.sign_up(ClientId=client_id, Username=email, Password=PASSWORD, UserAttributes=attributes)
    assert signed_up["UserConfirmed"] is False
    where = {"UserPoolId": pool_id, "Username": email}
    admin.admin_confirm_sign_up(**where)
    verified = [{"Name": "email_verified", "Value": "true"}, {"Name": "nickname", "Value": "Jo"}]
    admin.admin_update_user_attributes(**where, UserAttributes=verified)
    admin.admin_delete_user_attributes(**where, UserAttributeNames=["nickname"])
    known = {row["Name"]: row["Value"] for row in admin.admin_get_user(**where)["UserAttributes"]}
    assert known == {"sub": signed_up["UserSub"], "email": email, "email_verified": "true"}
    admin.admin_reset_user_password(**where)
    assert admin.admin_get_user(**where)["UserStatus"] == "RESET_REQUIRED"
    code = newest_code(server, email)
    public.confirm_forgot_password(ClientId=client_id, Username=email, ConfirmationCode=code, Password="Rainy-Day8")
    assert admin.admin_get_user(**where)["UserStatus"] == "CONFIRMED"
