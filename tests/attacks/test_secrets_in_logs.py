"""No secret, token, password, code or attribute value in any log line, whatever happens: the log is searched for all.

The server is a process of its own that logs at the lowest level, so libraries' words and tracebacks count too.
"""

import base64
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

from tests.attacks.wire import Reply
from tests.faults.process import ServerProcess, server_process
from tests.faults.traffic import found

PASSWORD = "Sw0rdfish-Perm&nent"
TEMPORARY = "T3mp0rary-Sw0rdfish&"
WRONG = "Wr0ng-Sw0rdfish&"
EMAIL = "very.private.address@example.com"
PHONE = "+15550199887"
SURNAME = "Unmistakeable-Surname"
MASTER_KEY = base64.b64encode(bytes(range(7, 39))).decode()


class Witness:
    """Talks to the server and remembers everything that the log must not say."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.secrets: set[str] = {PASSWORD, TEMPORARY, WRONG, EMAIL, PHONE, SURNAME, MASTER_KEY}

    async def call(self, operation: str, body: Any, *, signed: bool = False) -> Reply:
        reply = await self.server.service.call(operation, body, signed=signed)
        self._remember(reply.json())
        return reply

    async def admin(self, operation: str, **members: Any) -> Any:
        reply = await self.call(operation, members, signed=True)
        assert reply.status == 200, reply
        return reply.json()

    def _remember(self, value: Any) -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                if isinstance(item, str) and name in (
                    *("AccessToken", "IdToken", "RefreshToken", "Session", "ClientSecret", "SECRET_BLOCK", "SRP_B"),
                    *("SALT", "ClientSecretValue", "PaginationToken", "NextToken"),
                ):
                    self.secrets.add(item)
                self._remember(item)
        elif isinstance(value, list):
            for item in value:
                self._remember(item)


async def _live(witness: Witness, pool_id: str, client_id: str) -> dict[str, str]:
    """The whole scenario of a user, with every mistake one can make on the way."""
    attributes = [
        {"Name": "email", "Value": EMAIL},
        {"Name": "phone_number", "Value": PHONE},
        {"Name": "family_name", "Value": SURNAME},
    ]
    create = {
        "Username": "alice",
        "TemporaryPassword": TEMPORARY,
        "UserAttributes": attributes,
        "DesiredDeliveryMediums": ["EMAIL", "SMS"],
    }
    await witness.admin("AdminCreateUser", UserPoolId=pool_id, **create)
    await witness.call("AdminCreateUser", {"UserPoolId": pool_id, **create}, signed=True)
    await witness.admin("AdminGetUser", UserPoolId=pool_id, Username="alice")
    await witness.admin("ListUsers", UserPoolId=pool_id, Filter=f'email = "{EMAIL}"', Limit=1)
    await witness.call("ListUsers", {"UserPoolId": pool_id, "Filter": f"nonsense {SURNAME}"}, signed=True)

    def sign_in(password: str) -> dict[str, Any]:
        parameters = {"USERNAME": "alice", "PASSWORD": password}
        return {"ClientId": client_id, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters}

    await witness.call("InitiateAuth", sign_in(WRONG))
    await witness.call("InitiateAuth", {**sign_in(WRONG), "AuthFlow": "NO_SUCH_FLOW"})
    session = (await witness.call("InitiateAuth", sign_in(TEMPORARY))).json()["Session"]
    answer = {
        "ClientId": client_id,
        "ChallengeName": "NEW_PASSWORD_REQUIRED",
        "Session": session,
        "ChallengeResponses": {"USERNAME": "alice", "NEW_PASSWORD": "short"},
    }
    await witness.call("RespondToAuthChallenge", answer)
    await witness.call("RespondToAuthChallenge", {**answer, "Session": session[:-4] + "AAAA"})
    answer["ChallengeResponses"] = {"USERNAME": "alice", "NEW_PASSWORD": PASSWORD}
    tokens: dict[str, str] = (await witness.call("RespondToAuthChallenge", answer)).json()["AuthenticationResult"]
    await witness.call("RespondToAuthChallenge", answer)
    srp = {"USERNAME": "alice", "SRP_A": "2"}
    started = await witness.call(
        "InitiateAuth", {"ClientId": client_id, "AuthFlow": "USER_SRP_AUTH", "AuthParameters": srp}
    )
    block = started.json()["ChallengeParameters"]["SECRET_BLOCK"]
    proof = {
        "USERNAME": "alice",
        "PASSWORD_CLAIM_SECRET_BLOCK": block,
        "PASSWORD_CLAIM_SIGNATURE": "AAAA",
        "TIMESTAMP": "Tue Mar 4 05:06:07 UTC 2025",
    }
    await witness.call(
        "RespondToAuthChallenge",
        {"ClientId": client_id, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": proof},
    )
    await witness.call("GetUser", {"AccessToken": tokens["AccessToken"]})
    await witness.call("GetUser", {"AccessToken": tokens["IdToken"]})
    await witness.call("GetUser", {"AccessToken": tokens["AccessToken"][:-3] + "AAA"})
    for previous in (WRONG, PASSWORD):
        change = {"AccessToken": tokens["AccessToken"], "PreviousPassword": previous, "ProposedPassword": PASSWORD}
        await witness.call("ChangePassword", change)
    refresh = {"REFRESH_TOKEN": tokens["RefreshToken"]}
    await witness.call(
        "InitiateAuth", {"ClientId": client_id, "AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": refresh}
    )
    await witness.call("ForgotPassword", {"ClientId": client_id, "Username": "alice"})
    await witness.call(
        "ConfirmForgotPassword",
        {"ClientId": client_id, "Username": "alice", "ConfirmationCode": "000000", "Password": PASSWORD},
    )
    await witness.call(
        "SignUp", {"ClientId": client_id, "Username": "bob", "Password": PASSWORD, "UserAttributes": attributes}
    )
    return tokens


async def _misuse(witness: Witness, pool_id: str, tokens: dict[str, str]) -> None:
    """Broken requests that carry secrets, in every place where something could echo them."""
    service, gateway = witness.server.service, witness.server.gateway
    for body in (
        f'{{"ClientId":"x","AuthParameters":{{"PASSWORD":"{PASSWORD}"'.encode(),
        f'{{"ClientId":"{PASSWORD} with blanks","AuthFlow":"USER_PASSWORD_AUTH"}}'.encode(),
        f'["{PASSWORD}"]'.encode(),
        f'{{"AccessToken":["{tokens["AccessToken"]}"]}}'.encode(),
    ):
        await service.call("InitiateAuth", body)
    for door in (service, gateway):
        for path in (f"/v/{PASSWORD}", f"/?password={PASSWORD}", f"/_poolhouse/inbox.json?to={EMAIL}&before=zz", "/x"):
            await door.send("GET", path, {"Authorization": tokens["AccessToken"], "Cookie": f"session={PASSWORD}"})
        await door.raw(f"BREW /{PASSWORD} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await door.raw(f"GET / HTTP/1.1\r\nHost: x\r\nBad Header{PASSWORD}\r\n\r\n".encode())
    await witness.call("AdminUserGlobalSignOut", {"UserPoolId": pool_id, "Username": "alice"}, signed=True)
    await witness.call("GetUser", {"AccessToken": tokens["AccessToken"]})
    inbox = (await service.send("GET", "/_poolhouse/inbox.json")).json()
    witness.secrets.update(str(message["code"]) for message in inbox if message.get("code"))


def assert_silent(log: str, secrets: set[str]) -> None:
    """None of the secrets is in the log, as it is, in part, or encoded."""
    assert '"event": "listening"' in log, "there is a log to search"
    for secret in secrets:
        if len(secret) <= 6:
            assert not re.search(rf"(?<![0-9a-f.-]){re.escape(secret)}(?![0-9a-f.-])", log), "a code"
            continue
        pieces = {secret, secret[-40:], secret[len(secret) // 2 :][:40], json.dumps(secret)[1:-1]}
        pieces.add(base64.b64encode(secret.encode()).decode().rstrip("="))
        for piece in pieces:
            assert piece not in log, f"…{piece[-6:]} is in the log: {log[max(0, log.index(piece) - 300) :][:400]}"


async def test_no_secret_is_in_any_log_line(database_url: str, tmp_path: Path) -> None:
    async with server_process(tmp_path / "served", database_url, POOLHOUSE_MASTER_KEY=MASTER_KEY) as server:
        await server.start()
        witness = Witness(server)
        pool_id, client_id = await found(server.service)
        secret = await witness.admin(
            "CreateUserPoolClient", UserPoolId=pool_id, ClientName="secretive", GenerateSecret=True
        )
        witness._remember(secret)
        tokens = await _live(witness, pool_id, client_id)
        await _misuse(witness, pool_id, tokens)
        assert await server.stop() == 0
        assert len(witness.secrets) >= 15
        assert_silent(server.log, witness.secrets)


async def test_a_crash_is_logged_without_what_it_was_about(tmp_path: Path) -> None:
    """A database that breaks under the server: drivers quote statements and values in their errors."""
    state = tmp_path / "served"
    async with server_process(state, POOLHOUSE_MASTER_KEY=MASTER_KEY) as server:
        await server.start()
        witness = Witness(server)
        pool_id, client_id = await found(server.service)
        with sqlite3.connect(state / "poolhouse.db") as intruder:
            intruder.execute("ALTER TABLE audit RENAME TO gone")
            intruder.execute("ALTER TABLE outbox RENAME TO gone_too")
        create = {"Username": "alice", "TemporaryPassword": TEMPORARY}
        email = [{"Name": "email", "Value": EMAIL}]
        reply = await witness.call(
            "AdminCreateUser", {"UserPoolId": pool_id, **create, "UserAttributes": email}, signed=True
        )
        assert (reply.status, reply.error) == (500, "InternalErrorException")
        inbox = await server.service.send("GET", f"/_poolhouse/inbox.json?to={EMAIL}")
        assert (inbox.status, inbox.error) == (500, "InternalErrorException")
        assert "operation_failed" in server.log
        assert_silent(server.log, witness.secrets)
        del client_id
