"""The libraries that back ends check tokens with accept ours, under each form of the issuer."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
from joserfc import jwk
from joserfc import jwt as joserfc_jwt

from tests.clients.conftest import OpenClient
from tests.clients.javascript import ClientError, JavaScriptClient, NodeProcess
from tests.clients.people import anonymous, confirmed_person, password_client
from tests.server import PYTHON_ONLY, RunningServer, running_server


@dataclass(frozen=True, slots=True)
class Issued:
    """The tokens of a sign-in and where they belong."""

    client_id: str
    access: str
    id: str


@pytest.fixture(scope="module")
def issued(server: RunningServer) -> Issued:
    return issue(server, server.pool_id)


def issue(server: RunningServer, pool_id: str) -> Issued:
    person = confirmed_person(server, pool_id=pool_id)
    client_id = password_client(server, pool_id)
    tokens = anonymous(server).initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH",
        ClientId=client_id,
        AuthParameters={"USERNAME": person.email, "PASSWORD": person.password},
    )["AuthenticationResult"]
    return Issued(client_id, tokens["AccessToken"], tokens["IdToken"])


def test_jose_fetches_the_keys_and_accepts(node: OpenClient, server: RunningServer, issued: Issued) -> None:
    expected = {"issuer": server.issuer, "jwksUrl": server.jwks_url}
    client = node("verifiers")
    claims = client.call("jose", issued.id, {**expected, "audience": issued.client_id})
    assert (claims["token_use"], claims["aud"]) == ("id", issued.client_id)
    assert client.call("jose", issued.access, expected)["token_use"] == "access"
    with pytest.raises(ClientError) as refused:
        client.call("jose", issued.id, {**expected, "audience": "somebody-else"})
    assert refused.value.code == "ERR_JWT_CLAIM_VALIDATION_FAILED"


def test_openid_client_discovers(node: OpenClient, server: RunningServer, issued: Issued) -> None:
    metadata = node("verifiers").call("discover", server.issuer, issued.client_id)
    assert (metadata["issuer"], metadata["jwks_uri"]) == (server.issuer, server.jwks_url)


def test_pyjwt_fetches_the_keys_and_accepts(server: RunningServer, issued: Issued) -> None:
    keys = jwt.PyJWKClient(server.jwks_url)
    key = keys.get_signing_key_from_jwt(issued.id)
    claims = jwt.decode(issued.id, key, algorithms=["RS256"], audience=issued.client_id, issuer=server.issuer)
    assert claims["token_use"] == "id"
    assert keys.get_signing_key_from_jwt(issued.access).key_id != key.key_id


def test_joserfc_accepts(server: RunningServer, issued: Issued) -> None:
    with urllib.request.urlopen(server.jwks_url, timeout=10) as answer:
        keys = jwk.KeySet.import_key_set(json.load(answer))
    token = joserfc_jwt.decode(issued.access, keys, algorithms=["RS256"])
    joserfc_jwt.JWTClaimsRegistry(iss={"essential": True, "value": server.issuer}).validate(token.claims)


def test_cognito_jwt_verifier_accepts_the_issuer_of_aws(node: OpenClient, server: RunningServer, admin: Any) -> None:
    pool_id = admin.create_user_pool(
        PoolName="aws issuer", UsernameAttributes=["email"], UserPoolTags={"poolhouse:issuer": "aws"}
    )["UserPool"]["Id"]
    issued = issue(server, pool_id)
    jwks_url = f"{server.endpoint}/{pool_id}/.well-known/jwks.json"
    for token, use in ((issued.id, "id"), (issued.access, "access")):
        options = {"userPoolId": pool_id, "clientId": issued.client_id, "tokenUse": use, "jwksUrl": jwks_url}
        claims = node("verifiers").call("cognitoJwtVerifier", token, options)
        assert claims["iss"] == f"https://cognito-idp.{server.region}.amazonaws.com/{pool_id}"


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The same over TLS."""
    with running_server(tmp_path_factory.mktemp("secure") / "state", options=(*PYTHON_ONLY, "--tls")) as running:
        yield running


@pytest.fixture
def trusting(secure: RunningServer, tmp_path: Path) -> Iterator[JavaScriptClient]:
    """The verifiers in a Node.js that trusts the development authority."""
    environment = {"NODE_EXTRA_CA_CERTS": str(secure.authority)}
    with NodeProcess("verifiers", tmp_path / "verifiers.log", environment) as client:
        yield client


def test_aws_jwt_verify_fetches_the_keys_over_tls_and_accepts(
    secure: RunningServer, trusting: JavaScriptClient
) -> None:
    issued = issue(secure, secure.pool_id)
    options = {"issuer": secure.issuer, "jwksUri": secure.jwks_url, "clientId": issued.client_id}
    assert trusting.call("awsJwtVerifier", issued.id, options)["iss"] == secure.issuer
    with pytest.raises(ClientError) as refused:
        trusting.call("awsJwtVerifier", issued.id, {**options, "clientId": "somebody-else"})
    assert refused.value.name == "JwtInvalidAudienceError"


def test_a_client_that_does_not_know_the_development_authority_refuses_to_connect(
    node: OpenClient, secure: RunningServer
) -> None:
    with pytest.raises(ClientError) as refused:
        node("verifiers").call("discover", secure.issuer, secure.client_id)
    assert "fetch failed" in refused.value.message or "CERT" in str(refused.value)
