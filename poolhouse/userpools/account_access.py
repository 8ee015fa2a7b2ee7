"""The door of every self-service operation: an access token becomes its live user, or a refusal.

Owns the checks that all of them share (contract/operations.md, "User self-service").
"""

from msgspec import Struct

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import NotAuthorizedException
from poolhouse.storage.sessions import SessionRow
from poolhouse.storage.users import UserRow
from poolhouse.userpools.authority import TokenRefused, VerifiedToken
from poolhouse.userpools.claims import API_SCOPE
from poolhouse.userpools.directory import Client, Pool
from poolhouse.userpools.refusals import access_token_refused


class Account(Struct, frozen=True):
    """Who calls with an access token, read now."""

    pool: Pool
    client: Client
    session: SessionRow
    user: UserRow


async def open_account(call: Call, access_token: str) -> Account:
    """The live user of an access token with the scope of the user's own account.

    Raises NotAuthorizedException (ATINV, ATEXP, ATREV, SCOPE) or UserNotFoundException.
    """
    services = call.services
    try:
        token = await services.authority.verify_signature(access_token)
        _require_access_token(token)
        live = await services.authority.live_session(token)
    except TokenRefused as refused:
        raise access_token_refused(refused) from refused
    client = await services.directory.find_client(token.client_id)
    if client is None or client.pool_id != token.pool_id:
        raise NotAuthorizedException("Invalid Access Token")
    pool = await services.directory.pool(token.pool_id)
    return Account(pool, client, live.session, live.user)


def _require_access_token(token: VerifiedToken) -> None:
    if token.token_use != "access":
        raise NotAuthorizedException("Invalid Access Token")
    scopes = token.claims.get("scope")
    if not isinstance(scopes, str) or API_SCOPE not in scopes.split(" "):
        raise NotAuthorizedException("Access Token does not have required scopes")
