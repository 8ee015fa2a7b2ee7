"""The outbox: messages join the commit of the state that they speak of, and a worker sends them afterwards.

At least once: a node claims a message for a time before it sends it, so that no two send it together, and a crash
lets the claim lapse. Knows no way out by itself; senders come in.
"""

import asyncio
from collections.abc import Callable

from poolhouse.crypto.keyring import KeyRing
from poolhouse.delivery.message import Channel, MessageIds, OutgoingMessage, seal_payload
from poolhouse.storage.database import Batch
from poolhouse.storage.outbox import OutboxRow, insert_message


class Outbox:
    """Where operations leave messages."""

    def __init__(
        self,
        keyring: KeyRing,
        *,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        inbox_only: frozenset[Channel] = frozenset(),
    ) -> None:
        """`inbox_only` channels have no way out: the row that the development inbox shows is the delivery."""
        self._keyring = keyring
        self._clock = clock
        self._ids = MessageIds(clock=clock, random=random)
        self._inbox_only = inbox_only
        self.work = asyncio.Event()
        """Set when there may be something to send."""

    def add(self, batch: Batch, message: OutgoingMessage) -> str:
        """Let the message commit with the batch, and be sent at once then; returns its id."""
        message_id = self._ids.next()
        now_ms = int(self._clock() * 1000)
        shown = message.channel in self._inbox_only
        row = OutboxRow(
            message_id=message_id,
            pool_id=message.pool_id,
            channel=message.channel,
            recipient=message.recipient,
            payload=seal_payload(self._keyring, message_id, message),
            created_at=now_ms,
            state="sent" if shown else "pending",
            tries=0,
            next_try_at=now_ms,
            sent_at=now_ms if shown else None,
        )
        insert_message(batch, row)
        if not shown:
            batch.then(self.wake)
        return message_id

    def wake(self) -> None:
        """Send what was just committed at once, not at the worker's next look."""
        self.work.set()
