"""Whether a token is genuine and its session alive: the one answer for the API, the gateway and forward-auth.

That a session lives is held, for all of its tokens, only while the feed of notices proves that no node has ended it
meanwhile; then the database is asked again. Knows no transport and never says to a caller why it refused.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from poolhouse.crypto.jwt import BadSignature, InvalidToken, UnknownKey, unverified_issuer
from poolhouse.storage.database import Database
from poolhouse.storage.sessions import LiveSession, Sessions
from poolhouse.userpools.directory import Directory
from poolhouse.userpools.signing import Signing

TOKENS_HELD = 20_000
SESSIONS_HELD = 20_000
PROPAGATION_SECONDS = 0.9
"""How old the feed's last proof may be: a sign-out anywhere must be honoured within a second (design.md §4)."""

Reason = Literal[
    "malformed",
    "unknown_key",
    "bad_signature",
    "expired",
    "wrong_pool",
    "revoked",
    "signed_out",
    "user_disabled",
    "user_deleted",
    "client_deleted",
]


class TokenRefused(Exception):
    """A token that opens nothing, and why: for the log, never for the caller."""

    def __init__(self, reason: Reason, pool_id: str | None = None, client_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pool_id = pool_id
        self.client_id = client_id


class VerifiedToken(Struct, frozen=True):
    """A genuine token of ours, unexpired when it was verified. `claims` are in the token's order."""

    pool_id: str
    token_use: str
    client_id: str
    user_id: str
    session_id: str
    session_key: str
    """What notices call the session."""
    expires_at: int
    claims: dict[str, object]


class SessionAuthority:
    """Verifies tokens of every pool of this installation."""

    def __init__(
        self, database: Database, sessions: Sessions, signing: Signing, directory: Directory, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._signing = signing
        self._directory = directory
        self._clock = clock
        self._genuine: OrderedDict[str, VerifiedToken] = OrderedDict()
        self._alive: set[str] = set()
        """Keys of sessions that lived when they were last looked at, and of whose end no notice has come."""
        self._by_owner: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        """The same by their users and clients."""
        self._added = 0
        """Keys that have been added since none was held; those by owner outlive their sessions."""
        self._notices = 0

    def on_notice(self, topic: str, key: str) -> None:
        """Hold nothing of what a node says has changed."""
        self._notices += 1
        if topic in ("", "keys"):
            self._genuine.clear()
        if key == "" or topic in ("", "keys", "pool"):
            self._hold_none()
        elif topic == "session":
            self._alive.discard(key)
        else:
            self._alive -= self._by_owner.pop((topic, key), set())

    async def verify(self, token: str) -> VerifiedToken:
        """A genuine, unexpired token of a live session. Raises TokenRefused."""
        verified = await self.verify_signature(token)
        if verified.session_key in self._alive and self._database.feed_age() < PROPAGATION_SECONDS:
            return verified
        notices = self._notices
        await self._check_alive(verified)
        if notices == self._notices:
            self._hold_alive(verified)
        return verified

    async def verify_signature(self, token: str) -> VerifiedToken:
        """A genuine, unexpired token, whatever has become of its session. Raises TokenRefused."""
        genuine = self._genuine.get(token)
        if genuine is None:
            genuine = await self._read(token)
            self._genuine[token] = genuine
            if len(self._genuine) > TOKENS_HELD:
                self._genuine.popitem(last=False)
        if genuine.expires_at <= self._clock():
            raise TokenRefused("expired", genuine.pool_id, genuine.client_id)
        return genuine

    async def live_session(self, token: VerifiedToken) -> LiveSession:
        """The session and user of a genuine token, read now. Raises TokenRefused."""
        found = await self._sessions.live(token.pool_id, token.session_id)
        if found is None:
            raise TokenRefused("user_deleted", token.pool_id, token.client_id)
        session = found.session
        await self._require_pool(token)
        self._refuse_dead(
            token, found.user.enabled, revoked=session.revoked_at is not None, signed_out=found.signed_out
        )
        return found

    async def _check_alive(self, token: VerifiedToken) -> None:
        state = await self._sessions.state(token.pool_id, token.session_id)
        if state is None:
            raise TokenRefused("user_deleted", token.pool_id, token.client_id)
        await self._require_pool(token)
        _, client_id, revoked, signed_out, enabled = state
        self._refuse_dead(token, enabled, revoked=revoked, signed_out=signed_out)
        client = await self._directory.find_client(client_id)
        if client is None or client.pool_id != token.pool_id:
            raise TokenRefused("client_deleted", token.pool_id, token.client_id)

    async def _require_pool(self, token: VerifiedToken) -> None:
        """Raise TokenRefused when the pool may have been deleted unheard, and has: its rows go later than itself."""
        if self._database.feed_age() >= PROPAGATION_SECONDS and not await self._directory.exists_now(token.pool_id):
            raise TokenRefused("wrong_pool", token.pool_id, token.client_id)

    @staticmethod
    def _refuse_dead(token: VerifiedToken, enabled: bool, *, revoked: bool, signed_out: bool) -> None:
        if not enabled:
            raise TokenRefused("user_disabled", token.pool_id, token.client_id)
        if revoked:
            raise TokenRefused("revoked", token.pool_id, token.client_id)
        if signed_out:
            raise TokenRefused("signed_out", token.pool_id, token.client_id)

    async def _read(self, token: str) -> VerifiedToken:
        try:
            pool_id = unverified_issuer(token).rpartition("/")[2]
            keys = await self._signing.keys(pool_id)
            if keys is None:
                raise TokenRefused("wrong_pool")
            claims = keys.public.verify(token)
        except UnknownKey as error:
            raise TokenRefused("unknown_key", pool_id) from error
        except BadSignature as error:
            raise TokenRefused("bad_signature", pool_id) from error
        except InvalidToken as error:
            raise TokenRefused("malformed") from error
        return _verified(pool_id, claims)

    def _hold_alive(self, token: VerifiedToken) -> None:
        if self._added >= SESSIONS_HELD:
            self._hold_none()
        self._added += 1
        self._alive.add(token.session_key)
        self._by_owner["user", f"{token.pool_id}/{token.user_id}"].add(token.session_key)
        self._by_owner["client", token.client_id].add(token.session_key)

    def _hold_none(self) -> None:
        self._added = 0
        self._alive.clear()
        self._by_owner.clear()


def _verified(pool_id: str, claims: dict[str, object]) -> VerifiedToken:
    """A genuine token's facts. It was signed by us, so a missing claim means a token of another kind."""
    use = claims.get("token_use")
    client_id = claims.get("client_id") if use == "access" else claims.get("aud")
    user_id, expires_at = claims.get("sub"), claims.get("exp")
    # Where the client has revocation switched off there is no origin_jti; its event_id then names the session.
    session_id = claims.get("origin_jti", claims.get("event_id"))
    if (
        not isinstance(use, str)
        or not isinstance(client_id, str)
        or not isinstance(user_id, str)
        or not isinstance(session_id, str)
        or not isinstance(expires_at, int)
    ):
        raise TokenRefused("malformed", pool_id)
    return VerifiedToken(pool_id, use, client_id, user_id, session_id, f"{pool_id}/{session_id}", expires_at, claims)
