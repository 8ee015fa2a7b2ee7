"""Clients that have AWS's host name built in work unchanged where a server answers for it (contract/clients.md, 9)."""

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.clients.aws_host import AWS_HOST, Detour, certificate_for_aws_host, detour
from tests.clients.javascript import Chromium, ClientError, JavaScriptClient, NodeProcess, chromium
from tests.clients.people import Person, administrator
from tests.clients.tokens import Issued, altered, claims_of, issue
from tests.server import PYTHON_ONLY, ROOT, Certificate, RunningServer, running_server

KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}


@dataclass(frozen=True, slots=True)
class AwsHost:
    """A server that answers for AWS's name, and the example's pool and another, whose tokens have AWS's issuer."""

    server: RunningServer
    certificate: Certificate
    detour: Detour
    issued: Issued
    foreign: Issued

    @property
    def pool(self) -> dict[str, str]:
        """All that a client's configuration at AWS names."""
        return {"region": self.server.region, "pool_id": self.issued.pool_id, "client_id": self.issued.client_id}

    @property
    def issuer(self) -> str:
        """The issuer of the pool's tokens."""
        return f"https://{AWS_HOST}/{self.issued.pool_id}"

    @property
    def environment(self) -> dict[str, str]:
        """The proxy, and the authority to trust, by the variables of the runtimes and libraries."""
        authority = str(self.certificate.authority)
        trust = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
        return {"HTTPS_PROXY": self.detour.url, **dict.fromkeys(trust, authority)}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsHost]:
    folder = tmp_path_factory.mktemp("aws-host")
    certificate = certificate_for_aws_host(folder / "certificate")
    with (
        running_server(
            folder / "state", options=PYTHON_ONLY, certificate=certificate, environment={"POOLHOUSE_ISSUER": "aws"}
        ) as server,
        detour(server.recorder.port) as led,
    ):
        made = administrator(server).create_user_pool(PoolName="another", UsernameAttributes=["email"])
        foreign = issue(server, made["UserPool"]["Id"])
        yield AwsHost(server, certificate, led, issue(server, server.pool_id), foreign)


@pytest.fixture
def node(aws: AwsHost, tmp_path: Path) -> Iterator[JavaScriptClient]:
    with NodeProcess("aws_host", tmp_path / "aws_host.log", aws.environment) as client:
        yield client


