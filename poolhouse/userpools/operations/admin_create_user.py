"""AdminCreateUser: create and invite, or invite again (contract/operations.md, "Admin: users")."""

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    AdminCreateUserRequest,
    AdminCreateUserResponse,
    AliasExistsException,
    InternalErrorException,
    InvalidParameterException,
    UnsupportedUserStateException,
    UsernameExistsException,
)
from poolhouse.storage.database import Batch
from poolhouse.storage.users import Alias, UserRow
from poolhouse.userpools import refusals
from poolhouse.userpools.attributes import attributes_by_name
from poolhouse.userpools.credentials import new_credential
from poolhouse.userpools.directory import Pool
from poolhouse.userpools.invitations import invite
from poolhouse.userpools.operations.admin_users import RACES, ChangedMeanwhile, temporary_expiry
from poolhouse.userpools.passwords import check_password_policy, temporary_password
from poolhouse.userpools.registry import operation
from poolhouse.userpools.user_view import user_type
from poolhouse.userpools.user_writes import alias_taken, aliases_of, change_user, user_with
from poolhouse.userpools.usernames import username_attribute

FORCE_CHANGE = "FORCE_CHANGE_PASSWORD"


@operation
async def admin_create_user(call: Call, request: AdminCreateUserRequest) -> AdminCreateUserResponse:
    """Create a user who must replace a temporary password, and send it; RESEND makes and sends a new one."""
    pool = await call.services.directory.pool(request.user_pool_id)
    if request.temporary_password is not None:
        check_password_policy(pool.settings, request.temporary_password)
    password = request.temporary_password or temporary_password(pool.settings, call.chance)
    if request.message_action == "RESEND":
        user = await _resend(call, pool, request, password)
    else:
        user = await _create(call, pool, request, password)
    return AdminCreateUserResponse(user=user_type(user))


async def _create(call: Call, pool: Pool, request: AdminCreateUserRequest, password: str) -> UserRow:
    kind = username_attribute(pool, request.username)
    attributes = _attributes(pool, request, kind)
    user_id = call.new_uuid()
    username = user_id if kind is not None else pool.fold(request.username)
    user = UserRow(
        pool_id=pool.pool_id,
        user_id=user_id,
        username=username,
        status=FORCE_CHANGE,
        enabled=True,
        created_at=call.now_ms,
        modified_at=call.now_ms,
        attributes=attributes,
        credential=new_credential(call, pool, user_id, username, password),
        credential_version=0,
        password_expires_at=temporary_expiry(call, pool),
        generation=0,
    )
    for _ in range(RACES):
        batch = Batch()
        call.services.store.users.insert(batch, user)
        taken = UsernameExistsException("User account already exists")
        call.services.store.users.claim(batch, pool.pool_id, user_id, Alias(pool.fold(username), "username"), taken)
        await _claim(call, pool, batch, user, force=request.force_alias_creation is True)
        _send(call, pool, batch, request, user, password)
        call.services.audit(call, batch, "AdminCreateUser", pool_id=pool.pool_id, user_id=user_id)
        try:
            await call.commit(batch)
        except ChangedMeanwhile:
            continue
        return user
    raise InternalErrorException("The user is being changed by others, try again.")


def _attributes(pool: Pool, request: AdminCreateUserRequest, kind: str | None) -> dict[str, str]:
    given = attributes_by_name(request.user_attributes)
    if kind is not None and given.setdefault(kind, request.username) != request.username:
        raise InvalidParameterException(f"The {kind} attribute must be the username.")
    # Required attributes are asked for at the first sign-in, not here (contract/operations.md).
    return pool.schema.check_new(given)


async def _claim(call: Call, pool: Pool, batch: Batch, user: UserRow, *, force: bool) -> None:
    """Claim the user's aliases; with ForceAliasCreation take them from whoever has them."""
    users = call.services.store.users
    dispossessed: dict[str, tuple[UserRow, dict[str, str]]] = {}
    for kind, alias in aliases_of(pool, user.attributes).items():
        owner = await users.find(pool.pool_id, alias.alias) if force and kind in pool.alias_attributes else None
        if owner is None:
            users.claim(batch, pool.pool_id, user.user_id, alias, _taken(pool, kind, user))
            continue
        users.move_alias(
            batch, pool.pool_id, alias.alias, owner=owner.user_id, heir=user.user_id, changed=ChangedMeanwhile()
        )
        _, attributes = dispossessed.get(owner.user_id, (owner, owner.attributes))
        dispossessed[owner.user_id] = (owner, {**attributes, f"{kind}_verified": "false"})
    for owner, attributes in dispossessed.values():
        users.update(batch, owner, user_with(owner, attributes=attributes), ChangedMeanwhile())
        batch.notify("user", f"{pool.pool_id}/{owner.user_id}")


def _taken(pool: Pool, kind: str, user: UserRow) -> Exception:
    """An incoming verified address clashes as an alias, an unverified one as a username (contract/rules.md §1)."""
    refusal = alias_taken(pool, kind, creating=True)
    if isinstance(refusal, UsernameExistsException) and user.attributes.get(f"{kind}_verified") == "true":
        return AliasExistsException(refusal.message)
    return refusal


async def _resend(call: Call, pool: Pool, request: AdminCreateUserRequest, password: str) -> UserRow:
    for _ in range(RACES):
        before = await call.services.directory.find_user(pool, request.username)
        if before is None:
            raise refusals.user_does_not_exist()
        if before.status != FORCE_CHANGE:
            raise UnsupportedUserStateException(
                f"Resend not possible. {before.username} status is not FORCE_CHANGE_PASSWORD"
            )
        after = user_with(
            before,
            credential=new_credential(call, pool, before.user_id, before.username, password),
            credential_version=before.credential_version + 1,
            password_expires_at=temporary_expiry(call, pool),
        )
        batch = Batch()
        user = change_user(call, pool, batch, before, after, ChangedMeanwhile())
        _send(call, pool, batch, request, user, password)
        call.services.audit(call, batch, "AdminCreateUserResend", pool_id=pool.pool_id, user_id=user.user_id)
        try:
            await call.commit(batch)
        except ChangedMeanwhile:
            continue
        return user
    raise InternalErrorException("The user is being changed by others, try again.")


def _send(call: Call, pool: Pool, batch: Batch, request: AdminCreateUserRequest, user: UserRow, password: str) -> None:
    if request.message_action == "SUPPRESS":
        return
    invite(
        call,
        pool,
        batch,
        username=request.username,
        attributes=user.attributes,
        password=password,
        expires_at=user.password_expires_at or call.now_ms,
        mediums=list(request.desired_delivery_mediums or ["SMS"]),
    )
