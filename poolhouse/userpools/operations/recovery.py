"""A lost password: the code that recovers the account, and the new password that comes back with it.

ForgotPassword, ConfirmForgotPassword, AdminResetUserPassword (contract/operations.md; rules.md §5, §6). Sessions
that are open stay open (contract/tokens.md §7).
"""

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    AdminResetUserPasswordRequest,
    AdminResetUserPasswordResponse,
    ConfirmForgotPasswordRequest,
    ConfirmForgotPasswordResponse,
    ForgotPasswordRequest,
    ForgotPasswordResponse,
)
from poolhouse.storage.database import Batch
from poolhouse.storage.users import UserRow
from poolhouse.userpools import code_refusals, refusals
from poolhouse.userpools.attributes import VERIFIED_FLAGS
from poolhouse.userpools.code_destinations import (
    recovery_destination,
    recovery_order,
    simulated_destination,
)
from poolhouse.userpools.code_proof import (
    Proof,
    client_and_pool,
    find_code_subject,
    refusal_of,
    weigh,
)
from poolhouse.userpools.code_sending import count_sends, pretend_to_send, send_code
from poolhouse.userpools.codes import CodeScope
from poolhouse.userpools.credentials import new_credential
from poolhouse.userpools.directory import Client, Pool
from poolhouse.userpools.operations.admin_users import pool_and_user
from poolhouse.userpools.passwords import check_password_policy
from poolhouse.userpools.races import ChangedMeanwhile, until_settled
from poolhouse.userpools.registry import operation
from poolhouse.userpools.user_writes import aliases_of, change_user, user_with

_RECOVERABLE = frozenset({"CONFIRMED", "RESET_REQUIRED", "UNCONFIRMED"})


@operation
async def forgot_password(call: Call, request: ForgotPasswordRequest) -> ForgotPasswordResponse:
    """Send a code that sets a new password, to the first verified address by the pool's recovery setting."""
    client, pool = await client_and_pool(call, request.client_id, request.secret_hash, request.username)
    order = recovery_order(pool)
    if not order:
        raise code_refusals.only_administrators_recover()
    unknown = code_refusals.unknown_to_client()
    subject = await find_code_subject(call, pool, client, request.username, unknown)
    refusal = unknown if subject.user is None else _recovery_refusal(pool, subject.user)
    if refusal is not None and not subject.hidden:
        raise refusal
    destination = None if subject.user is None else recovery_destination(pool, subject.user.attributes)
    if destination is None:
        destination = simulated_destination(call.services.answer_key, pool, request.username, order)
    batch = Batch()
    count_sends(call, batch, pool, subject.subject_id, "forgot_password")
    # DEVIATION: where existence is hidden, a user who cannot recover is answered like an unknown name in every case;
    # the service still tells of one who has a temporary password (STATE).
    send, user_id = (send_code, subject.subject_id) if refusal is None else (pretend_to_send, subject.nobody_id)
    details = send(call, batch, pool, _scope(pool, user_id, subject.user), destination, "forgot_password")
    call.services.audit(
        call, batch, "ForgotPassword", pool_id=pool.pool_id, user_id=subject.subject_id, client_id=client.client_id
    )
    await call.commit(batch)
    return ForgotPasswordResponse(code_delivery_details=details)


def _scope(pool: Pool, user_id: str, user: UserRow | None) -> CodeScope:
    return CodeScope(pool.pool_id, user_id, "forgot_password", 0 if user is None else user.credential_version)


def _recovery_refusal(pool: Pool, user: UserRow) -> Exception | None:
    refusal = _state_refusal(user)
    if refusal is None and recovery_destination(pool, user.attributes) is None:
        return code_refusals.no_recovery_address()
    return refusal


def _state_refusal(user: UserRow) -> Exception | None:
    """Why this user's password is not the user's to reset."""
    if not user.enabled:
        return refusals.user_disabled()
    return None if user.status in _RECOVERABLE else code_refusals.cannot_be_reset()


@operation
async def confirm_forgot_password(call: Call, request: ConfirmForgotPasswordRequest) -> ConfirmForgotPasswordResponse:
    """Set the new password by the code. A password that the policy refuses costs no try."""
    client, pool = await client_and_pool(call, request.client_id, request.secret_hash, request.username)
    check_password_policy(pool.settings, request.password)
    await until_settled(lambda: _confirm(call, pool, client, request))
    return ConfirmForgotPasswordResponse()


async def _confirm(call: Call, pool: Pool, client: Client, request: ConfirmForgotPasswordRequest) -> None:
    unknown = refusals.user_does_not_exist()
    subject = await find_code_subject(call, pool, client, request.username, unknown)
    user = subject.user
    if user is not None and not user.enabled and not subject.hidden:
        raise refusals.user_disabled()
    scope = _scope(pool, subject.subject_id, user)
    proof = await weigh(call, pool, subject, scope, request.confirmation_code)
    refusal = refusal_of(proof)
    if user is None or refusal is not None:
        raise await proof.fail(refusal or code_refusals.code_mismatch())
    refusal = _state_refusal(user)
    if refusal is not None:
        raise await proof.fail(refusal)
    after = user_with(
        user,
        status="CONFIRMED",
        attributes=_verified(pool, user, proof),
        credential=new_credential(call, pool, user.user_id, user.username, request.password),
        credential_version=user.credential_version + 1,
        password_expires_at=None,
    )
    change_user(call, pool, proof.batch, user, after, ChangedMeanwhile())
    proof.use()
    await proof.conclude("ConfirmForgotPassword")


def _verified(pool: Pool, user: UserRow, proof: Proof) -> dict[str, str]:
    """With the code's address verified, unless that would claim an alias: no name moves by a recovery."""
    assert proof.destination is not None
    verified = {**user.attributes, VERIFIED_FLAGS[proof.destination.attribute]: "true"}
    return verified if aliases_of(pool, verified) == aliases_of(pool, user.attributes) else user.attributes


@operation
async def admin_reset_user_password(
    call: Call, request: AdminResetUserPasswordRequest
) -> AdminResetUserPasswordResponse:
    """Make the password useless until the user sets a new one by the code that is sent. Not limited: it is signed."""
    await until_settled(lambda: _reset(call, request))
    return AdminResetUserPasswordResponse()


async def _reset(call: Call, request: AdminResetUserPasswordRequest) -> None:
    pool, user = await pool_and_user(call, request.user_pool_id, request.username)
    if not user.enabled:
        raise code_refusals.disabled_for_reset()
    if user.status not in ("CONFIRMED", "RESET_REQUIRED"):
        raise code_refusals.cannot_be_reset()
    destination = recovery_destination(pool, user.attributes)
    if destination is None:
        raise code_refusals.no_recovery_address()
    batch = Batch()
    change_user(call, pool, batch, user, user_with(user, status="RESET_REQUIRED"), ChangedMeanwhile())
    send_code(call, batch, pool, _scope(pool, user.user_id, user), destination, "forgot_password")
    call.services.audit(call, batch, "AdminResetUserPassword", pool_id=pool.pool_id, user_id=user.user_id)
    await call.commit(batch)
