"""OpenID Connect clients discover a pool and accept its ID tokens by checks of their own, without authorize."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from authlib.integrations.flask_client import OAuth
from flask import Flask
from joserfc.errors import BadSignatureError, InvalidKeyIdError, MissingClaimError
from pycognito import Cognito

from tests.clients.conftest import OpenClient
from tests.clients.javascript import Chromium, ClientError
from tests.clients.token_endpoint import TokenEndpoint, token_endpoint
from tests.clients.tokens import Issued, altered, issue, refreshed
from tests.server import RunningServer


@pytest.fixture(scope="module")
def endpoint() -> Iterator[TokenEndpoint]:
    with token_endpoint() as running:
        yield running


@pytest.fixture
def relying_party(server: RunningServer, issued: Issued, endpoint: TokenEndpoint) -> dict[str, Any]:
    """What a client is configured with."""
    endpoint.tokens = {}
    return {"issuer": server.issuer, "clientId": issued.client_id, "tokenEndpoint": endpoint.url}


def test_openid_client_discovers(node: OpenClient, server: RunningServer, issued: Issued) -> None:
    metadata = node("oidc").call("discover", server.issuer, issued.client_id)
    assert (metadata["issuer"], metadata["jwks_uri"]) == (server.issuer, server.jwks_url)


def test_openid_client_accepts_an_id_token(
    node: OpenClient, relying_party: dict[str, Any], endpoint: TokenEndpoint, issued: Issued, foreign: Issued
) -> None:
    endpoint.tokens = {"good": issued, "altered": forged(issued), "foreign": foreign}
    client = node("oidc")
    assert client.call("openidClient", {**relying_party, "refreshToken": "good"})["aud"] == issued.client_id
    for wrong in (
        {"refreshToken": "altered"},
        {"refreshToken": "foreign"},
        {"refreshToken": "good", "clientId": "somebody-else"},
    ):
        with pytest.raises(ClientError):
            client.call("openidClient", {**relying_party, **wrong})


def test_auth_js_signs_a_person_in(
    node: OpenClient, relying_party: dict[str, Any], endpoint: TokenEndpoint, issued: Issued, foreign: Issued
) -> None:
    endpoint.tokens = {"good": issued, "foreign": foreign}
    client = node("oidc")
    signed_in = client.call("authJs", {**relying_party, "code": "good"})
    assert signed_in["user"] is not None, signed_in
    assert signed_in["user"]["email"] == issued.person.email
    assert signed_in["authorize"] == f"{relying_party['issuer']}/authorize"
    for wrong in ({"code": "foreign"}, {"code": "good", "clientId": "somebody-else"}):
        refused = client.call("authJs", {**relying_party, **wrong})
        assert refused["user"] is None
        assert "JWT" in refused["complaints"][0], refused


def test_oidc_client_ts_discovers_across_origins(browser: Chromium, server: RunningServer, issued: Issued) -> None:
    found = browser.page("oidc_browser").call("discover", server.issuer, issued.client_id)
    assert found["metadata"]["issuer"] == server.issuer
    assert len(found["keys"]) == 2


def test_oidc_client_ts_accepts_a_renewed_session(
    browser: Chromium, server: RunningServer, endpoint: TokenEndpoint, issued: Issued, foreign: Issued
) -> None:
    endpoint.tokens = {"good": refreshed(server, issued), "foreign": foreign}
    had = {"id": issued.id, "access": issued.access, "tokenEndpoint": endpoint.url}
    options = {"authority": server.issuer, "clientId": issued.client_id, **had}
    page = browser.page("oidc_browser")
    assert page.call("renew", {**options, "refreshToken": "good"})["email"] == issued.person.email
    with pytest.raises(ClientError) as refused:
        page.call("renew", {**options, "refreshToken": "foreign"})
    assert refused.value.message == "sub in id_token does not match current sub"


def test_authlib_s_client_accepts_an_id_token(server: RunningServer, issued: Issued, foreign: Issued) -> None:
    def user(client_id: str, token: Issued) -> Any:
        app = Flask("application")
        app.secret_key = "the application's own"
        discovery = f"{server.issuer}/.well-known/openid-configuration"
        client = OAuth(app).register("pool", client_id=client_id, server_metadata_url=discovery)
        with app.test_request_context():
            return client.parse_id_token({"id_token": token.id, "access_token": token.access}, nonce=None)

    assert user(issued.client_id, issued)["email"] == issued.person.email
    refused: list[tuple[str, Issued, type[Exception]]] = [
        ("somebody-else", issued, MissingClaimError),
        (issued.client_id, forged(issued), BadSignatureError),
        (foreign.client_id, foreign, InvalidKeyIdError),
    ]
    for client_id, token, error in refused:
        with pytest.raises(error):
            user(client_id, token)


@pytest.mark.parametrize(("host", "other"), [("localhost", "127.0.0.1"), ("127.0.0.1", "localhost")])
def test_the_issuer_of_the_asked_host_suits_clients_that_compute_and_that_discover_it(
    node: OpenClient, server: RunningServer, endpoint: TokenEndpoint, follower: Issued, host: str, other: str
) -> None:
    asked, another = (f"http://{name}:{server.recorder.port}" for name in (host, other))
    person = Cognito(
        follower.pool_id,
        follower.client_id,
        user_pool_region=server.region,
        username=follower.person.email,
        boto3_client_kwargs={"endpoint_url": asked},
        access_key="AKIAIOSFODNN7EXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    # pycognito refuses every issuer but that of its endpoint.
    person.authenticate(follower.person.password)
    endpoint.tokens = {"good": replace(follower, id=person.id_token, access=person.access_token)}
    options = {"clientId": follower.client_id, "tokenEndpoint": endpoint.url, "refreshToken": "good"}
    issuer = f"{asked}/{follower.pool_id}"
    client = node("oidc")
    assert client.call("openidClient", {**options, "issuer": issuer})["iss"] == issuer
    with pytest.raises(ClientError):
        client.call("openidClient", {**options, "issuer": f"{another}/{follower.pool_id}"})


@pytest.fixture(scope="module")
def follower(server: RunningServer, admin: Any) -> Issued:
    """A person of a pool whose issuer follows the host that was asked."""
    made = admin.create_user_pool(
        PoolName="asked host", UsernameAttributes=["email"], UserPoolTags={"poolhouse:issuer": "host"}
    )
    return issue(server, made["UserPool"]["Id"])


def forged(issued: Issued) -> Issued:
    return replace(issued, access=altered(issued.access), id=altered(issued.id))