@pytest.fixture(scope="module")
def browser(aws: AwsHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A Chromium for which AWS's name is this server's, and its key a trusted one."""
    leaf = x509.load_pem_x509_certificate(aws.certificate.chain.read_bytes())
    key = hashlib.sha256(leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    flags = (
        f"--host-resolver-rules=MAP {AWS_HOST}:443 127.0.0.1:{aws.server.recorder.port}",
        f"--ignore-certificate-errors-spki-list={base64.b64encode(key).decode()}",
    )
    with chromium(tmp_path_factory.mktemp("chromium"), flags) as running:
        yield running


def run_program(aws: AwsHost, name: str, home: Path, **arguments: Any) -> Any:
    """Run a program for AWS with the proxy and the trust; what it answers."""
    before = len(aws.detour.asked)
    ended = subprocess.run(
        [sys.executable, "-m", "tests.clients.aws_host_programs", name],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(home), **KEYS, **aws.environment},
        input=json.dumps({**aws.pool, **arguments}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert set(aws.detour.asked[before:]) == {f"{AWS_HOST}:443"}
    return json.loads(ended.stdout)


def test_flask_cognito_lib_guards_a_flask_application(aws: AwsHost, tmp_path: Path) -> None:
    issued, foreign = aws.issued, aws.foreign
    answers = run_program(
        aws,
        "flask_cognito_lib",
        tmp_path,
        access=[issued.access, altered(issued.access), foreign.access, issued.id],
        ids=[issued.id, altered(issued.id), foreign.id, issued.access],
    )
    assert answers["access"][0] == [200, "yours"]
    assert answers["ids"][0] == [200, issued.person.email]
    assert {status for status, _ in answers["access"][1:] + answers["ids"][1:]} == {401}


def test_flask_cognito_lib_refuses_another_client_s_tokens(aws: AwsHost, tmp_path: Path) -> None:
    tokens = {"access": [aws.issued.access], "ids": [aws.issued.id]}
    answers = run_program(aws, "flask_cognito_lib", tmp_path, **{**tokens, "client_id": "somebody-else"})
    assert answers == {"access": [[401, "AuthorisationRequiredError"]], "ids": [[401, "TokenVerifyError"]]}


def test_cognito_express_guards_an_express_application(aws: AwsHost, node: JavaScriptClient) -> None:
    pool = {"region": aws.server.region, "cognitoUserPoolId": aws.issued.pool_id}
    for use, token, other in (
        ("access", aws.issued.access, aws.issued.id),
        ("id", aws.issued.id, aws.issued.access),
    ):
        foreign = aws.foreign.access if use == "access" else aws.foreign.id
        answers = node.call("cognitoExpress", [token, altered(token), other, foreign], {**pool, "tokenUse": use})
        assert answers[0][0] == 200, answers
        assert answers[1:] == [
            [401, "invalid signature"],
            [401, f"Not an {use} token"],
            [401, "token is not from your User Pool"],
        ]


def test_cognito_jwt_verifier_finds_the_keys_by_itself(aws: AwsHost, node: JavaScriptClient) -> None:
    pool = {"userPoolId": aws.issued.pool_id, "clientId": aws.issued.client_id}
    before = len(aws.detour.asked)
    for token, use in ((aws.issued.id, "id"), (aws.issued.access, "access")):
        assert node.call("cognitoJwtVerifier", token, {**pool, "tokenUse": use})["iss"] == aws.issuer
    assert set(aws.detour.asked[before:]) == {f"{AWS_HOST}:443"}
    refused = [
        (aws.issued.id, {"clientId": "somebody-else"}, "CognitoJwtInvalidClientIdError"),
        (altered(aws.issued.id), {}, "JwtInvalidSignatureError"),
        (aws.foreign.id, {}, "ParameterValidationError"),
    ]
    for token, other, error in refused:
        with pytest.raises(ClientError) as refusal:
            node.call("cognitoJwtVerifier", token, {**pool, "tokenUse": "id", **other})
        assert refusal.value.name == error


def test_cognitojwt_finds_the_keys_by_itself(aws: AwsHost, tmp_path: Path) -> None:
    tokens = [aws.issued.id, aws.issued.access, altered(aws.issued.id), aws.foreign.id]
    assert run_program(aws, "cognitojwt", tmp_path, tokens=tokens) == [
        "id",
        "access",
        "Signature verification failed",
        "Public key not found in jwks.json",
    ]


def test_pycognito_without_an_endpoint_signs_in_and_verifies(aws: AwsHost, tmp_path: Path) -> None:
    answer = run_program(aws, "pycognito", tmp_path, **credentials(aws.issued.person))
    assert answer == {"iss": aws.issuer, "email": aws.issued.person.email}


def test_boto3_without_an_endpoint_signs_in_and_administers(aws: AwsHost, tmp_path: Path) -> None:
    answer = run_program(aws, "boto3", tmp_path, **credentials(aws.issued.person))
    assert answer["mine"] == answer["looked_up"]


def credentials(person: Person) -> dict[str, str]:
    return {"username": person.email, "password": person.password}


def test_amplify_6_without_an_endpoint_signs_in(aws: AwsHost, browser: Chromium) -> None:
    page = browser.page("amplify6")
    page.call("configure", {"userPoolId": aws.issued.pool_id, "userPoolClientId": aws.issued.client_id})
    assert page.call("signIn", aws.issued.person.email, aws.issued.person.password)["isSignedIn"]
    assert page.call("attributes")["email"] == aws.issued.person.email
    tokens = page.call("tokens")
    assert claims_of(tokens["id"])["iss"] == aws.issuer
    # The API that the example guards knows the issuer for its own, and the session's end.
    assert page.call("callApi", aws.server.route("/val/foo"), tokens["id"])["status"] == 200
    page.call("signOut", {"global": False})
    assert page.call("callApi", aws.server.route("/val/foo"), tokens["id"])["status"] == 401


def test_amplify_5_without_an_endpoint_signs_in(aws: AwsHost, browser: Chromium) -> None:
    page = browser.page("amplify5")
    page.call("configure", {"userPoolId": aws.issued.pool_id, "userPoolWebClientId": aws.issued.client_id})
    page.call("signIn", aws.issued.person.email, aws.issued.person.password)
    assert page.call("attributes")["email"] == aws.issued.person.email
    assert claims_of(page.call("tokens")["id"])["iss"] == aws.issuer


def test_identity_js_without_an_endpoint_signs_in(aws: AwsHost, browser: Chromium) -> None:
    page = browser.page("identity_js")
    page.call("configure", {"userPoolId": aws.issued.pool_id, "clientId": aws.issued.client_id})
    tokens = page.call("signIn", aws.issued.person.email, aws.issued.person.password)["tokens"]
    assert page.call("attributes")["email"] == aws.issued.person.email
    assert claims_of(tokens["id"])["iss"] == aws.issuer


def test_a_pool_is_discovered_under_the_issuer_of_aws(aws: AwsHost, browser: Chromium) -> None:
    found = browser.page("oidc_browser").call("discover", aws.issuer, aws.issued.client_id)
    assert (found["metadata"]["issuer"], found["metadata"]["jwks_uri"]) == (
        aws.issuer,
        f"{aws.issuer}/.well-known/jwks.json",
    )
    assert len(found["keys"]) == 2
