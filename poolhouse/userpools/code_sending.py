"""Sends a code, or does all but send it: where existence is hidden, nobody must cost what somebody costs.

Writes into the operation's batch. Owns the limit on sending; knows no operation and no user's status.
"""

from poolhouse.call import Call
from poolhouse.delivery.message import Purpose
from poolhouse.model.cognito_idp_model import CodeDeliveryDetailsType
from poolhouse.storage.codes import CodeRow, count_use, renew_code, replace_code
from poolhouse.storage.database import Batch
from poolhouse.userpools import code_refusals
from poolhouse.userpools.code_messages import code_message, delivery_details
from poolhouse.userpools.codes import (
    HOUR_MS,
    LIFE_MS,
    SENDS_AN_HOUR,
    CodeFamily,
    CodeScope,
    Destination,
    hash_code,
    new_code,
    write_destination,
)
from poolhouse.userpools.directory import Pool


def count_sends(call: Call, batch: Batch, pool: Pool, subject_id: str, family: CodeFamily, amount: int = 1) -> None:
    """Count codes against the hourly limit; the commit raises LimitExceededException (LIMIT) beyond it."""
    count_use(
        batch,
        pool.pool_id,
        subject_id,
        f"send_{family}",
        call.now_ms,
        amount=amount,
        limit=SENDS_AN_HOUR,
        window=HOUR_MS,
        exceeded=code_refusals.limit_exceeded(),
    )


def send_code(
    call: Call, batch: Batch, pool: Pool, scope: CodeScope, destination: Destination, message: Purpose
) -> CodeDeliveryDetailsType:
    """Send a new code; an older one of the same scope is no longer good."""
    row, code = _new_row(call, scope, destination)
    replace_code(batch, row)
    call.services.outbox.add(batch, code_message(pool, destination, message, code, row.expires_at))
    return delivery_details(destination)


def send_anew(
    call: Call,
    batch: Batch,
    pool: Pool,
    scope: CodeScope,
    before: CodeRow,
    destination: Destination,
    changed: Exception,
) -> CodeDeliveryDetailsType:
    """Send another code in place of `before`; the commit raises `changed` when that is no longer the newest."""
    row, code = _new_row(call, scope, destination)
    renew_code(batch, before, row, changed)
    call.services.outbox.add(batch, code_message(pool, destination, "verify_attribute", code, row.expires_at))
    return delivery_details(destination)


def pretend_to_send(
    call: Call, batch: Batch, pool: Pool, scope: CodeScope, destination: Destination, message: Purpose
) -> CodeDeliveryDetailsType:
    """As `send_code` in answer and cost, but nothing leaves the house. `scope` names nobody's id."""
    row, code = _new_row(call, scope, destination)
    replace_code(batch, row)
    # Composed and sealed like any other, and dropped.
    call.services.outbox.add(Batch(), code_message(pool, destination, message, code, row.expires_at))
    return delivery_details(destination)


def _new_row(call: Call, scope: CodeScope, destination: Destination) -> tuple[CodeRow, str]:
    code = new_code(call.chance)
    row = CodeRow(
        pool_id=scope.pool_id,
        user_id=scope.user_id,
        purpose=scope.purpose,
        code_hash=hash_code(call.services.answer_key, scope, code),
        destination=write_destination(destination),
        created_at=call.now_ms,
        expires_at=call.now_ms + LIFE_MS[scope.purpose],
    )
    return row, code
