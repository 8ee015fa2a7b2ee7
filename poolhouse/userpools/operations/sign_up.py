"""Sign-up through an app client: register, confirm by code, send the code again; and confirmation without one.

The group "Sign-up" of contract/operations.md. Which codes are good is decided in code_proof.
"""

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    AdminConfirmSignUpRequest,
    AdminConfirmSignUpResponse,
    ConfirmSignUpRequest,
    ConfirmSignUpResponse,
    InvalidParameterException,
    ResendConfirmationCodeRequest,
    ResendConfirmationCodeResponse,
    SignUpRequest,
    SignUpResponse,
    UsernameExistsException,
)
from poolhouse.storage.database import Batch
from poolhouse.storage.users import Alias, UserRow
from poolhouse.userpools import code_refusals, refusals
from poolhouse.userpools.alias_moves import change_user_over_others
from poolhouse.userpools.attribute_writes import refuse_early_preferred_username
from poolhouse.userpools.attributes import VERIFIED_FLAGS, attributes_by_name, check_client_writes
from poolhouse.userpools.code_destinations import (
    simulated_destination,
    verification_destination,
    verification_order,
)
from poolhouse.userpools.code_proof import (
    CodeSubject,
    Proof,
    client_and_pool,
    find_code_subject,
    refusal_of,
    weigh,
)
from poolhouse.userpools.code_sending import count_sends, pretend_to_send, send_code
from poolhouse.userpools.codes import CodeScope, Worth
from poolhouse.userpools.credentials import new_credential
from poolhouse.userpools.directory import Client, Pool
from poolhouse.userpools.operations.admin_users import pool_and_user
from poolhouse.userpools.passwords import check_password_policy
from poolhouse.userpools.races import ChangedMeanwhile, until_settled
from poolhouse.userpools.registry import operation
from poolhouse.userpools.user_writes import change_user, claim_aliases, user_with
from poolhouse.userpools.usernames import username_attribute

UNCONFIRMED = "UNCONFIRMED"


@operation
async def sign_up(call: Call, request: SignUpRequest) -> SignUpResponse:
    """Register an UNCONFIRMED user, and send a code to the address that the pool verifies."""
    client, pool = await client_and_pool(call, request.client_id, request.secret_hash, request.username)
    administration = pool.settings.admin_create_user_config
    if administration is not None and administration.allow_admin_create_user_only:
        raise code_refusals.sign_up_not_permitted()
    user = _new_user(call, pool, client, request)
    batch = Batch()
    users = call.services.store.users
    users.insert(batch, user)
    name = Alias(pool.fold(user.username), "username")
    users.claim(batch, pool.pool_id, user.user_id, name, UsernameExistsException("User already exists"))
    claim_aliases(call, pool, batch, user)
    destination = verification_destination(pool, user.attributes)
    details = None
    if destination is not None:
        scope = CodeScope(pool.pool_id, user.user_id, "sign_up")
        details = send_code(call, batch, pool, scope, destination, "sign_up")
    _audit(call, batch, "SignUp", pool, user.user_id, client)
    await call.commit(batch)
    return SignUpResponse(user_confirmed=False, code_delivery_details=details, user_sub=user.user_id)


def _new_user(call: Call, pool: Pool, client: Client, request: SignUpRequest) -> UserRow:
    kind = username_attribute(pool, request.username)
    attributes = _attributes(pool, client, request, kind)
    if not request.password:
        # Only pools with passwordless first factors, which this release has none of, do without.
        raise refusals.missing_parameter("Password")
    check_password_policy(pool.settings, request.password)
    user_id = call.new_uuid()
    username = user_id if kind is not None else pool.fold(request.username)
    return UserRow(
        pool_id=pool.pool_id,
        user_id=user_id,
        username=username,
        status=UNCONFIRMED,
        enabled=True,
        created_at=call.now_ms,
        modified_at=call.now_ms,
        attributes=attributes,
        credential=new_credential(call, pool, user_id, username, request.password),
        credential_version=0,
        password_expires_at=None,
        generation=0,
    )


def _attributes(pool: Pool, client: Client, request: SignUpRequest, kind: str | None) -> dict[str, str]:
    """The new user's attributes, the username among them where it is one; each address is yet to be verified."""
    given = attributes_by_name(request.user_attributes)
    check_client_writes(given, client.writable)
    refuse_early_preferred_username(pool, given)
    if kind is not None and pool.fold(given.setdefault(kind, request.username)) != pool.fold(request.username):
        raise InvalidParameterException(f"The {kind} attribute must be the username.")
    attributes = pool.schema.check_new(given, required=True)
    unverified = {flag: "false" for name, flag in VERIFIED_FLAGS.items() if name in attributes}
    return {**attributes, **unverified}


