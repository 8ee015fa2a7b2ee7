"""Tokens of sign-ins, for the libraries that check them, and what none of them may accept.

Knows no library under test.
"""

import base64
import json
from dataclasses import dataclass, replace
from typing import Any

from tests.clients.people import Person, anonymous, confirmed_person, password_client
from tests.server import RunningServer


@dataclass(frozen=True, slots=True)
class Issued:
    """The tokens of a sign-in and where they belong."""

    person: Person
    pool_id: str
    client_id: str
    access: str
    id: str
    refresh: str


def issue(server: RunningServer, pool_id: str) -> Issued:
    """The tokens of a new person of the pool, for a new client of it."""
    person = confirmed_person(server, pool_id=pool_id)
    client_id = password_client(server, pool_id)
    tokens = anonymous(server).initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH",
        ClientId=client_id,
        AuthParameters={"USERNAME": person.email, "PASSWORD": person.password},
    )["AuthenticationResult"]
    return Issued(person, pool_id, client_id, tokens["AccessToken"], tokens["IdToken"], tokens["RefreshToken"])


def refreshed(server: RunningServer, issued: Issued) -> Issued:
    """The tokens of a refresh of that session."""
    tokens = anonymous(server).initiate_auth(
        AuthFlow="REFRESH_TOKEN_AUTH", ClientId=issued.client_id, AuthParameters={"REFRESH_TOKEN": issued.refresh}
    )["AuthenticationResult"]
    return replace(issued, access=tokens["AccessToken"], id=tokens["IdToken"])


def altered(token: str) -> str:
    """The token with another claim, and the signature that it had."""
    header, _, signature = token.split(".")
    forged = json.dumps({**claims_of(token), "cognito:groups": ["administrators"]}).encode()
    return ".".join((header, base64.urlsafe_b64encode(forged).rstrip(b"=").decode(), signature))


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token, unchecked."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
