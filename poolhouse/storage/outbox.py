"""The table of messages on their way out: adding, claiming for a time, settling, showing and pruning them.

A claim is a compare-and-swap on the row's tries and due time; it lapses by itself. Payloads come and go sealed.
"""

from typing import Literal

import msgspec

from poolhouse.storage.database import Batch, Database

State = Literal["pending", "sent", "failed"]

_COLUMNS = "message_id, pool_id, channel, recipient, payload, created_at, state, tries, next_try_at, sent_at, failure"


class OutboxRow(msgspec.Struct, frozen=True, array_like=True):
    """One message; times are epoch milliseconds."""

    message_id: str
    pool_id: str
    channel: Literal["EMAIL", "SMS"]
    recipient: str
    payload: bytes
    """Sealed; empty once it was sent and nothing keeps it."""
    created_at: int
    state: State
    tries: int
    next_try_at: int
    """When it is due; while a node is sending it, when that node's claim lapses."""
    sent_at: int | None = None
    failure: str | None = None


class ClaimLost(Exception):
    """Another node has claimed or settled the message in the meantime."""


def insert_message(batch: Batch, row: OutboxRow) -> None:
    """Add a message, in the same commit as the state that it speaks of."""
    batch.add(
        f"INSERT INTO outbox ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row.message_id,
        row.pool_id,
        row.channel,
        row.recipient,
        row.payload,
        row.created_at,
        row.state,
        row.tries,
        row.next_try_at,
        row.sent_at,
        row.failure,
    )


async def find_due(database: Database, now_ms: int, limit: int) -> list[OutboxRow]:
    """Messages that are due, longest due first."""
    rows = await database.fetch(
        f"SELECT {_COLUMNS} FROM outbox WHERE state = 'pending' AND next_try_at <= ? ORDER BY next_try_at LIMIT ?",
        now_ms,
        limit,
    )
    return [msgspec.convert(tuple(row), OutboxRow) for row in rows]


def claim_message(batch: Batch, row: OutboxRow, until_ms: int) -> None:
    """Take the message for oneself until then, counting one more try. The commit raises ClaimLost if it is taken."""
    batch.add(
        "UPDATE outbox SET tries = tries + 1, next_try_at = ?"
        " WHERE message_id = ? AND state = 'pending' AND tries = ? AND next_try_at = ?",
        until_ms,
        row.message_id,
        row.tries,
        row.next_try_at,
        expect=1,
        refusal=ClaimLost(row.message_id),
    )


def settle_sent(batch: Batch, message_id: str, now_ms: int, *, keep_payload: bool) -> None:
    """The message is out. Holds also when the claim has lapsed: sent is sent."""
    # An empty slice is the one spelling of empty bytes that both databases share.
    payload = "payload" if keep_payload else "substr(payload, 1, 0)"
    batch.add(
        f"UPDATE outbox SET state = 'sent', sent_at = ?, failure = NULL, payload = {payload}"
        " WHERE message_id = ? AND state = 'pending'",
        now_ms,
        message_id,
        expect=1,
        refusal=ClaimLost(message_id),
    )


def settle_retry(batch: Batch, message_id: str, tries: int, next_try_ms: int, failure: str) -> None:
    """It did not go out this time; `tries` proves that the claim is still ours."""
    batch.add(
        "UPDATE outbox SET next_try_at = ?, failure = ? WHERE message_id = ? AND state = 'pending' AND tries = ?",
        next_try_ms,
        failure,
        message_id,
        tries,
        expect=1,
        refusal=ClaimLost(message_id),
    )


def settle_failed(batch: Batch, message_id: str, tries: int, failure: str) -> None:
    """It will never go out; `tries` proves that the claim is still ours."""
    batch.add(
        "UPDATE outbox SET state = 'failed', failure = ? WHERE message_id = ? AND state = 'pending' AND tries = ?",
        failure,
        message_id,
        tries,
        expect=1,
        refusal=ClaimLost(message_id),
    )


async def find_newest(database: Database, *, before: str | None, recipient: str | None, limit: int) -> list[OutboxRow]:
    """Messages from the newest down, older than the id `before`, to one recipient or to all."""
    # Ids are hex digits, so a letter past them bounds none.
    bound = before if before is not None else "g"
    if recipient is None:
        rows = await database.fetch(
            f"SELECT {_COLUMNS} FROM outbox WHERE message_id < ? ORDER BY message_id DESC LIMIT ?", bound, limit
        )
    else:
        rows = await database.fetch(
            f"SELECT {_COLUMNS} FROM outbox WHERE recipient = ? AND message_id < ? ORDER BY message_id DESC LIMIT ?",
            recipient,
            bound,
            limit,
        )
    return [msgspec.convert(tuple(row), OutboxRow) for row in rows]


async def find_nth_newest_id(database: Database, place: int) -> str | None:
    """The id that has `place` newer ones, if there are so many."""
    rows = await database.scan("SELECT message_id FROM outbox ORDER BY message_id DESC LIMIT ?", place + 1)
    return msgspec.convert(rows[-1][0], str) if len(rows) > place else None


async def find_settled_before(database: Database, bound: str, limit: int) -> list[str]:
    """Ids below `bound` of messages that wait for nothing, oldest first."""
    rows = await database.scan(
        "SELECT message_id FROM outbox WHERE message_id < ? AND state <> 'pending' ORDER BY message_id LIMIT ?",
        bound,
        limit,
    )
    return [msgspec.convert(row[0], str) for row in rows]


def delete_settled(batch: Batch, first: str, last: str) -> None:
    """Forget the settled messages whose ids lie between these two, both included."""
    batch.add("DELETE FROM outbox WHERE message_id >= ? AND message_id <= ? AND state <> 'pending'", first, last)
