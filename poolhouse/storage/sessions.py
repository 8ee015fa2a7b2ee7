"""Sessions: one row per authentication, the live truth behind every token. Knows no token format."""

from msgspec import Struct

from poolhouse.storage.database import Batch, Database
from poolhouse.storage.users import WHOLE_USER, UserRow, whole_user_from_row


class SessionRow(Struct, frozen=True):
    """A session as it is stored; its id is the tokens' origin_jti, times are epoch milliseconds."""

    pool_id: str
    session_id: str
    user_id: str
    client_id: str
    generation: int
    auth_time: int
    expires_at: int
    revoked_at: int | None
    refresh_hash: bytes | None
    previous_hash: bytes | None
    rotated_at: int | None
    scope: str
    event_id: str
    device_key: str | None


class LiveSession(Struct, frozen=True):
    """A session beside its user, as one read saw them."""

    session: SessionRow
    user: UserRow

    @property
    def signed_out(self) -> bool:
        """Whether a global sign-out or a disabling came after this session began."""
        return self.session.generation != self.user.generation


_COLUMNS = (
    "pool_id, session_id, user_id, client_id, generation, auth_time, expires_at, revoked_at, refresh_hash, "
    "previous_hash, rotated_at, scope, event_id, device_key"
)
_BOTH = ", ".join([*(f"s.{column.strip()}" for column in _COLUMNS.split(",")), WHOLE_USER])
_SESSION_WIDTH = _COLUMNS.count(",") + 1


class Sessions:
    """Repository of sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def live(self, pool_id: str, session_id: str) -> LiveSession | None:
        """The session and its user; None when either is gone."""
        row = await self._database.fetch_row(
            f"SELECT {_BOTH} FROM sessions s JOIN users u ON u.pool_id = s.pool_id AND u.user_id = s.user_id "
            "WHERE s.pool_id = ? AND s.session_id = ?",
            pool_id,
            session_id,
        )
        if row is None:
            return None
        return LiveSession(SessionRow(*row[:_SESSION_WIDTH]), whole_user_from_row(row[_SESSION_WIDTH:]))

    async def state(self, pool_id: str, session_id: str) -> tuple[str, str, bool, bool, bool] | None:
        """(user_id, client_id, revoked, signed_out, enabled) of a session: all that a gateway asks for."""
        row = await self._database.fetch_row(
            "SELECT s.user_id, s.client_id, s.revoked_at IS NOT NULL, s.generation <> u.generation, u.enabled "
            "FROM sessions s JOIN users u ON u.pool_id = s.pool_id AND u.user_id = s.user_id "
            "WHERE s.pool_id = ? AND s.session_id = ?",
            pool_id,
            session_id,
        )
        return None if row is None else (row[0], row[1], bool(row[2]), bool(row[3]), row[4] == 1)

    def begin(self, batch: Batch, session: SessionRow, user: UserRow, refused: Exception) -> None:
        """Open a session for the user as they were read; raises `refused` if they were since changed.

        Disabled, deleted, signed out, or given another password between the read and this write: the insert
        finds no user to join and nothing is issued.
        """
        batch.add(
            f"INSERT INTO sessions ({_COLUMNS}) "
            "SELECT pool_id, CAST(? AS TEXT), user_id, CAST(? AS TEXT), generation, CAST(? AS BIGINT), "
            "CAST(? AS BIGINT), NULL, ?, NULL, NULL, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT) "
            "FROM users WHERE pool_id = ? AND user_id = ? AND enabled = 1 AND generation = ? "
            "AND credential_version = ?",
            session.session_id,
            session.client_id,
            session.auth_time,
            session.expires_at,
            session.refresh_hash,
            session.scope,
            session.event_id,
            session.device_key,
            user.pool_id,
            user.user_id,
            user.generation,
            user.credential_version,
            expect=1,
            refusal=refused,
        )

    def insert(self, batch: Batch, session: SessionRow) -> None:
        """Open a session whose user is changed by the same batch, which then guards the change itself."""
        batch.add(
            f"INSERT INTO sessions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            session.pool_id,
            session.session_id,
            session.user_id,
            session.client_id,
            session.generation,
            session.auth_time,
            session.expires_at,
            session.revoked_at,
            session.refresh_hash,
            session.previous_hash,
            session.rotated_at,
            session.scope,
            session.event_id,
            session.device_key,
        )

    def revoke(self, batch: Batch, pool_id: str, session_id: str, now: int) -> None:
        """End one session; ending it twice changes nothing."""
        batch.add(
            "UPDATE sessions SET revoked_at = ? WHERE pool_id = ? AND session_id = ? AND revoked_at IS NULL",
            now,
            pool_id,
            session_id,
        )

    def rotate(
        self,
        batch: Batch,
        session: SessionRow,
        refresh_hash: bytes,
        now: int,
        changed: Exception,
    ) -> None:
        """Replace the refresh token; raises `changed` when another request rotated it first."""
        batch.add(
            "UPDATE sessions SET previous_hash = refresh_hash, refresh_hash = ?, rotated_at = ? "
            "WHERE pool_id = ? AND session_id = ? AND refresh_hash = ? AND revoked_at IS NULL",
            refresh_hash,
            now,
            session.pool_id,
            session.session_id,
            session.refresh_hash,
            expect=1,
            refusal=changed,
        )
