"""Pools in which people sign up and recover by themselves, and the post that reaches them."""

from typing import Any

import pytest

from poolhouse.delivery.message import OutgoingMessage, open_payload
from poolhouse.model.cognito_idp_model import (
    AdminDeleteUserRequest,
    AdminGetUserRequest,
    AdminGetUserResponse,
    AdminSetUserPasswordRequest,
    AdminUpdateUserAttributesRequest,
    AttributeType,
    CodeDeliveryDetailsType,
    ConfirmForgotPasswordRequest,
    ConfirmSignUpRequest,
    CreateUserPoolClientRequest,
    CreateUserPoolRequest,
    ForgotPasswordRequest,
    GetUserAttributeVerificationCodeRequest,
    ResendConfirmationCodeRequest,
    SignUpRequest,
    SignUpResponse,
    UpdateUserAttributesRequest,
    UsernameConfigurationType,
    VerifyUserAttributeRequest,
)
from poolhouse.model.errors import ServiceError
from poolhouse.storage.outbox import find_newest
from poolhouse.userpools.operations.admin_users import (
    admin_delete_user,
    admin_get_user,
    admin_set_user_password,
)
from poolhouse.userpools.operations.attributes import (
    admin_update_user_attributes,
    get_user_attribute_verification_code,
    update_user_attributes,
    verify_user_attribute,
)
from poolhouse.userpools.operations.clients import create_user_pool_client
from poolhouse.userpools.operations.pools import create_user_pool
from poolhouse.userpools.operations.recovery import confirm_forgot_password, forgot_password
from poolhouse.userpools.operations.sign_up import (
    confirm_sign_up,
    resend_confirmation_code,
    sign_up,
)
from poolhouse.userpools.srp import secret_hash
from tests.house import House
from tests.userpools.people import FLOWS, PASSWORD, Estate

MISMATCH = "Invalid verification code provided, please try again."
EXPIRED = "Invalid code provided, please request a code again."
LIMIT = "Attempt limit exceeded, please try after some time."
HOUR = 3600


def wire(attributes: dict[str, str]) -> list[AttributeType]:
    return [AttributeType(name=name.replace("custom_", "custom:"), value=value) for name, value in attributes.items()]


async def refusal_of(attempt: object) -> tuple[str, str]:
    """The type and message of what an attempt is refused with."""
    with pytest.raises(ServiceError) as caught:
        await attempt  # type: ignore[misc]
    return caught.value.code, caught.value.message


async def message_of(attempt: object) -> str:
    return (await refusal_of(attempt))[1]


