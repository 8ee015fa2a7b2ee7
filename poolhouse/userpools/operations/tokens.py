"""Tokens by API: refresh and revoke one sign-in's tokens (contract/tokens.md §7, auth-flows.md §9)."""

import hmac

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import (
    GetTokensFromRefreshTokenRequest,
    GetTokensFromRefreshTokenResponse,
    InvalidParameterException,
    NotAuthorizedException,
    RevokeTokenRequest,
    RevokeTokenResponse,
    UnauthorizedException,
    UnsupportedOperationException,
    UnsupportedTokenTypeException,
)
from poolhouse.storage.database import Batch
from poolhouse.userpools.directory import Client
from poolhouse.userpools.registry import operation
from poolhouse.userpools.signin.refresh import refresh_by_operation


@operation
async def get_tokens_from_refresh_token(
    call: Call, request: GetTokensFromRefreshTokenRequest
) -> GetTokensFromRefreshTokenResponse:
    """New tokens for a refresh token, rotating it where the client says so."""
    client = await call.services.directory.client(request.client_id)
    pool = await call.services.directory.pool(client.pool_id)
    _check_client_secret(client, request.client_secret, NotAuthorizedException)
    result = await refresh_by_operation(call, pool, client, request.refresh_token)
    return GetTokensFromRefreshTokenResponse(authentication_result=result)


@operation
async def revoke_token(call: Call, request: RevokeTokenRequest) -> RevokeTokenResponse:
    """End the session of a refresh token, replaced or not, and with it every token of that sign-in.

    Garbage changes nothing.
    """
    client = await call.services.directory.find_client(request.client_id)
    if client is None:
        raise InvalidParameterException("Invalid client id")
    _check_client_secret(client, request.client_secret, UnauthorizedException)
    if client.settings.enable_token_revocation is False:
        raise UnsupportedOperationException("Token revocation is not enabled for this client.")
    if request.token.count(".") == 2:
        raise UnsupportedTokenTypeException("Unsupported token type")
    await _revoke(call, client, request.token)
    return RevokeTokenResponse()


async def _revoke(call: Call, client: Client, token: str) -> None:
    named = call.services.refresh_tokens.read(token)
    if named is None or named.pool_id != client.pool_id:
        return
    live = await call.services.store.sessions.live(named.pool_id, named.session_id)
    if live is None or live.session.client_id != client.client_id:
        return
    batch = Batch()
    call.services.store.sessions.revoke(batch, named.pool_id, named.session_id, call.now_ms)
    batch.notify("session", f"{named.pool_id}/{named.session_id}")
    call.services.audit(
        call, batch, "RevokeToken", pool_id=named.pool_id, user_id=live.user.user_id, client_id=client.client_id
    )
    await call.commit(batch)


def _check_client_secret(
    client: Client, given: str | None, refusal: type[NotAuthorizedException] | type[UnauthorizedException]
) -> None:
    if not client.secrets:
        return
    if given is None:
        raise refusal(f"Client {client.client_id} is configured with secret but secret was not received")
    if not any([hmac.compare_digest(given.encode(), secret.encode()) for secret in client.secrets]):
        raise refusal("Invalid client secret")
