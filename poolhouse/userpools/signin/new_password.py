"""The NEW_PASSWORD_REQUIRED challenge: a temporary password makes way for the user's own (auth-flows.md §3)."""

import msgspec

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import InitiateAuthResponse, InvalidParameterException
from poolhouse.storage.attempts import is_spent
from poolhouse.storage.users import UserRow
from poolhouse.userpools import refusals
from poolhouse.userpools.attributes import check_client_writes
from poolhouse.userpools.credentials import new_credential
from poolhouse.userpools.directory import Client, Pool
from poolhouse.userpools.passwords import check_password_policy
from poolhouse.userpools.signin.first_factor import NEW_PASSWORD
from poolhouse.userpools.signin.session_string import ChallengeSession, open_session
from poolhouse.userpools.signin.step import Parameters, Step, check_secret_hash, require, require_username
from poolhouse.userpools.user_writes import change_user, with_written

_PREFIX = "userAttributes."


async def answer_new_password(
    call: Call, pool: Pool, client: Client, responses: Parameters, session: str | None
) -> InitiateAuthResponse:
    """Set the new password and answer with tokens. A refused password or attribute leaves the session usable."""
    if not session:
        raise refusals.missing_parameter("Session")
    username = require_username(responses)
    password = require(responses, "NEW_PASSWORD")
    check_secret_hash(client, responses, username)
    state = open_session(call, pool, client, session, NEW_PASSWORD)
    user = await _user_of(call, pool, state, username)
    check_password_policy(pool.settings, password)
    attributes = _attributes(pool, client, user, responses)
    return await _conclude(Step(call, pool, client, user.user_id), state, user, password, attributes)


async def _user_of(call: Call, pool: Pool, state: ChallengeSession, username: str) -> UserRow:
    user = await call.services.store.users.get(pool.pool_id, state.user_id)
    if user is None:
        raise refusals.session_of_another()
    if username != state.username:
        named = await call.services.directory.find_signing_in(pool, username)
        if named is None or named.user_id != state.user_id:
            raise refusals.session_of_another()
    if not user.enabled:
        raise refusals.user_disabled()
    if user.credential_version != state.credential_version or user.generation != state.generation:
        if await is_spent(call.services.database, pool.pool_id, state.token_id):
            raise refusals.session_used()
        raise refusals.session_expired()
    return user


def _attributes(pool: Pool, client: Client, user: UserRow, responses: Parameters) -> dict[str, str]:
    """The user's attributes with those that come with the answer; each required one must then be there."""
    given = {name.removeprefix(_PREFIX): value for name, value in responses.items() if name.startswith(_PREFIX)}
    check_client_writes(given, client.writable)
    for name, value in given.items():
        held = user.attributes.get(name)
        definition = pool.schema.get(name)
        fixed = name in pool.schema.required or (definition is not None and definition.mutable is False)
        if held is not None and held != value and fixed:
            raise InvalidParameterException(f"Cannot modify an already provided {name}")
    after = with_written(user.attributes, pool.schema.check_new(given))
    missing = pool.schema.missing(after)
    if missing:
        listed = " and ".join(f"{name} is missing" for name in missing)
        raise InvalidParameterException(f"Invalid attributes given, {listed}")
    return after


async def _conclude(
    step: Step, state: ChallengeSession, user: UserRow, password: str, attributes: dict[str, str]
) -> InitiateAuthResponse:
    call, pool = step.call, step.pool
    step.spend(state.token_id, state.expires_at, refusals.session_used())
    after = msgspec.structs.replace(
        user,
        status="CONFIRMED",
        credential=new_credential(call, pool, user.user_id, user.username, password),
        credential_version=user.credential_version + 1,
        password_expires_at=None,
        attributes=attributes,
    )
    changed = change_user(call, pool, step.batch, user, after, refusals.session_expired())
    result = await step.grant_changed(changed)
    return InitiateAuthResponse(challenge_parameters={}, authentication_result=result)
