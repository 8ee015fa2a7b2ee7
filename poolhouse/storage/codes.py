"""Codes that were sent to people, and counted windows that bound how many are sent and tried.

A code is kept as a hash only. Knows no length, no life and no limit: those are rules (poolhouse/userpools/codes.py).
"""

from msgspec import Struct

from poolhouse.storage.database import Batch, Database


class CodeRow(Struct, frozen=True):
    """A code that was sent; times are epoch milliseconds.

    user_id: whose it is, or the id that an unknown name is answered with. destination: where it went, in the form
    that its writer gave it. expires_at: 0 once it was used.
    """

    pool_id: str
    user_id: str
    purpose: str
    code_hash: bytes
    destination: str
    created_at: int
    expires_at: int


_COLUMNS = "pool_id, user_id, purpose, code_hash, destination, created_at, expires_at"


async def find_code(database: Database, pool_id: str, user_id: str, purpose: str) -> CodeRow | None:
    """The newest code of that purpose, whether it is still good or not."""
    row = await database.fetch_row(
        f"SELECT {_COLUMNS} FROM codes WHERE pool_id = ? AND user_id = ? AND purpose = ?", pool_id, user_id, purpose
    )
    return None if row is None else CodeRow(*row)


def replace_code(batch: Batch, row: CodeRow) -> None:
    """Keep the code; an older one of the same purpose is no longer good."""
    batch.add(
        f"INSERT INTO codes ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (pool_id, user_id, purpose) DO UPDATE SET code_hash = excluded.code_hash, "
        "destination = excluded.destination, created_at = excluded.created_at, expires_at = excluded.expires_at",
        row.pool_id,
        row.user_id,
        row.purpose,
        row.code_hash,
        row.destination,
        row.created_at,
        row.expires_at,
    )


def renew_code(batch: Batch, before: CodeRow, after: CodeRow, changed: Exception) -> None:
    """Keep `after` in place of `before`, or raise `changed` when that one has been replaced, used or taken back."""
    batch.add(
        "UPDATE codes SET code_hash = ?, destination = ?, created_at = ?, expires_at = ? "
        "WHERE pool_id = ? AND user_id = ? AND purpose = ? AND code_hash = ? AND expires_at = ?",
        after.code_hash,
        after.destination,
        after.created_at,
        after.expires_at,
        before.pool_id,
        before.user_id,
        before.purpose,
        before.code_hash,
        before.expires_at,
        expect=1,
        refusal=changed,
    )


def use_code(batch: Batch, row: CodeRow, now: int, used: Exception) -> None:
    """Use the code up, or raise `used` when it has been used, replaced or has expired by `now`.

    The row stays with its hash, so that whoever sends the right code again can be told what became of it.
    """
    batch.add(
        "UPDATE codes SET expires_at = 0 "
        "WHERE pool_id = ? AND user_id = ? AND purpose = ? AND code_hash = ? AND expires_at > ?",
        row.pool_id,
        row.user_id,
        row.purpose,
        row.code_hash,
        now,
        expect=1,
        refusal=used,
    )


def forget_code(batch: Batch, pool_id: str, user_id: str, purpose: str) -> None:
    """Take back a code of that purpose, if there is one."""
    batch.add("DELETE FROM codes WHERE pool_id = ? AND user_id = ? AND purpose = ?", pool_id, user_id, purpose)


def count_use(
    batch: Batch,
    pool_id: str,
    subject: str,
    purpose: str,
    now: int,
    *,
    amount: int = 1,
    limit: int,
    window: int,
    exceeded: Exception,
) -> None:
    """Count `amount` uses, or raise `exceeded` when they would be more than `limit` in a `window` (milliseconds).

    One statement counts and decides, so any number of uses in parallel are all counted. A window begins with its
    first use; one that lies in the future, because the clock has stepped back, is over as well.
    """
    over = f"abs(excluded.window_start - quotas.window_start) >= {window:d}"
    batch.add(
        "INSERT INTO quotas (pool_id, subject, purpose, window_start, used) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (pool_id, subject, purpose) DO UPDATE SET "
        f"window_start = CASE WHEN {over} THEN excluded.window_start ELSE quotas.window_start END, "
        f"used = CASE WHEN {over} THEN excluded.used ELSE quotas.used + excluded.used END "
        f"WHERE {over} OR quotas.used + excluded.used <= {limit:d}",
        pool_id,
        subject,
        purpose,
        now,
        amount,
        expect=1,
        refusal=exceeded,
    )
