"""The AWS command line: an administrator with keys, and a person with neither keys nor configuration."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients.people import PASSWORD, confirmed_person, invitation_password, new_address, password_client
from tests.server import RunningServer

AWS = Path(sys.executable).with_name("aws")
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}


class CommandFailed(Exception):
    """The command ended with an error; the text is what it wrote."""


class CommandLine:
    """`aws cognito-idp` against a server."""

    def __init__(self, server: RunningServer, home: Path, keys: dict[str, str]) -> None:
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_DEFAULT_REGION": server.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            **keys,
        }

    def __call__(self, operation: str, *arguments: str) -> Any:
        done = subprocess.run(
            [str(AWS), "cognito-idp", operation, *arguments, "--output", "json"],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise CommandFailed(done.stderr.strip())
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture
def aws(server: RunningServer, tmp_path: Path) -> CommandLine:
    return CommandLine(server, tmp_path, KEYS)


def test_create_invite_and_sign_in(server: RunningServer, aws: CommandLine, tmp_path: Path) -> None:
    email = new_address()
    where = ("--user-pool-id", server.pool_id, "--username", email)
    made = aws(
        *("admin-create-user", *where, "--user-attributes", f"Name=email,Value={email}"),
        *("--desired-delivery-mediums", "EMAIL"),
    )
    assert made["User"]["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    temporary = invitation_password(server, email)
    client = ("--client-id", password_client(server))
    # The person's half works with an empty home and no keys.
    person = CommandLine(server, tmp_path, {})
    secret = json.dumps({"USERNAME": email, "PASSWORD": temporary})
    asked = person("initiate-auth", *client, "--auth-flow", "USER_PASSWORD_AUTH", "--auth-parameters", secret)
    answers = json.dumps({"USERNAME": email, "NEW_PASSWORD": PASSWORD})
    tokens = person(
        *("respond-to-auth-challenge", *client, "--challenge-name", asked["ChallengeName"]),
        *("--session", asked["Session"], "--challenge-responses", answers),
    )["AuthenticationResult"]
    read = person("get-user", "--access-token", tokens["AccessToken"])
    assert {"Name": "email", "Value": email} in read["UserAttributes"]
    person("global-sign-out", "--access-token", tokens["AccessToken"])
    with pytest.raises(CommandFailed, match=r"NotAuthorizedException.*Access Token has been revoked"):
        person("get-user", "--access-token", tokens["AccessToken"])


def test_errors_read_as_those_of_the_service(server: RunningServer, aws: CommandLine) -> None:
    person = confirmed_person(server)
    where = ("--user-pool-id", server.pool_id, "--username", person.email)
    with pytest.raises(CommandFailed, match=r"\(UsernameExistsException\) when calling the AdminCreateUser operation"):
        aws("admin-create-user", *where)
    with pytest.raises(CommandFailed, match=r"\(ResourceNotFoundException\).*User pool eu-west-1_missing00 does not"):
        aws("describe-user-pool", "--user-pool-id", "eu-west-1_missing00")


def test_list_users_pages_by_itself(server: RunningServer, aws: CommandLine) -> None:
    person = confirmed_person(server)
    pool = ("--user-pool-id", server.pool_id)
    everybody = aws("list-users", *pool, "--page-size", "2")["Users"]
    assert any({"Name": "email", "Value": person.email} in user["Attributes"] for user in everybody)
    found = aws("list-users", *pool, "--filter", f'email = "{person.email}"')["Users"]
    assert len(found) == 1


def test_pools_and_clients(aws: CommandLine) -> None:
    pool = ("--user-pool-id", aws("create-user-pool", "--pool-name", "cli")["UserPool"]["Id"])
    made = aws("create-user-pool-client", *pool, "--client-name", "web", "--generate-secret")["UserPoolClient"]
    assert made["ClientSecret"]
    aws("delete-user-pool-client", *pool, "--client-id", made["ClientId"])
    aws("delete-user-pool", *pool)
