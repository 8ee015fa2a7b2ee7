"""People for the journeys: made by an administrator with boto3, each with an address of their own.

Also the administrator's boto3 client and a bare call of a guarded API. Knows no client under test.
"""

import re
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from tests.server import RunningServer

PASSWORD = "Sunny-Day7"
TEMPORARY_PASSWORD = "Tempo-rary1"
_INVITATION = re.compile(r"Your username is (?P<username>\S+) and temporary password is (?P<password>\S+)\.$")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in."""

    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a guarded API said. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: str


def administrator(server: RunningServer) -> Any:
    """boto3, signed as development takes it: with any keys."""
    return boto3.client(
        "cognito-idp",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        verify=str(server.authority) if server.authority else None,
        config=Config(retries={"total_max_attempts": 1}),
    )


def anonymous(server: RunningServer) -> Any:
    """boto3 without any keys: what an application has."""
    return boto3.client(
        "cognito-idp",
        endpoint_url=server.endpoint,
        region_name=server.region,
        verify=str(server.authority) if server.authority else None,
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
    )


def new_address() -> str:
    """An address that nobody has had."""
    return f"person-{secrets.token_hex(6)}@example.com"


def confirmed_person(server: RunningServer, *, pool_id: str | None = None, name: str | None = None) -> Person:
    """Somebody with a password of their own."""
    admin = administrator(server)
    person = Person(name or new_address(), PASSWORD)
    pool = pool_id or server.pool_id
    email = person.email if "@" in person.email else new_address()
    attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
    admin.admin_create_user(UserPoolId=pool, Username=person.email, UserAttributes=attributes, MessageAction="SUPPRESS")
    admin.admin_set_user_password(UserPoolId=pool, Username=person.email, Password=person.password, Permanent=True)
    return person


def invited_person(server: RunningServer) -> Person:
    """Somebody who has only the temporary password of their invitation."""
    email = new_address()
    administrator(server).admin_create_user(
        UserPoolId=server.pool_id,
        Username=email,
        UserAttributes=[{"Name": "email", "Value": email}],
        DesiredDeliveryMediums=["EMAIL"],
    )
    return Person(email, invitation_password(server, email))


def invitation_password(server: RunningServer, email: str) -> str:
    """The temporary password in the newest invitation to an address."""
    newest = server.inbox(email)[0]
    found = _INVITATION.search(newest.body.strip())
    assert found is not None, newest
    return found["password"]


def password_client(server: RunningServer, pool_id: str | None = None) -> str:
    """The id of a new client of the pool that may sign in by plain password too."""
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH"]
    created = administrator(server).create_user_pool_client(
        UserPoolId=pool_id or server.pool_id,
        ClientName="passwords",
        ExplicitAuthFlows=[*flows, "ALLOW_REFRESH_TOKEN_AUTH"],
    )
    client_id: str = created["UserPoolClient"]["ClientId"]
    return client_id


def call_api(url: str, token: str | None = None) -> Answer:
    """GET a URL of the gateway with a token in the Authorization header."""
    request = urllib.request.Request(url, headers={"Authorization": token} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return Answer(answer.status, _lower(answer.headers.items()), answer.read().decode())
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(refused.code, _lower(refused.headers.items()), refused.read().decode())


def _lower(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}
