"""pycognito: SRP, new password, clients with a secret, and its own check of every token that it gets."""

from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from pycognito import Cognito
from pycognito.exceptions import ForceChangePasswordException

from tests.clients.people import PASSWORD, Person, call_api, confirmed_person, invited_person
from tests.server import RunningServer

KEYS = {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}


def cognito(server: RunningServer, person: Person, **options: Any) -> Cognito:
    return Cognito(
        server.pool_id,
        options.pop("client_id", server.client_id),
        user_pool_region=server.region,
        username=person.email,
        boto3_client_kwargs={"endpoint_url": server.endpoint, "config": Config(retries={"total_max_attempts": 1})},
        **KEYS,
        **options,
    )


def test_srp_gives_tokens_that_it_verifies_by_the_computed_issuer(server: RunningServer) -> None:
    person = confirmed_person(server)
    client = cognito(server, person)
    client.authenticate(person.password)
    assert client.id_claims["iss"] == server.issuer
    assert client.access_claims["client_id"] == server.client_id
    assert client.get_user().email == person.email
    assert call_api(server.route("/val/foo"), client.access_token).status == 200


def test_an_invited_person_sets_a_new_password(server: RunningServer) -> None:
    person = invited_person(server)
    with pytest.raises(ForceChangePasswordException):
        cognito(server, person).authenticate(person.password)
    client = cognito(server, person)
    client.new_password_challenge(person.password, PASSWORD)
    assert client.id_claims["email"] == person.email
    cognito(server, person).authenticate(PASSWORD)


def test_a_refreshed_token_is_verified_too(server: RunningServer) -> None:
    person = confirmed_person(server)
    client = cognito(server, person)
    client.authenticate(person.password)
    before = client.access_token
    client.renew_access_token()
    assert client.access_token != before


def test_a_logout_ends_the_session(server: RunningServer) -> None:
    person = confirmed_person(server)
    client = cognito(server, person)
    client.authenticate(person.password)
    token = client.access_token
    client.logout()
    assert call_api(server.route("/val/foo"), token).status == 401


def test_a_changed_password(server: RunningServer) -> None:
    person = confirmed_person(server)
    client = cognito(server, person)
    client.authenticate(person.password)
    client.change_password(person.password, "Rainy-Day8")
    cognito(server, person).authenticate("Rainy-Day8")


def test_a_client_with_a_secret(server: RunningServer, admin: Any) -> None:
    flows = ["ALLOW_USER_SRP_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    made = admin.create_user_pool_client(
        UserPoolId=server.pool_id, ClientName="secret", GenerateSecret=True, ExplicitAuthFlows=flows
    )["UserPoolClient"]
    person = confirmed_person(server)
    client = cognito(server, person, client_id=made["ClientId"], client_secret=made["ClientSecret"])
    client.authenticate(person.password)
    assert client.access_claims["client_id"] == made["ClientId"]
    client.admin_authenticate(person.password)
    without = cognito(server, person, client_id=made["ClientId"])
    with pytest.raises(ClientError) as refused:
        without.authenticate(person.password)
    assert refused.value.response["Error"] == {
        "Code": "NotAuthorizedException",
        "Message": f"Client {made['ClientId']} is configured with secret but SECRET_HASH was not received",
    }


def test_a_client_with_a_secret_refreshes(server: RunningServer, admin: Any) -> None:
    flows = ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    made = admin.create_user_pool_client(
        UserPoolId=server.pool_id, ClientName="secret", GenerateSecret=True, ExplicitAuthFlows=flows
    )["UserPoolClient"]
    person = confirmed_person(server)
    # The hash of a refresh is made over the user's own name, which is not the address in such a pool.
    username = admin.admin_get_user(UserPoolId=server.pool_id, Username=person.email)["Username"]
    client = cognito(server, person, client_id=made["ClientId"], client_secret=made["ClientSecret"])
    client.authenticate(person.password)
    client.username = username
    client.renew_access_token()
    assert client.access_claims["username"] == username


def test_the_administrator_s_half(server: RunningServer) -> None:
    person = confirmed_person(server)
    client = cognito(server, person)
    assert client.admin_get_user().email == person.email
    client.admin_disable_user(person.email)
    with pytest.raises(ClientError):
        client.authenticate(person.password)
    client.admin_enable_user(person.email)
    client.authenticate(person.password)
    token = client.access_token
    client.admin_delete_user()
    assert call_api(server.route("/val/foo"), token).status == 401