class Town(Estate):
    """A pool and a client, as people meet them who have no account yet."""

    def _hash(self, username: str) -> str | None:
        return None if self.secret is None else secret_hash(username, self.client_id, self.secret)

    async def sign_up(self, username: str, password: str | None = PASSWORD, **attributes: str) -> SignUpResponse:
        return await sign_up(
            self.house.call(None),
            SignUpRequest(
                client_id=self.client_id,
                secret_hash=self._hash(username),
                username=username,
                password=password,
                user_attributes=wire(attributes),
            ),
        )

    async def confirm(self, username: str, code: str, *, force: bool | None = None) -> None:
        await confirm_sign_up(
            self.house.call(None),
            ConfirmSignUpRequest(
                client_id=self.client_id,
                secret_hash=self._hash(username),
                username=username,
                confirmation_code=code,
                force_alias_creation=force,
            ),
        )

    async def resend(self, username: str) -> CodeDeliveryDetailsType | None:
        request = ResendConfirmationCodeRequest(
            client_id=self.client_id, secret_hash=self._hash(username), username=username
        )
        return (await resend_confirmation_code(self.house.call(None), request)).code_delivery_details

    async def forgot(self, username: str) -> CodeDeliveryDetailsType | None:
        request = ForgotPasswordRequest(client_id=self.client_id, secret_hash=self._hash(username), username=username)
        return (await forgot_password(self.house.call(None), request)).code_delivery_details

    async def recover(self, username: str, code: str, password: str = "N3w!secret") -> None:
        await confirm_forgot_password(
            self.house.call(None),
            ConfirmForgotPasswordRequest(
                client_id=self.client_id,
                secret_hash=self._hash(username),
                username=username,
                confirmation_code=code,
                password=password,
            ),
        )

    async def inhabitant(self, username: str, password: str = PASSWORD, **attributes: str) -> str:
        """A user who signed up and confirmed by the code that was sent; returns the sub."""
        signed_up = await self.sign_up(username, password, **attributes)
        await self.confirm(username, await self.code())
        return signed_up.user_sub

    async def confirmed_by_admin(self, username: str, **attributes: str) -> None:
        """A user whom an administrator made, with PASSWORD for good."""
        await self.invite(username, PASSWORD, **attributes)
        request = AdminSetUserPasswordRequest(
            user_pool_id=self.pool_id, username=username, password=PASSWORD, permanent=True
        )
        await admin_set_user_password(self.house.call(), request)

    async def delete(self, username: str) -> None:
        await admin_delete_user(self.house.call(), AdminDeleteUserRequest(user_pool_id=self.pool_id, username=username))

    async def token(self, username: str, password: str = PASSWORD) -> str:
        return (await self.password_sign_in(username, password)).access_token or ""

    async def update(self, token: str, **attributes: str) -> list[CodeDeliveryDetailsType]:
        answer = await update_user_attributes(
            self.house.call(None), UpdateUserAttributesRequest(access_token=token, user_attributes=wire(attributes))
        )
        assert answer.code_delivery_details_list is not None
        return answer.code_delivery_details_list

    async def ask_code(self, token: str, attribute: str = "email") -> CodeDeliveryDetailsType | None:
        request = GetUserAttributeVerificationCodeRequest(access_token=token, attribute_name=attribute)
        answer = await get_user_attribute_verification_code(self.house.call(None), request)
        return answer.code_delivery_details

    async def verify(self, token: str, code: str, attribute: str = "email") -> None:
        await verify_user_attribute(
            self.house.call(None),
            VerifyUserAttributeRequest(access_token=token, attribute_name=attribute, code=code),
        )

    async def admin_update(self, username: str, **attributes: str) -> None:
        await admin_update_user_attributes(
            self.house.call(),
            AdminUpdateUserAttributesRequest(
                user_pool_id=self.pool_id, username=username, user_attributes=wire(attributes)
            ),
        )

    async def status(self, username: str) -> str | None:
        return (await self._shown(username)).user_status

    async def attributes(self, username: str) -> dict[str, str]:
        found = (await self._shown(username)).user_attributes or []
        return {attribute.name: attribute.value or "" for attribute in found if attribute.name != "sub"}

    async def _shown(self, username: str) -> AdminGetUserResponse:
        return await admin_get_user(
            self.house.call(), AdminGetUserRequest(user_pool_id=self.pool_id, username=username)
        )

    async def post(self) -> list[OutgoingMessage]:
        """All messages that were sent, the newest first."""
        services = self.house.services
        rows = await find_newest(services.database, before=None, recipient=None, limit=100)
        return [
            open_payload(
                services.keyring,
                row.message_id,
                row.payload,
                pool_id=row.pool_id,
                channel=row.channel,
                recipient=row.recipient,
            )
            for row in rows
        ]

    async def code(self) -> str:
        """The code of the newest message."""
        return (await self.post())[0].code or ""


def other_than(code: str) -> str:
    """A wrong code."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


async def open_town(
    house: House,
    *,
    verifies: tuple[str, ...] = ("email",),
    hides_existence: bool = False,
    with_secret: bool = False,
    case_sensitive: bool = False,
    client: dict[str, Any] | None = None,
    **pool_settings: Any,
) -> Town:
    """A pool that verifies `verifies` at sign-up, with one client."""
    pool = await create_user_pool(
        house.call(),
        CreateUserPoolRequest(
            pool_name="town",
            auto_verified_attributes=list(verifies) or None,  # type: ignore[arg-type]
            username_configuration=UsernameConfigurationType(case_sensitive=case_sensitive),
            **pool_settings,
        ),
    )
    assert pool.user_pool is not None
    assert pool.user_pool.id is not None
    return await open_gate(
        house, pool.user_pool.id, hides_existence=hides_existence, with_secret=with_secret, **(client or {})
    )


async def open_gate(
    house: House, pool_id: str, *, hides_existence: bool = False, with_secret: bool = False, **client_settings: Any
) -> Town:
    """A further client of a pool."""
    answer = await create_user_pool_client(
        house.call(),
        CreateUserPoolClientRequest(
            user_pool_id=pool_id,
            client_name="gate",
            explicit_auth_flows=FLOWS,  # type: ignore[arg-type]
            prevent_user_existence_errors="ENABLED" if hides_existence else None,
            generate_secret=with_secret,
            **client_settings,
        ),
    )
    assert answer.user_pool_client is not None
    assert answer.user_pool_client.client_id is not None
    return Town(house, pool_id, answer.user_pool_client.client_id, answer.user_pool_client.client_secret)
