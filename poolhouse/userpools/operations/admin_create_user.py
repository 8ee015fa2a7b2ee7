"""AdminCreateUser: create and invite, or invite again (contract/operations.md, "Admin: users")."""

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    AdminCreateUserRequest,
    AdminCreateUserResponse,
    AliasExistsException,
    InvalidParameterException,
    UnsupportedUserStateException,
    UsernameExistsException,
)
from poolhouse.storage.database import Batch
from poolhouse.storage.users import Alias, UserRow
from poolhouse.userpools import refusals
from poolhouse.userpools.alias_moves import take_aliases
from poolhouse.userpools.attributes import attributes_by_name
from poolhouse.userpools.credentials import new_credential
from poolhouse.userpools.directory import Pool
from poolhouse.userpools.invitations import invite
from poolhouse.userpools.operations.admin_users import temporary_expiry
from poolhouse.userpools.passwords import check_password_policy, temporary_password
from poolhouse.userpools.races import ChangedMeanwhile, until_settled
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

    async def create() -> UserRow:
        batch = Batch()
        users = call.services.store.users
        users.insert(batch, user)
        taken = UsernameExistsException("User account already exists")
        users.claim(batch, pool.pool_id, user_id, Alias(pool.fold(username), "username"), taken)
        forced: list[Alias] = []
        for kind, alias in aliases_of(pool, attributes).items():
            # Only an alias moves: an address that is a username is nobody else's.
            if request.force_alias_creation and kind in pool.alias_attributes:
                forced.append(alias)
            else:
                users.claim(batch, pool.pool_id, user_id, alias, _taken(pool, kind, user))
        await take_aliases(call, pool, batch, user_id, forced, ChangedMeanwhile())
        _send(call, pool, batch, request, request.username, user, password)
        call.services.audit(call, batch, "AdminCreateUser", pool_id=pool.pool_id, user_id=user_id)
        await call.commit(batch)
        return user

    return await until_settled(create)


def _attributes(pool: Pool, request: AdminCreateUserRequest, kind: str | None) -> dict[str, str]:
    given = attributes_by_name(request.user_attributes)
    if kind is not None and pool.fold(given.setdefault(kind, request.username)) != pool.fold(request.username):
        raise InvalidParameterException(f"The {kind} attribute must be the username.")
    # Required attributes are asked for at the first sign-in, not here (contract/operations.md).
    return pool.schema.check_new(given)


def _taken(pool: Pool, kind: str, user: UserRow) -> Exception:
    """An incoming verified address clashes as an alias, an unverified one as a username (contract/rules.md §1)."""
    refusal = alias_taken(pool, kind, creating=True)
    if isinstance(refusal, UsernameExistsException) and user.attributes.get(f"{kind}_verified") == "true":
        return AliasExistsException(refusal.message)
    return refusal


async def _resend(call: Call, pool: Pool, request: AdminCreateUserRequest, password: str) -> UserRow:
    async def resend() -> UserRow:
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
        _send(call, pool, batch, request, _known_name(pool, user, request.username), user, password)
        call.services.audit(call, batch, "AdminCreateUserResend", pool_id=pool.pool_id, user_id=user.user_id)
        await call.commit(batch)
        return user

    return await until_settled(resend)


def _known_name(pool: Pool, user: UserRow, named: str) -> str:
    """The name that an existing user knows and signs in with, also where the administrator `named` them by id."""
    if not pool.username_attributes:
        return user.username
    if named != user.username:
        return named
    addresses = (user.attributes.get(kind) for kind in ("email", "phone_number") if kind in pool.username_attributes)
    return next((address for address in addresses if address), user.username)


def _send(
    call: Call,
    pool: Pool,
    batch: Batch,
    request: AdminCreateUserRequest,
    username: str,
    user: UserRow,
    password: str,
) -> None:
    if request.message_action == "SUPPRESS":
        return
    invite(
        call,
        pool,
        batch,
        username=username,
        attributes=user.attributes,
        password=password,
        expires_at=user.password_expires_at or call.now_ms,
        mediums=list(request.desired_delivery_mediums or ["SMS"]),
    )
