"""What follows a proved password: a refusal by the user's status, a new password, or tokens (auth-flows.md §2)."""

from typing import Final, assert_never, cast

import msgspec

from poolhouse.model.cognito_idp_model import InitiateAuthResponse, UserStatusType
from poolhouse.storage.users import UserRow
from poolhouse.userpools import refusals
from poolhouse.userpools.directory import Client
from poolhouse.userpools.signin.session_string import new_session
from poolhouse.userpools.signin.step import Step, hides_existence

NEW_PASSWORD: Final = "NEW_PASSWORD_REQUIRED"


def refuse_before_proof(step: Step, user: UserRow | None) -> None:
    """Refusals that the service makes before it looks at the password.

    DEVIATION: where a client hides existence they wait for the right password; told before it, they would tell
    anyone which names exist (contract/operations.md, "Order of checks"; design.md, "Nobody learns who exists").
    """
    if user is None or hides_existence(step.client):
        return
    if not user.enabled:
        raise refusals.user_disabled()
    if user.status == "UNCONFIRMED":
        raise refusals.user_not_confirmed()


async def continue_after_password(step: Step, user: UserRow) -> InitiateAuthResponse:
    """The answer to a right password."""
    if not user.enabled:
        raise await step.refuse(refusals.user_disabled())
    status = cast("UserStatusType", user.status)
    match status:
        case "UNCONFIRMED":
            raise await step.refuse(refusals.user_not_confirmed())
        case "RESET_REQUIRED":
            raise await step.refuse(refusals.password_reset_required())
        case "FORCE_CHANGE_PASSWORD":
            return await _ask_new_password(step, user)
        case "CONFIRMED":
            result = await step.grant(user)
            return InitiateAuthResponse(challenge_parameters={}, authentication_result=result)
        case "ARCHIVED" | "COMPROMISED" | "UNKNOWN" | "EXTERNAL_PROVIDER":
            raise await step.refuse(refusals.incorrect_username_or_password())
        case _:
            assert_never(status)


async def _ask_new_password(step: Step, user: UserRow) -> InitiateAuthResponse:
    if user.password_expires_at is not None and user.password_expires_at <= step.call.now_ms:
        raise await step.refuse(refusals.temporary_password_expired())
    session = new_session(step.call, step.pool, step.client, user, NEW_PASSWORD)
    missing = step.pool.schema.missing(user.attributes)
    await step.conclude("NewPasswordRequired")
    return InitiateAuthResponse(
        challenge_name=NEW_PASSWORD,
        session=session,
        challenge_parameters={
            "USER_ID_FOR_SRP": user.username,
            "requiredAttributes": msgspec.json.encode([f"userAttributes.{name}" for name in missing]).decode(),
            "userAttributes": msgspec.json.encode(_readable(step.client, user)).decode(),
        },
    )


def _readable(client: Client, user: UserRow) -> dict[str, str]:
    """What the client may read of the user; without a list of its own, everything."""
    return {name: value for name, value in user.attributes.items() if not client.readable or name in client.readable}
