"""Refresh tokens at work: REFRESH_TOKEN_AUTH and GetTokensFromRefreshToken (contract/auth-flows.md §9)."""

import hmac

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    AuthenticationResultType,
    NotAuthorizedException,
    RefreshTokenReuseException,
)
from poolhouse.storage.database import Batch
from poolhouse.storage.sessions import LiveSession, SessionRow
from poolhouse.userpools import refusals
from poolhouse.userpools.directory import Client, Pool
from poolhouse.userpools.issuing import sign_tokens
from poolhouse.userpools.refresh_tokens import refresh_hash
from poolhouse.userpools.signin.step import Parameters, require
from poolhouse.userpools.srp import verify_secret_hash


class _RotatedMeanwhile(Exception):
    """Another request has just rotated the same token."""


def rotates(client: Client) -> bool:
    """Whether each refresh gives this client a new refresh token."""
    rotation = client.settings.refresh_token_rotation
    return rotation is not None and rotation.feature == "ENABLED"


async def refresh_by_flow(call: Call, pool: Pool, client: Client, parameters: Parameters) -> AuthenticationResultType:
    """REFRESH_TOKEN_AUTH: new ID and access token, the refresh token stays."""
    if rotates(client):
        # DEVIATION: REFRESH_TOKEN_AUTH on a rotating client is refused in our words; the service's are not known
        # (contract/auth-flows.md §9).
        raise NotAuthorizedException("Refresh token rotation is enabled: use GetTokensFromRefreshToken.")
    token = require(parameters, "REFRESH_TOKEN")
    live = await _live(call, pool, client, token)
    _check_hash(client, parameters, live)
    return await sign_tokens(call, pool, client, live.session, live.user, refresh_token=None)


async def refresh_by_operation(call: Call, pool: Pool, client: Client, token: str) -> AuthenticationResultType:
    """GetTokensFromRefreshToken: as above, and with rotation a new refresh token in place of the old.

    Within the grace a token that has been replaced is answered with its one successor again: its client may never
    have got it.
    """
    live = await _live(call, pool, client, token)
    if not rotates(client):
        return await sign_tokens(call, pool, client, live.session, live.user, refresh_token=None)
    fresh = call.services.refresh_tokens.successor(token)
    if hmac.compare_digest(live.session.refresh_hash or b"", refresh_hash(token)):
        batch = Batch()
        call.services.store.sessions.rotate(batch, live.session, refresh_hash(fresh), call.now_ms, _RotatedMeanwhile())
        try:
            await call.commit(batch)
        except _RotatedMeanwhile:
            # By another request with the same token, and so to the same successor; or the session has ended.
            live = await _still_live(call, pool, client, live)
    return await sign_tokens(call, pool, client, live.session, live.user, refresh_token=fresh)


async def _still_live(call: Call, pool: Pool, client: Client, before: LiveSession) -> LiveSession:
    live = await call.services.store.sessions.live(pool.pool_id, before.session.session_id)
    if live is None or live.session.client_id != client.client_id:
        raise refusals.invalid_refresh_token()
    _refuse_ended(call, live)
    return live


async def _live(call: Call, pool: Pool, client: Client, token: str) -> LiveSession:
    """The live session of a refresh token. Raises what the service answers to a dead one."""
    named = call.services.refresh_tokens.read(token)
    if named is None or named.pool_id != pool.pool_id:
        raise refusals.invalid_refresh_token()
    live = await call.services.store.sessions.live(pool.pool_id, named.session_id)
    if live is None or live.session.client_id != client.client_id:
        raise refusals.invalid_refresh_token()
    _refuse_ended(call, live)
    await _refuse_replaced(call, client, live.session, token)
    return live


def _refuse_ended(call: Call, live: LiveSession) -> None:
    if live.session.revoked_at is not None:
        raise NotAuthorizedException("Refresh Token has been revoked")
    if not live.user.enabled:
        raise refusals.user_disabled()
    if live.signed_out:
        raise NotAuthorizedException("Refresh Token has been revoked")
    if live.session.expires_at <= call.now_ms:
        raise NotAuthorizedException("Refresh Token has expired")


async def _refuse_replaced(call: Call, client: Client, session: SessionRow, token: str) -> None:
    """A genuine token must be the session's, or its predecessor within the grace; any older one ends the session."""
    given = refresh_hash(token)
    if hmac.compare_digest(session.refresh_hash or b"", given):
        return
    rotation = client.settings.refresh_token_rotation
    grace = (rotation.retry_grace_period_seconds or 0) if rotation is not None else 0
    replaced_last = hmac.compare_digest(session.previous_hash or b"", given)
    if replaced_last and call.now_ms <= (session.rotated_at or 0) + grace * 1000:
        return
    batch = Batch()
    call.services.store.sessions.revoke(batch, session.pool_id, session.session_id, call.now_ms)
    batch.notify("session", f"{session.pool_id}/{session.session_id}")
    call.services.audit(
        call, batch, "RefreshTokenReuse", pool_id=session.pool_id, user_id=session.user_id, client_id=client.client_id
    )
    await call.commit(batch)
    raise RefreshTokenReuseException("Refresh token has already been used.")


def _check_hash(client: Client, parameters: Parameters, live: LiveSession) -> None:
    """SECRET_HASH of a refresh is over the canonical username (contract/auth-flows.md §7)."""
    given = parameters.get("SECRET_HASH")
    if client.secrets and given is None:
        raise NotAuthorizedException(
            f"Client {client.client_id} is configured with secret but SECRET_HASH was not received"
        )
    if given is None:
        return
    if not verify_secret_hash(given, live.user.username, client.client_id, client.secrets):
        raise NotAuthorizedException(f"SecretHash does not match for the client: {client.client_id}")
