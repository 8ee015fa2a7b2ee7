"""Issues tokens: opens the session that they belong to and signs them.

Owns issuer, lifetimes and the response's shape. Knows not how the user proved themselves.
"""

from poolhouse.call import Call
from poolhouse.model.cognito_idp_model import AuthenticationResultType, ResourceNotFoundException
from poolhouse.storage.database import Batch
from poolhouse.storage.sessions import SessionRow
from poolhouse.storage.users import UserRow
from poolhouse.userpools.claims import API_SCOPE, TokenFacts, access_claims, id_claims
from poolhouse.userpools.directory import Client, Pool
from poolhouse.userpools.pool_tags import ISSUER_TAG
from poolhouse.userpools.refresh_tokens import refresh_hash
from poolhouse.userpools.signing import PoolKeys

_UNIT_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
_DEFAULT_SECONDS = 3600
_DEFAULT_REFRESH_SECONDS = 30 * 86400


def access_seconds(client: Client) -> int:
    """How long an access token of this client lives."""
    units = client.settings.token_validity_units
    unit = (units.access_token if units else None) or "hours"
    return (client.settings.access_token_validity or 0) * _UNIT_SECONDS[unit] or _DEFAULT_SECONDS


def id_seconds(client: Client) -> int:
    """How long an ID token of this client lives."""
    units = client.settings.token_validity_units
    unit = (units.id_token if units else None) or "hours"
    return (client.settings.id_token_validity or 0) * _UNIT_SECONDS[unit] or _DEFAULT_SECONDS


def refresh_seconds(client: Client) -> int:
    """How long a refresh token of this client, and with it its session, lives."""
    units = client.settings.token_validity_units
    unit = (units.refresh_token if units else None) or "days"
    return (client.settings.refresh_token_validity or 0) * _UNIT_SECONDS[unit] or _DEFAULT_REFRESH_SECONDS


def issuer_of(call: Call, pool: Pool) -> str:
    """The `iss` of the pool's tokens, by the pool's choice or the installation's (design.md §4)."""
    settings = call.services.settings
    form = (pool.settings.user_pool_tags or {}).get(ISSUER_TAG, settings.issuer)
    if form == "aws":
        region = pool.pool_id.partition("_")[0]
        return f"https://cognito-idp.{region}.amazonaws.com/{pool.pool_id}"
    base = call.issuer_base if form == "host" and call.issuer_base is not None else settings.public_url
    return f"{base}/{pool.pool_id}"


class Issue:
    """A session about to be opened for a user who has proved themselves: its row, and its tokens once committed."""

    __slots__ = ("_call", "_client", "_pool", "_refresh_token", "session", "user")

    def __init__(self, call: Call, pool: Pool, client: Client, user: UserRow) -> None:
        self._call = call
        self._pool = pool
        self._client = client
        self.user = user
        session_id = call.new_uuid()
        self._refresh_token = call.services.refresh_tokens.first(call.chance, pool.pool_id, session_id)
        tracked = client.settings.enable_token_revocation is not False
        self.session = SessionRow(
            pool_id=pool.pool_id,
            session_id=session_id,
            user_id=user.user_id,
            client_id=client.client_id,
            generation=user.generation,
            auth_time=call.now_ms,
            expires_at=call.now_ms + refresh_seconds(client) * 1000,
            revoked_at=None,
            refresh_hash=refresh_hash(self._refresh_token),
            previous_hash=None,
            rotated_at=None,
            scope=API_SCOPE,
            # Without origin_jti in the tokens, event_id is what leads from a token to its session.
            event_id=call.new_uuid() if tracked else session_id,
            device_key=None,
        )

    def open(self, batch: Batch, refused: Exception) -> None:
        """Open the session in `batch`, unless the user has changed since they were read."""
        self._call.services.store.sessions.begin(batch, self.session, self.user, refused)

    def open_changed(self, batch: Batch) -> None:
        """Open the session of a user whom `batch` changes, and whose change is guarded."""
        self._call.services.store.sessions.insert(batch, self.session)

    async def tokens(self) -> AuthenticationResultType:
        """The tokens; only for a session that is committed."""
        return await sign_tokens(
            self._call, self._pool, self._client, self.session, self.user, refresh_token=self._refresh_token
        )


async def sign_tokens(
    call: Call, pool: Pool, client: Client, session: SessionRow, user: UserRow, *, refresh_token: str | None
) -> AuthenticationResultType:
    """ID and access token of a session as of now, and the refresh token if there is a new one."""
    keys = await _keys(call, pool)
    tracked = client.settings.enable_token_revocation is not False
    # Only a session that began untracked is found by event_id: another keeps its origin_jti when that is switched off.
    tracked = tracked or session.event_id != session.session_id
    facts = TokenFacts(
        user=user,
        groups=await call.services.store.groups.of_user(pool.pool_id, user.user_id) if user.grouped else [],
        client_id=client.client_id,
        issuer=issuer_of(call, pool),
        auth_time=session.auth_time // 1000,
        iat=int(call.now),
        event_id=session.event_id,
        origin_jti=session.session_id if tracked else None,
    )
    lifetime = access_seconds(client)
    access = access_claims(
        facts, scope=session.scope, device_key=session.device_key, jti=call.new_uuid(), lifetime=lifetime
    )
    identity = id_claims(facts, client.readable, jti=call.new_uuid(), lifetime=id_seconds(client))
    return AuthenticationResultType(
        access_token=keys.access.sign(access),
        id_token=keys.id.sign(identity),
        refresh_token=refresh_token,
        expires_in=lifetime,
        token_type="Bearer",
    )


async def _keys(call: Call, pool: Pool) -> PoolKeys:
    keys = await call.services.signing.keys(pool.pool_id)
    if keys is None:
        raise ResourceNotFoundException(f"User pool {pool.pool_id} does not exist.")
    return keys
