"""What decides races between sign-ins: failed attempts that lock, and tokens that are used once."""

from poolhouse.storage.database import Batch, Database

FREE_FAILURES = 5
LONGEST_LOCK_MS = 900_000
QUIET_MS = 900_000
"""So long without a failure, and the count starts anew (contract/auth-flows.md §10)."""
BEYOND_MS = 2 * LONGEST_LOCK_MS
"""A lock that ends later than any lock can was set by a clock that has since been put back: it has lapsed."""


def count_failure(batch: Batch, pool_id: str, subject: str, now: int, locked: Exception) -> None:
    """Count a failed attempt, or raise `locked` while the subject is locked (which does not extend the lock).

    One statement counts and locks, so any number of guesses in parallel are all counted: the fifth failure locks
    for 1 s, each further one twice as long, up to 15 minutes.
    """
    batch.add(
        "INSERT INTO attempts (pool_id, subject, failures, last_failed_at, locked_until) VALUES (?, ?, 1, ?, 0) "
        "ON CONFLICT (pool_id, subject) DO UPDATE SET "
        f"failures = CASE WHEN excluded.last_failed_at - attempts.last_failed_at > {QUIET_MS} "
        "THEN 1 ELSE attempts.failures + 1 END, "
        "last_failed_at = excluded.last_failed_at, "
        f"locked_until = CASE WHEN excluded.last_failed_at - attempts.last_failed_at > {QUIET_MS} THEN 0 "
        f"WHEN attempts.failures + 1 < {FREE_FAILURES} THEN 0 "
        f"WHEN attempts.failures + 1 > {FREE_FAILURES + 10} THEN excluded.last_failed_at + {LONGEST_LOCK_MS} "
        f"ELSE excluded.last_failed_at + 1000 * (1 << CAST(attempts.failures + 1 - {FREE_FAILURES} AS INTEGER)) END "
        "WHERE attempts.locked_until <= excluded.last_failed_at "
        f"OR attempts.locked_until > excluded.last_failed_at + {BEYOND_MS}",
        pool_id,
        subject,
        now,
        expect=1,
        refusal=locked,
    )


def count_success(batch: Batch, pool_id: str, subject: str, now: int, locked: Exception) -> None:
    """Forget the failures of a subject that has proved itself, or raise `locked` while it is locked.

    The row is written even when nothing had failed: on PostgreSQL only a row both touch makes a right and a
    wrong guess take turns, and a right one must not slip through a lock that is just being set.
    """
    batch.add(
        "INSERT INTO attempts (pool_id, subject, failures, last_failed_at, locked_until) VALUES (?, ?, 0, 0, 0) "
        "ON CONFLICT (pool_id, subject) DO UPDATE SET failures = 0, last_failed_at = 0, locked_until = 0 "
        "WHERE attempts.locked_until <= ? OR attempts.locked_until > ?",
        pool_id,
        subject,
        now,
        now + BEYOND_MS,
        expect=1,
        refusal=locked,
    )


def spend(batch: Batch, pool_id: str, token_id: str, expires_at: int, used: Exception) -> None:
    """Use up a single-use token, or raise `used` when it has been."""
    batch.add(
        "INSERT INTO spent (pool_id, token_id, expires_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        pool_id,
        token_id,
        expires_at,
        expect=1,
        refusal=used,
    )


async def is_spent(database: Database, pool_id: str, token_id: str) -> bool:
    """Whether a token has been used: only to choose the words of a refusal that is certain already."""
    row = await database.fetch_row("SELECT 1 FROM spent WHERE pool_id = ? AND token_id = ?", pool_id, token_id)
    return row is not None