@operation
async def confirm_sign_up(call: Call, request: ConfirmSignUpRequest) -> ConfirmSignUpResponse:
    """Confirm the user by the code, and with it the address that it was sent to, which may now become an alias."""
    client, pool = await client_and_pool(call, request.client_id, request.secret_hash, request.username)
    await until_settled(lambda: _confirm(call, pool, client, request))
    return ConfirmSignUpResponse()


async def _confirm(call: Call, pool: Pool, client: Client, request: ConfirmSignUpRequest) -> None:
    unknown = refusals.user_does_not_exist()
    subject = await find_code_subject(call, pool, client, request.username, unknown)
    user = subject.user
    if user is not None and user.status != UNCONFIRMED and not subject.hidden:
        raise code_refusals.cannot_be_confirmed(user.status)
    scope = CodeScope(pool.pool_id, subject.subject_id, "sign_up")
    proof = await weigh(call, pool, subject, scope, request.confirmation_code)
    refusal = _confirmation_refusal(proof)
    if user is None or refusal is not None:
        raise await proof.fail(refusal or code_refusals.code_mismatch())
    assert proof.destination is not None
    attributes = {**user.attributes, VERIFIED_FLAGS[proof.destination.attribute]: "true"}
    after = user_with(user, status="CONFIRMED", attributes=attributes)
    if request.force_alias_creation:
        await change_user_over_others(call, pool, proof.batch, user, after, ChangedMeanwhile())
    else:
        change_user(call, pool, proof.batch, user, after, ChangedMeanwhile())
    proof.use()
    await proof.conclude("ConfirmSignUp")


def _confirmation_refusal(proof: Proof) -> Exception | None:
    """DEVIATION: where existence is hidden, a user's status is told only to whoever sends the code (design.md)."""
    user = proof.subject.user
    if user is not None and user.status != UNCONFIRMED and proof.worth in (Worth.GOOD, Worth.SPENT):
        return code_refusals.cannot_be_confirmed(user.status)
    return refusal_of(proof)


@operation
async def resend_confirmation_code(
    call: Call, request: ResendConfirmationCodeRequest
) -> ResendConfirmationCodeResponse:
    """Send a new sign-up code; the earlier one is no longer good."""
    client, pool = await client_and_pool(call, request.client_id, request.secret_hash, request.username)
    order = verification_order(pool)
    if not order:
        raise code_refusals.nothing_to_verify()
    unknown = code_refusals.unknown_to_client()
    subject = await find_code_subject(call, pool, client, request.username, unknown)
    refusal = _resend_refusal(pool, subject)
    if refusal is not None and not subject.hidden:
        raise refusal
    destination = None if subject.user is None else verification_destination(pool, subject.user.attributes)
    if destination is None:
        destination = simulated_destination(call.services.answer_key, pool, request.username, order)
    batch = Batch()
    count_sends(call, batch, pool, subject.subject_id, "sign_up")
    # DEVIATION: where existence is hidden, "already confirmed" looks like a code sent, as an unknown name does.
    send, user_id = (send_code, subject.subject_id) if refusal is None else (pretend_to_send, subject.nobody_id)
    scope = CodeScope(pool.pool_id, user_id, "sign_up")
    details = send(call, batch, pool, scope, destination, "resend_code")
    _audit(call, batch, "ResendConfirmationCode", pool, subject.subject_id, client)
    await call.commit(batch)
    return ResendConfirmationCodeResponse(code_delivery_details=details)


def _resend_refusal(pool: Pool, subject: CodeSubject) -> Exception | None:
    user = subject.user
    if user is None:
        return code_refusals.unknown_to_client()
    if user.status != UNCONFIRMED:
        return code_refusals.already_confirmed()
    if verification_destination(pool, user.attributes) is None:
        return code_refusals.nothing_to_verify()
    return None


@operation
async def admin_confirm_sign_up(call: Call, request: AdminConfirmSignUpRequest) -> AdminConfirmSignUpResponse:
    """Confirm a user without a code; no address becomes verified by it."""

    async def confirm() -> None:
        pool, user = await pool_and_user(call, request.user_pool_id, request.username)
        if user.status != UNCONFIRMED:
            raise code_refusals.cannot_be_confirmed(user.status)
        batch = Batch()
        change_user(call, pool, batch, user, user_with(user, status="CONFIRMED"), ChangedMeanwhile())
        call.services.audit(call, batch, "AdminConfirmSignUp", pool_id=pool.pool_id, user_id=user.user_id)
        await call.commit(batch)

    await until_settled(confirm)
    return AdminConfirmSignUpResponse()


def _audit(call: Call, batch: Batch, event: str, pool: Pool, user_id: str, client: Client) -> None:
    call.services.audit(call, batch, event, pool_id=pool.pool_id, user_id=user_id, client_id=client.client_id)
