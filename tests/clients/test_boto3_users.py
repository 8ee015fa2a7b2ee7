"""boto3: an administrator creates people, invites them again, looks for them, and signs them in."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.clients.people import (
    PASSWORD,
    TEMPORARY_PASSWORD,
    confirmed_person,
    invitation_password,
    new_address,
    password_client,
)
from tests.server import RunningServer


def email_of(address: str) -> list[dict[str, str]]:
    return [{"Name": "email", "Value": address}]


def refusal(call: Any, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_an_invitation_arrives_and_can_be_sent_again(server: RunningServer, admin: Any) -> None:
    email = new_address()
    where = {"UserPoolId": server.pool_id, "Username": email, "DesiredDeliveryMediums": ["EMAIL"]}
    made = admin.admin_create_user(**where, UserAttributes=email_of(email))["User"]
    assert (made["UserStatus"], made["Enabled"]) == ("FORCE_CHANGE_PASSWORD", True)
    first = invitation_password(server, email)
    again = admin.admin_create_user(**where, MessageAction="RESEND")["User"]
    assert again["Username"] == made["Username"]
    second = invitation_password(server, email)
    assert second != first
    assert [message.subject for message in server.inbox(email)] == ["Your temporary password"] * 2


def test_a_resend_needs_somebody_who_still_has_a_temporary_password(server: RunningServer, admin: Any) -> None:
    person = confirmed_person(server)
    code, message = refusal(
        admin.admin_create_user, UserPoolId=server.pool_id, Username=person.email, MessageAction="RESEND"
    )
    assert code == "UnsupportedUserStateException"
    assert message.endswith("status is not FORCE_CHANGE_PASSWORD")


def test_a_suppressed_invitation_is_not_sent(server: RunningServer, admin: Any) -> None:
    email = new_address()
    admin.admin_create_user(
        UserPoolId=server.pool_id,
        Username=email,
        UserAttributes=email_of(email),
        TemporaryPassword=TEMPORARY_PASSWORD,
        MessageAction="SUPPRESS",
        DesiredDeliveryMediums=["EMAIL"],
    )
    assert server.inbox(email) == []


def test_an_invitation_goes_out_by_every_medium_asked_for(server: RunningServer, admin: Any) -> None:
    email, phone = new_address(), "+4930123456"
    admin.admin_create_user(
        UserPoolId=server.pool_id,
        Username=email,
        UserAttributes=[*email_of(email), {"Name": "phone_number", "Value": phone}],
        TemporaryPassword=TEMPORARY_PASSWORD,
        DesiredDeliveryMediums=["EMAIL", "SMS"],
    )
    by_mail, by_phone = server.inbox(email)[0], server.inbox(phone)[0]
    assert (by_mail.channel, by_phone.channel) == ("EMAIL", "SMS")
    for message in (by_mail, by_phone):
        assert TEMPORARY_PASSWORD in message.body
        assert email in message.body


def test_an_address_can_be_taken_once_in_any_case(server: RunningServer, admin: Any) -> None:
    email = new_address()
    admin.admin_create_user(UserPoolId=server.pool_id, Username=email, MessageAction="SUPPRESS")
    for again in (email, email.upper()):
        code, _ = refusal(admin.admin_create_user, UserPoolId=server.pool_id, Username=again)
        assert code == "UsernameExistsException"


REFUSALS: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "not an address": (
        {"Username": "jane"},
        ("InvalidParameterException", "Username should be an email."),
    ),
    "a weak temporary password": (
        {"Username": "weak@example.com", "TemporaryPassword": "secret"},
        (
            "InvalidPasswordException",
            "Password did not conform with password policy: Password must have uppercase characters",
        ),
    ),
    "an attribute that the schema does not have": (
        {"Username": "odd@example.com", "UserAttributes": [{"Name": "custom:odd", "Value": "1"}]},
        (
            "InvalidParameterException",
            "Attributes did not conform to the schema: custom:odd: Attribute does not exist in the schema.\n",
        ),
    ),
    "a pool that does not exist": (
        {"Username": "jane@example.com", "UserPoolId": "eu-west-1_missing00"},
        ("ResourceNotFoundException", "User pool eu-west-1_missing00 does not exist."),
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_created_is_refused_in_the_service_s_words(server: RunningServer, admin: Any, case: str) -> None:
    parameters, expected = REFUSALS[case]
    assert refusal(admin.admin_create_user, **{"UserPoolId": server.pool_id, **parameters}) == expected


def test_sign_up_is_the_administrator_s_alone(server: RunningServer, public: Any) -> None:
    refused = refusal(public.sign_up, ClientId=server.client_id, Username=new_address(), Password=PASSWORD)
    assert refused == ("NotAuthorizedException", "SignUp is not permitted for this user pool")


def test_the_administrator_signs_somebody_in(server: RunningServer, admin: Any) -> None:
    email = new_address()
    admin.admin_create_user(
        UserPoolId=server.pool_id,
        Username=email,
        UserAttributes=email_of(email),
        TemporaryPassword=TEMPORARY_PASSWORD,
        MessageAction="SUPPRESS",
    )
    where = {"UserPoolId": server.pool_id, "ClientId": password_client(server)}
    flow = {"AuthFlow": "ADMIN_USER_PASSWORD_AUTH"}
    secret = {"USERNAME": email, "PASSWORD": TEMPORARY_PASSWORD}
    asked = admin.admin_initiate_auth(**where, **flow, AuthParameters=secret)
    assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    answers = {"USERNAME": email, "NEW_PASSWORD": PASSWORD}
    signed_in = admin.admin_respond_to_auth_challenge(
        **where, ChallengeName=asked["ChallengeName"], Session=asked["Session"], ChallengeResponses=answers
    )
    tokens = signed_in["AuthenticationResult"]
    assert (tokens["TokenType"], tokens["ExpiresIn"]) == ("Bearer", 3600)
    refreshed = admin.admin_initiate_auth(
        **where, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]}
    )
    assert "RefreshToken" not in refreshed["AuthenticationResult"]
    once_more = refusal(
        admin.admin_respond_to_auth_challenge,
        **where,
        ChallengeName=asked["ChallengeName"],
        Session=asked["Session"],
        ChallengeResponses=answers,
    )
    assert once_more == ("NotAuthorizedException", "Invalid session for the user, session can only be used once.")


def test_a_client_without_the_flow_refuses_it(server: RunningServer, admin: Any, public: Any) -> None:
    person = confirmed_person(server)
    secret = {"USERNAME": person.email, "PASSWORD": person.password}
    refused = refusal(
        public.initiate_auth, ClientId=server.client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=secret
    )
    assert refused == ("InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client")
    refused = refusal(
        admin.admin_initiate_auth,
        UserPoolId=server.pool_id,
        ClientId=server.client_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters=secret,
    )
    assert refused == ("InvalidParameterException", "Auth flow not enabled for this client")


def test_people_are_listed_in_pages_and_found_by_filter(server: RunningServer, admin: Any) -> None:
    pool_id = admin.create_user_pool(PoolName="listing")["UserPool"]["Id"]
    names = [f"user-{number:02}" for number in range(25)]
    for name in names:
        admin.admin_create_user(
            UserPoolId=pool_id,
            Username=name,
            UserAttributes=[{"Name": "family_name", "Value": "Even" if int(name[-2:]) % 2 == 0 else "Odd"}],
            MessageAction="SUPPRESS",
        )
    pages = list(admin.get_paginator("list_users").paginate(UserPoolId=pool_id, PaginationConfig={"PageSize": 10}))
    assert [len(page["Users"]) for page in pages] == [10, 10, 5]
    assert sorted(user["Username"] for page in pages for user in page["Users"]) == names

    def found(expression: str) -> list[str]:
        users = admin.list_users(UserPoolId=pool_id, Filter=expression)["Users"]
        return sorted(user["Username"] for user in users)

    assert found('username = "user-07"') == ["user-07"]
    assert found('username ^= "user-0"') == names[:10]
    assert found('family_name = "Odd"') == names[1::2]
    assert found('cognito:user_status = "FORCE_CHANGE_PASSWORD"') == names
    assert found('status = "Disabled"') == []
    narrow = admin.list_users(UserPoolId=pool_id, AttributesToGet=["family_name"], Limit=1)["Users"][0]
    assert [attribute["Name"] for attribute in narrow["Attributes"]] == ["family_name"]
    assert refusal(admin.list_users, UserPoolId=pool_id, Filter="nonsense")[0] == "InvalidParameterException"


def test_somebody_disabled_cannot_sign_in_until_enabled(server: RunningServer, admin: Any, public: Any) -> None:
    person = confirmed_person(server)
    where = {"UserPoolId": server.pool_id, "Username": person.email}
    sign_in = {
        "ClientId": password_client(server),
        "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": person.email, "PASSWORD": person.password},
    }
    admin.admin_disable_user(**where)
    assert admin.admin_get_user(**where)["Enabled"] is False
    assert refusal(public.initiate_auth, **sign_in) == ("NotAuthorizedException", "User is disabled.")
    admin.admin_enable_user(**where)
    token = public.initiate_auth(**sign_in)["AuthenticationResult"]["AccessToken"]
    assert public.get_user(AccessToken=token)["UserAttributes"]
    admin.admin_delete_user(**where)
    assert refusal(admin.admin_get_user, **where) == ("UserNotFoundException", "User does not exist.")


def test_guesses_lock_the_account_and_a_right_password_does_not_help(server: RunningServer, public: Any) -> None:
    person = confirmed_person(server)
    client_id = password_client(server)

    def guess(password: str) -> tuple[str, str]:
        return refusal(
            public.initiate_auth,
            ClientId=client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": person.email, "PASSWORD": password},
        )

    answers = [guess(f"Wrong-Guess{number}") for number in range(7)]
    assert answers[:5] == [("NotAuthorizedException", "Incorrect username or password.")] * 5
    assert answers[-1] == ("NotAuthorizedException", "Password attempts exceeded")
    assert guess(person.password) == ("NotAuthorizedException", "Password attempts exceeded")
