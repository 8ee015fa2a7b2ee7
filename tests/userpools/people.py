"""Pools, clients and users for tests, made by the operations themselves; and an SRP client that is not ours."""

import base64
import hmac
import json
from typing import Any

from pycognito.aws_srp import AWSSRP

from poolhouse.model.cognito_idp_model import (
    AdminCreateUserRequest,
    AdminSetUserPasswordRequest,
    AttributeType,
    AuthenticationResultType,
    CreateUserPoolClientRequest,
    CreateUserPoolRequest,
    InitiateAuthRequest,
    InitiateAuthResponse,
    PasswordPolicyType,
    RespondToAuthChallengeRequest,
    RespondToAuthChallengeResponse,
    UsernameConfigurationType,
    UserPoolPolicyType,
)
from poolhouse.userpools.operations.admin_create_user import admin_create_user
from poolhouse.userpools.operations.admin_users import admin_set_user_password
from poolhouse.userpools.operations.clients import create_user_pool_client
from poolhouse.userpools.operations.pools import create_user_pool
from poolhouse.userpools.operations.sign_in import initiate_auth, respond_to_auth_challenge
from poolhouse.userpools.srp import format_timestamp
from tests.house import House

PASSWORD = "Tr0ub4dor&3-Aa"
TEMPORARY = "7uJ,q9"
FLOWS = [
    "ALLOW_USER_SRP_AUTH",
    "ALLOW_USER_PASSWORD_AUTH",
    "ALLOW_ADMIN_USER_PASSWORD_AUTH",
    "ALLOW_REFRESH_TOKEN_AUTH",
]


class Estate:
    """One pool with one client, and short words for what tests do with it."""

    def __init__(self, house: House, pool_id: str, client_id: str, secret: str | None) -> None:
        self.house = house
        self.pool_id = pool_id
        self.client_id = client_id
        self.secret = secret

    async def invite(self, username: str, temporary: str = TEMPORARY, **attributes: str) -> str:
        """Create a user with a temporary password; returns the sub."""
        created = await admin_create_user(
            self.house.call(),
            AdminCreateUserRequest(
                user_pool_id=self.pool_id,
                username=username,
                temporary_password=temporary,
                user_attributes=[AttributeType(name=name, value=value) for name, value in attributes.items()],
                desired_delivery_mediums=["EMAIL"],
            ),
        )
        assert created.user is not None
        assert created.user.attributes is not None
        assert created.user.attributes[0].value is not None
        return created.user.attributes[0].value

    async def confirmed(self, username: str, password: str = PASSWORD, **attributes: str) -> str:
        """Create a user with a permanent password; returns the sub."""
        sub = await self.invite(username, **attributes)
        await admin_set_user_password(
            self.house.call(),
            AdminSetUserPasswordRequest(
                user_pool_id=self.pool_id, username=username, password=password, permanent=True
            ),
        )
        return sub

    async def initiate(self, flow: str, **parameters: str) -> InitiateAuthResponse:
        return await initiate_auth(
            self.house.call(None),
            InitiateAuthRequest(client_id=self.client_id, auth_flow=flow, auth_parameters=parameters),  # type: ignore[arg-type]
        )

    async def respond(
        self, challenge: str, session: str | None = None, **responses: str
    ) -> RespondToAuthChallengeResponse:
        return await respond_to_auth_challenge(
            self.house.call(None),
            RespondToAuthChallengeRequest(
                client_id=self.client_id,
                challenge_name=challenge,  # type: ignore[arg-type]
                session=session,
                challenge_responses=responses,
            ),
        )

    async def password_sign_in(self, username: str, password: str = PASSWORD) -> AuthenticationResultType:
        answer = await self.initiate("USER_PASSWORD_AUTH", USERNAME=username, PASSWORD=password)
        assert answer.authentication_result is not None
        return answer.authentication_result

    def srp(self, username: str, password: str = PASSWORD) -> "SrpClient":
        return SrpClient(self, username, password)


class SrpClient:
    """pycognito's arithmetic on one sign-in."""

    def __init__(self, estate: Estate, username: str, password: str) -> None:
        self.estate = estate
        self.username = username
        # It insists on a boto3 client at construction but uses it for calls only, which the test makes itself.
        self._math = AWSSRP(
            username=username,
            password=password,
            pool_id=estate.pool_id,
            client_id=estate.client_id,
            client=object(),
        )

    @property
    def srp_a(self) -> str:
        return format(self._math.large_a_value, "x")

    async def start(self) -> dict[str, str]:
        """The challenge's parameters."""
        answer = await self.estate.initiate("USER_SRP_AUTH", USERNAME=self.username, SRP_A=self.srp_a)
        assert answer.challenge_name == "PASSWORD_VERIFIER"
        assert answer.challenge_parameters is not None
        return answer.challenge_parameters

    def responses(self, challenge: dict[str, str], timestamp: str | None = None) -> dict[str, str]:
        """The proof, for the test's own clock."""
        stamp = timestamp or format_timestamp(self.estate.house.clock())
        math: Any = self._math
        key = math.get_password_authentication_key(
            challenge["USER_ID_FOR_SRP"],
            math.password,
            int(challenge["SRP_B"], 16),
            challenge["SALT"],
        )
        message = (
            self.estate.pool_id.split("_")[1].encode()
            + challenge["USER_ID_FOR_SRP"].encode()
            + base64.b64decode(challenge["SECRET_BLOCK"])
            + stamp.encode()
        )
        signature = base64.b64encode(hmac.digest(key, message, "sha256")).decode()
        return {
            "USERNAME": challenge["USERNAME"],
            "PASSWORD_CLAIM_SECRET_BLOCK": challenge["SECRET_BLOCK"],
            "PASSWORD_CLAIM_SIGNATURE": signature,
            "TIMESTAMP": stamp,
        }

    async def sign_in(self) -> RespondToAuthChallengeResponse:
        return await self.estate.respond("PASSWORD_VERIFIER", **self.responses(await self.start()))


async def open_estate(
    house: House,
    *,
    username_attributes: list[str] | None = None,
    alias_attributes: list[str] | None = None,
    case_sensitive: bool = False,
    hides_existence: bool = False,
    with_secret: bool = False,
    flows: list[str] | None = None,
    **client_settings: Any,
) -> Estate:
    """A pool and a client with the settings that a test is about."""
    pool = await create_user_pool(
        house.call(),
        CreateUserPoolRequest(
            pool_name="people",
            username_attributes=username_attributes,  # type: ignore[arg-type]
            alias_attributes=alias_attributes,  # type: ignore[arg-type]
            username_configuration=UsernameConfigurationType(case_sensitive=case_sensitive),
            policies=UserPoolPolicyType(
                password_policy=PasswordPolicyType(
                    minimum_length=6,
                    require_uppercase=True,
                    require_lowercase=True,
                    require_numbers=True,
                    require_symbols=True,
                    temporary_password_validity_days=15,
                )
            ),
        ),
    )
    assert pool.user_pool is not None
    assert pool.user_pool.id is not None
    client = await create_user_pool_client(
        house.call(),
        CreateUserPoolClientRequest(
            user_pool_id=pool.user_pool.id,
            client_name="app",
            explicit_auth_flows=flows or FLOWS,  # type: ignore[arg-type]
            prevent_user_existence_errors="ENABLED" if hides_existence else None,
            generate_secret=with_secret,
            **client_settings,
        ),
    )
    assert client.user_pool_client is not None
    assert client.user_pool_client.client_id is not None
    return Estate(house, pool.user_pool.id, client.user_pool_client.client_id, client.user_pool_client.client_secret)


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unverified."""
    payload = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
