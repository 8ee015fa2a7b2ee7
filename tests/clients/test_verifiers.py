"""The libraries that back ends check tokens with accept ours, under each form of the issuer."""

import json
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from jose import jwt as jose_jwt
from jose.exceptions import JOSEError
from joserfc import jwk
from joserfc import jwt as joserfc_jwt
from joserfc.errors import JoseError

from tests.clients.conftest import OpenClient
from tests.clients.javascript import ClientError, JavaScriptClient, NodeProcess
from tests.clients.tokens import Issued, altered, issue
from tests.server import PYTHON_ONLY, RunningServer, running_server


def test_jose_fetches_the_keys_and_accepts(
    node: OpenClient, server: RunningServer, issued: Issued, foreign: Issued
) -> None:
    expected = {"issuer": server.issuer, "jwksUrl": server.jwks_url}
    client = node("verifiers")
    claims = client.call("jose", issued.id, {**expected, "audience": issued.client_id})
    assert (claims["token_use"], claims["aud"]) == ("id", issued.client_id)
    assert client.call("jose", issued.access, expected)["token_use"] == "access"
    misdirected = refusal(client, "jose", issued.id, {**expected, "audience": "somebody-else"})
    assert misdirected.code == "ERR_JWT_CLAIM_VALIDATION_FAILED"
    assert refusal(client, "jose", altered(issued.access), expected).code == "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
    assert refusal(client, "jose", foreign.access, expected).code == "ERR_JWKS_NO_MATCHING_KEY"


def test_jwks_rsa_finds_the_key_and_jsonwebtoken_accepts(
    node: OpenClient, server: RunningServer, issued: Issued, foreign: Issued
) -> None:
    options = {"issuer": server.issuer, "jwksUri": server.jwks_url}
    client = node("verifiers")
    for_client = {**options, "audience": issued.client_id}
    assert client.call("jsonwebtoken", issued.id, for_client)["token_use"] == "id"
    assert client.call("jsonwebtoken", issued.access, options)["client_id"] == issued.client_id
    assert refusal(client, "jsonwebtoken", altered(issued.access), options).message == "invalid signature"
    wrong_audience = refusal(client, "jsonwebtoken", issued.id, {**options, "audience": "somebody-else"})
    assert wrong_audience.message == "jwt audience invalid. expected: somebody-else"
    unknown_key = refusal(client, "jsonwebtoken", foreign.access, options)
    assert "Unable to find a signing key that matches" in unknown_key.message


def refusal(client: JavaScriptClient, name: str, *args: Any) -> ClientError:
    with pytest.raises(ClientError) as refused:
        client.call(name, *args)
    return refused.value


def test_pyjwt_fetches_the_keys_and_accepts(server: RunningServer, issued: Issued, foreign: Issued) -> None:
    keys = jwt.PyJWKClient(server.jwks_url)
    key = keys.get_signing_key_from_jwt(issued.id)
    claims = jwt.decode(issued.id, key, algorithms=["RS256"], audience=issued.client_id, issuer=server.issuer)
    assert claims["token_use"] == "id"
    assert keys.get_signing_key_from_jwt(issued.access).key_id != key.key_id
    for token, audience in ((issued.id, "somebody-else"), (altered(issued.id), issued.client_id)):
        with pytest.raises(jwt.InvalidTokenError):
            jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=server.issuer)
    with pytest.raises(jwt.PyJWKClientError, match="Unable to find a signing key"):
        keys.get_signing_key_from_jwt(foreign.id)


def test_joserfc_accepts(server: RunningServer, issued: Issued, foreign: Issued) -> None:
    keys = jwk.KeySet.import_key_set(json.loads(fetched(server.jwks_url)))
    token = joserfc_jwt.decode(issued.access, keys, algorithms=["RS256"])
    joserfc_jwt.JWTClaimsRegistry(iss={"essential": True, "value": server.issuer}).validate(token.claims)
    for wrong in (altered(issued.access), foreign.access):
        with pytest.raises(JoseError):
            joserfc_jwt.decode(wrong, keys, algorithms=["RS256"])


def test_python_jose_accepts(server: RunningServer, issued: Issued) -> None:
    keys = json.loads(fetched(server.jwks_url))
    options: dict[str, Any] = {"algorithms": ["RS256"], "issuer": server.issuer}
    # The access token is for the at_hash, where a token has one.
    claims = jose_jwt.decode(issued.id, keys, audience=issued.client_id, access_token=issued.access, **options)
    assert claims["token_use"] == "id"
    assert jose_jwt.decode(issued.access, keys, **options)["client_id"] == issued.client_id
    for token, audience in ((issued.id, "somebody-else"), (altered(issued.id), issued.client_id)):
        with pytest.raises(JOSEError):
            jose_jwt.decode(token, keys, audience=audience, **options)


def test_authlib_accepts(server: RunningServer, issued: Issued, foreign: Issued) -> None:
    # Deprecated by its authors in favour of joserfc, and still what many back ends have.
    with warnings.catch_warnings(record=True):
        from authlib.jose import JsonWebKey
        from authlib.jose import jwt as authlib_jwt
        from authlib.jose.errors import JoseError as AuthlibError

    keys = JsonWebKey.import_key_set(json.loads(fetched(server.jwks_url)))

    def check(token: str, audience: str) -> Any:
        wanted = {"iss": {"essential": True, "value": server.issuer}, "aud": {"essential": True, "value": audience}}
        claims = authlib_jwt.decode(token, keys, claims_options=wanted)
        claims.validate()
        return claims

    assert check(issued.id, issued.client_id)["token_use"] == "id"
    assert authlib_jwt.decode(issued.access, keys)["token_use"] == "access"
    for token, audience in ((issued.id, "somebody-else"), (altered(issued.id), issued.client_id)):
        with pytest.raises(AuthlibError):
            check(token, audience)
    with pytest.raises(ValueError, match="Key not found"):
        check(foreign.id, foreign.client_id)


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: bytes = answer.read()
        return text


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
        node("oidc").call("discover", secure.issuer, secure.client_id)
    assert "fetch failed" in refused.value.message or "CERT" in str(refused.value)
