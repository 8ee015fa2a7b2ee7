"""Self-service with an access token: read, change password, sign out, delete oneself."""

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    ChangePasswordRequest,
    ChangePasswordResponse,
    DeleteUserRequest,
    GetUserRequest,
    GetUserResponse,
    GlobalSignOutRequest,
    GlobalSignOutResponse,
)
from poolhouse.storage.codes import count_use
from poolhouse.storage.database import Batch
from poolhouse.userpools import code_refusals, refusals
from poolhouse.userpools.account_access import Account, open_account
from poolhouse.userpools.codes import HOUR_MS
from poolhouse.userpools.credentials import credential_of, new_credential, password_fits
from poolhouse.userpools.passwords import check_password_policy
from poolhouse.userpools.registry import operation
from poolhouse.userpools.signin.step import Step
from poolhouse.userpools.user_view import wire_attributes
from poolhouse.userpools.user_writes import change_user, user_with

_CHANGES_AN_HOUR = 5


@operation
async def get_user(call: Call, request: GetUserRequest) -> GetUserResponse:
    """The caller's own attributes, as far as the client may read them."""
    account = await open_account(call, request.access_token)
    return GetUserResponse(
        username=account.user.username,
        user_attributes=wire_attributes(account.user, readable=account.client.readable),
    )


@operation
async def global_sign_out(call: Call, request: GlobalSignOutRequest) -> GlobalSignOutResponse:
    """End every session of the caller (contract/tokens.md §7)."""
    account = await open_account(call, request.access_token)
    batch = Batch()
    end_all_sessions(call, batch, account.pool.pool_id, account.user.user_id)
    await call.commit(batch)
    return GlobalSignOutResponse()


@operation
async def delete_user(call: Call, request: DeleteUserRequest) -> None:
    """Delete the caller; every token of theirs is dead and their names are free at once."""
    account = await open_account(call, request.access_token)
    batch = Batch()
    pool_id, user_id = account.pool.pool_id, account.user.user_id
    call.services.store.users.delete(batch, pool_id, user_id, refusals.user_does_not_exist())
    batch.notify("user", f"{pool_id}/{user_id}")
    call.services.audit(call, batch, "DeleteUser", pool_id=pool_id, user_id=user_id)
    await call.commit(batch)


@operation
async def change_password(call: Call, request: ChangePasswordRequest) -> ChangePasswordResponse:
    """Replace the caller's password, given the old one. Existing tokens stay valid (contract/tokens.md §7).

    A wrong old password counts like a failed sign-in: a stolen token must not become a guessing machine. Five tries
    an hour, right or wrong, are all there are (contract/rules.md §3).
    """
    account = await open_account(call, request.access_token)
    if not request.previous_password:
        raise refusals.missing_parameter("PreviousPassword")
    check_password_policy(account.pool.settings, request.proposed_password)
    step = Step(call, account.pool, account.client, account.user.user_id)
    _count_change(call, account, step)
    credential = credential_of(call.services.keyring, account.user)
    if credential is None or not password_fits(account.pool, credential, request.previous_password):
        raise await step.fail(refusals.incorrect_username_or_password())
    _set_password(call, account, step, request.proposed_password)
    await step.conclude("ChangePassword")
    return ChangePasswordResponse()


def _count_change(call: Call, account: Account, step: Step) -> None:
    count_use(
        step.batch,
        account.pool.pool_id,
        account.user.user_id,
        "change_password",
        call.now_ms,
        limit=_CHANGES_AN_HOUR,
        window=HOUR_MS,
        exceeded=code_refusals.limit_exceeded(),
    )


def _set_password(call: Call, account: Account, step: Step, password: str) -> None:
    user = account.user
    after = user_with(
        user,
        credential=new_credential(call, account.pool, user.user_id, user.username, password),
        credential_version=user.credential_version + 1,
    )
    change_user(call, account.pool, step.batch, user, after, refusals.incorrect_username_or_password())


def end_all_sessions(call: Call, batch: Batch, pool_id: str, user_id: str) -> None:
    """Write a global sign-out."""
    call.services.store.users.next_generation(batch, pool_id, user_id, refusals.user_does_not_exist())
    batch.notify("user", f"{pool_id}/{user_id}")
    call.services.audit(call, batch, "GlobalSignOut", pool_id=pool_id, user_id=user_id)
