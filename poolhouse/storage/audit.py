"""The audit trail: what happened to whom, by whom, written in the batch that did it. Holds no attribute values."""

from msgspec import Struct

from poolhouse.storage.database import Batch, Database


class AuditRow(Struct, frozen=True):
    """One audited event; `event_id` sorts by time, `at` is epoch milliseconds, `detail` is JSON without secrets."""

    pool_id: str
    event_id: str
    at: int
    event: str
    user_id: str | None = None
    client_id: str | None = None
    actor: str | None = None
    address: str | None = None
    request_id: str | None = None
    detail: str | None = None


_COLUMNS = "pool_id, event_id, at, event, user_id, client_id, actor, address, request_id, detail"


class Audit:
    """Repository of audit events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, batch: Batch, row: AuditRow) -> None:
        batch.add(
            f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row.pool_id,
            row.event_id,
            row.at,
            row.event,
            row.user_id,
            row.client_id,
            row.actor,
            row.address,
            row.request_id,
            row.detail,
        )

    async def newest(self, pool_id: str, limit: int) -> list[AuditRow]:
        rows = await self._database.fetch(
            f"SELECT {_COLUMNS} FROM audit WHERE pool_id = ? ORDER BY event_id DESC LIMIT ?", pool_id, limit
        )
        return [AuditRow(*row) for row in rows]
