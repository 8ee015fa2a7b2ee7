"""A user's attributes: written and deleted by the user or an administrator, and verified by code.

The groups "User self-service" and "Admin: users" of contract/operations.md. What a write means is decided in
attribute_writes.
"""

from collections.abc import Mapping

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    AdminDeleteUserAttributesRequest,
    AdminDeleteUserAttributesResponse,
    AdminUpdateUserAttributesRequest,
    AdminUpdateUserAttributesResponse,
    CodeDeliveryDetailsType,
    DeleteUserAttributesRequest,
    DeleteUserAttributesResponse,
    GetUserAttributeVerificationCodeRequest,
    GetUserAttributeVerificationCodeResponse,
    UpdateUserAttributesRequest,
    UpdateUserAttributesResponse,
    VerifyUserAttributeRequest,
    VerifyUserAttributeResponse,
)
from poolhouse.storage.codes import find_code, forget_code
from poolhouse.storage.database import Batch
from poolhouse.storage.users import UserRow
from poolhouse.userpools import code_refusals
from poolhouse.userpools.account_access import open_account
from poolhouse.userpools.alias_moves import change_user_over_others
from poolhouse.userpools.attribute_writes import AttributeWrite, plan_write
from poolhouse.userpools.attributes import VERIFIED_FLAGS, attributes_by_name, check_client_writes
from poolhouse.userpools.code_destinations import as_contact
from poolhouse.userpools.code_proof import refusal_of, subject_of_account, weigh
from poolhouse.userpools.code_sending import count_sends, send_anew, send_code
from poolhouse.userpools.codes import VERIFY, CodeScope, Contact, Destination, read_destination
from poolhouse.userpools.directory import Pool
from poolhouse.userpools.operations.admin_users import pool_and_user
from poolhouse.userpools.races import ChangedMeanwhile, until_settled
from poolhouse.userpools.registry import operation
from poolhouse.userpools.user_writes import change_user, user_with


@operation
async def update_user_attributes(call: Call, request: UpdateUserAttributesRequest) -> UpdateUserAttributesResponse:
    """Write the caller's own attributes; a new address that the pool verifies gets a code."""
    given = attributes_by_name(request.user_attributes)

    async def update() -> list[CodeDeliveryDetailsType]:
        account = await open_account(call, request.access_token)
        check_client_writes(given, account.client.writable)
        written = account.pool.schema.check_update(given)
        return await _write_own(call, account.pool, account.user, written, "UpdateUserAttributes")

    return UpdateUserAttributesResponse(code_delivery_details_list=await until_settled(update))


@operation
async def delete_user_attributes(call: Call, request: DeleteUserAttributesRequest) -> DeleteUserAttributesResponse:
    """Delete some of the caller's own attributes."""

    async def delete() -> None:
        account = await open_account(call, request.access_token)
        check_client_writes(request.user_attribute_names, account.client.writable)
        written = account.pool.schema.check_removal(request.user_attribute_names)
        await _write_own(call, account.pool, account.user, written, "DeleteUserAttributes")

    await until_settled(delete)
    return DeleteUserAttributesResponse()


async def _write_own(
    call: Call, pool: Pool, user: UserRow, written: Mapping[str, str], event: str
) -> list[CodeDeliveryDetailsType]:
    plan = plan_write(pool, user, written)
    batch = Batch()
    if plan.codes:
        # Without the limit a token would send mail to any address, any number of times.
        count_sends(call, batch, pool, user.user_id, "verification", len(plan.codes))
    change_user(call, pool, batch, user, user_with(user, attributes=plan.attributes), ChangedMeanwhile())
    details = _send_codes(call, pool, batch, user, plan)
    call.services.audit(call, batch, event, pool_id=pool.pool_id, user_id=user.user_id)
    await call.commit(batch)
    return details


@operation
async def admin_update_user_attributes(
    call: Call, request: AdminUpdateUserAttributesRequest
) -> AdminUpdateUserAttributesResponse:
    """Write a user's attributes, verified flags included; a verified alias is taken over from whoever has it."""
    given = attributes_by_name(request.user_attributes)

    async def update() -> None:
        pool, user = await pool_and_user(call, request.user_pool_id, request.username)
        written = pool.schema.check_update(given)
        await _write_of_another(call, pool, user, written, "AdminUpdateUserAttributes")

    await until_settled(update)
    return AdminUpdateUserAttributesResponse()


