"""What an administrator does to a user: read, disable, enable, sign out, delete, set a password."""

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    AdminDeleteUserRequest,
    AdminDisableUserRequest,
    AdminDisableUserResponse,
    AdminEnableUserRequest,
    AdminEnableUserResponse,
    AdminGetUserRequest,
    AdminGetUserResponse,
    AdminSetUserPasswordRequest,
    AdminSetUserPasswordResponse,
    AdminUserGlobalSignOutRequest,
    AdminUserGlobalSignOutResponse,
)
from poolhouse.storage.database import Batch
from poolhouse.storage.users import UserRow
from poolhouse.userpools import refusals
from poolhouse.userpools.credentials import new_credential
from poolhouse.userpools.directory import Pool
from poolhouse.userpools.operations.account import end_all_sessions
from poolhouse.userpools.passwords import check_password_policy
from poolhouse.userpools.races import ChangedMeanwhile, until_settled
from poolhouse.userpools.registry import operation
from poolhouse.userpools.user_view import wire_attributes
from poolhouse.userpools.user_writes import change_user, user_with


async def pool_and_user(call: Call, pool_id: str, username: str) -> tuple[Pool, UserRow]:
    """The pool and the user whom the administrator means. Raises POOL, UNF."""
    pool = await call.services.directory.pool(pool_id)
    user = await call.services.directory.find_user(pool, username)
    if user is None:
        raise refusals.user_does_not_exist()
    return pool, user


@operation
async def admin_get_user(call: Call, request: AdminGetUserRequest) -> AdminGetUserResponse:
    """One user with all attributes."""
    _, user = await pool_and_user(call, request.user_pool_id, request.username)
    return AdminGetUserResponse(
        username=user.username,
        user_attributes=wire_attributes(user),
        user_create_date=user.created_at / 1000,
        user_last_modified_date=user.modified_at / 1000,
        enabled=user.enabled,
        user_status=user.status,  # type: ignore[arg-type]  # only values of the enum are ever written
    )


@operation
async def admin_disable_user(call: Call, request: AdminDisableUserRequest) -> AdminDisableUserResponse:
    """Block sign-in and end every session; the status stays."""
    await _set_enabled(call, request.user_pool_id, request.username, enabled=False)
    return AdminDisableUserResponse()


@operation
async def admin_enable_user(call: Call, request: AdminEnableUserRequest) -> AdminEnableUserResponse:
    """Allow sign-in again; sessions that a disabling ended stay ended."""
    await _set_enabled(call, request.user_pool_id, request.username, enabled=True)
    return AdminEnableUserResponse()


async def _set_enabled(call: Call, pool_id: str, username: str, *, enabled: bool) -> None:
    pool, user = await pool_and_user(call, pool_id, username)
    batch = Batch()
    call.services.store.users.set_enabled(
        batch, pool.pool_id, user.user_id, enabled=enabled, now=call.now_ms, gone=refusals.user_does_not_exist()
    )
    batch.notify("user", f"{pool.pool_id}/{user.user_id}")
    event = "AdminEnableUser" if enabled else "AdminDisableUser"
    call.services.audit(call, batch, event, pool_id=pool.pool_id, user_id=user.user_id)
    await call.commit(batch)


@operation
async def admin_user_global_sign_out(
    call: Call, request: AdminUserGlobalSignOutRequest
) -> AdminUserGlobalSignOutResponse:
    """End every session of a user; doing it twice succeeds twice."""
    pool, user = await pool_and_user(call, request.user_pool_id, request.username)
    batch = Batch()
    end_all_sessions(call, batch, pool.pool_id, user.user_id)
    await call.commit(batch)
    return AdminUserGlobalSignOutResponse()


@operation
async def admin_delete_user(call: Call, request: AdminDeleteUserRequest) -> None:
    """Delete a user; every token of theirs is dead and their names are free at once."""
    pool, user = await pool_and_user(call, request.user_pool_id, request.username)
    batch = Batch()
    call.services.store.users.delete(batch, pool.pool_id, user.user_id, refusals.user_does_not_exist())
    batch.notify("user", f"{pool.pool_id}/{user.user_id}")
    call.services.audit(call, batch, "AdminDeleteUser", pool_id=pool.pool_id, user_id=user.user_id)
    await call.commit(batch)


@operation
async def admin_set_user_password(call: Call, request: AdminSetUserPasswordRequest) -> AdminSetUserPasswordResponse:
    """Set a temporary or a permanent password; no message is sent (contract/rules.md §6)."""
    pool = await call.services.directory.pool(request.user_pool_id)
    check_password_policy(pool.settings, request.password)

    async def set_password() -> None:
        _, user = await pool_and_user(call, request.user_pool_id, request.username)
        batch = Batch()
        after = _with_password(call, pool, user, request.password, permanent=request.permanent is True)
        change_user(call, pool, batch, user, after, ChangedMeanwhile())
        call.services.audit(call, batch, "AdminSetUserPassword", pool_id=pool.pool_id, user_id=user.user_id)
        await call.commit(batch)

    await until_settled(set_password)
    return AdminSetUserPasswordResponse()


def _with_password(call: Call, pool: Pool, user: UserRow, password: str, *, permanent: bool) -> UserRow:
    return user_with(
        user,
        status="CONFIRMED" if permanent else "FORCE_CHANGE_PASSWORD",
        credential=new_credential(call, pool, user.user_id, user.username, password),
        credential_version=user.credential_version + 1,
        password_expires_at=None if permanent else temporary_expiry(call, pool),
    )


def temporary_expiry(call: Call, pool: Pool) -> int:
    """When a temporary password that is set now expires, in epoch milliseconds."""
    return call.now_ms + pool.temporary_password_days * 86_400_000