@operation
async def admin_delete_user_attributes(
    call: Call, request: AdminDeleteUserAttributesRequest
) -> AdminDeleteUserAttributesResponse:
    """Delete some of a user's attributes."""

    async def delete() -> None:
        pool, user = await pool_and_user(call, request.user_pool_id, request.username)
        written = pool.schema.check_removal(request.user_attribute_names)
        await _write_of_another(call, pool, user, written, "AdminDeleteUserAttributes")

    await until_settled(delete)
    return AdminDeleteUserAttributesResponse()


async def _write_of_another(call: Call, pool: Pool, user: UserRow, written: Mapping[str, str], event: str) -> None:
    plan = plan_write(pool, user, written)
    batch = Batch()
    after = user_with(user, attributes=plan.attributes)
    await change_user_over_others(call, pool, batch, user, after, ChangedMeanwhile())
    _send_codes(call, pool, batch, user, plan)
    call.services.audit(call, batch, event, pool_id=pool.pool_id, user_id=user.user_id)
    await call.commit(batch)


def _send_codes(
    call: Call, pool: Pool, batch: Batch, user: UserRow, plan: AttributeWrite
) -> list[CodeDeliveryDetailsType]:
    for contact in plan.void:
        forget_code(batch, pool.pool_id, user.user_id, VERIFY[contact])
    return [
        send_code(call, batch, pool, _scope(pool, user, destination.attribute), destination, "verify_attribute")
        for destination in plan.codes
    ]


def _scope(pool: Pool, user: UserRow, contact: Contact) -> CodeScope:
    return CodeScope(pool.pool_id, user.user_id, VERIFY[contact])


@operation
async def get_user_attribute_verification_code(
    call: Call, request: GetUserAttributeVerificationCodeRequest
) -> GetUserAttributeVerificationCodeResponse:
    """Send a code to the caller's address, verified or not; while a new address waits for its code, to that one."""
    details = await until_settled(lambda: _send_verification(call, request))
    return GetUserAttributeVerificationCodeResponse(code_delivery_details=details)


async def _send_verification(call: Call, request: GetUserAttributeVerificationCodeRequest) -> CodeDeliveryDetailsType:
    account = await open_account(call, request.access_token)
    pool, user = account.pool, account.user
    contact = _contact(request.attribute_name)
    scope = _scope(pool, user, contact)
    batch = Batch()
    count_sends(call, batch, pool, user.user_id, "verification")
    row = await find_code(call.services.database, scope.pool_id, scope.user_id, scope.purpose)
    waiting = None if row is None or row.expires_at == 0 else read_destination(row.destination)
    if row is not None and waiting is not None and waiting.pending:
        details = send_anew(call, batch, pool, scope, row, waiting, ChangedMeanwhile())
    else:
        address = user.attributes.get(contact)
        if not address:
            raise code_refusals.cannot_be_verified(contact)
        details = send_code(call, batch, pool, scope, Destination(contact, address), "verify_attribute")
    call.services.audit(call, batch, "GetUserAttributeVerificationCode", pool_id=pool.pool_id, user_id=user.user_id)
    await call.commit(batch)
    return details


@operation
async def verify_user_attribute(call: Call, request: VerifyUserAttributeRequest) -> VerifyUserAttributeResponse:
    """Mark the caller's address as verified by its code; a new one that waited for it becomes the value."""
    await until_settled(lambda: _verify(call, request))
    return VerifyUserAttributeResponse()


async def _verify(call: Call, request: VerifyUserAttributeRequest) -> None:
    account = await open_account(call, request.access_token)
    pool, user = account.pool, account.user
    contact = _contact(request.attribute_name)
    proof = await weigh(call, pool, subject_of_account(user), _scope(pool, user, contact), request.code)
    refusal = refusal_of(proof)
    if refusal is not None:
        raise await proof.fail(refusal)
    assert proof.destination is not None
    attributes = {**user.attributes, contact: proof.destination.address, VERIFIED_FLAGS[contact]: "true"}
    change_user(call, pool, proof.batch, user, user_with(user, attributes=attributes), ChangedMeanwhile())
    proof.use()
    await proof.conclude("VerifyUserAttribute")


def _contact(name: str) -> Contact:
    contact = as_contact(name)
    if contact is None:
        raise code_refusals.cannot_be_verified(name)
    return contact
