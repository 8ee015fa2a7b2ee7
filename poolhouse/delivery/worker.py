"""The worker that sends what lies in the outbox: claims, hands over, settles, tries again, prunes.

Owns the order of those steps and the number of messages on their way at once. Senders know the ways out, and the
table's repository how a claim is made.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from poolhouse.crypto.keyring import KeyRing
from poolhouse.crypto.sealing import Unsealable
from poolhouse.delivery.backoff import last_moment, next_delay
from poolhouse.delivery.message import Channel, StoredMessage, id_at, open_payload
from poolhouse.delivery.outbox import Outbox
from poolhouse.delivery.sender import PermanentFailure, Sender, TemporaryFailure
from poolhouse.storage.database import Batch, Database, Unavailable
from poolhouse.storage.outbox import (
    ClaimLost,
    OutboxRow,
    claim_message,
    delete_settled,
    find_due,
    find_nth_newest_id,
    find_settled_before,
    settle_failed,
    settle_retry,
    settle_sent,
)
from poolhouse.telemetry.log import get_logger

log = get_logger(__name__)

OnFailed = Callable[[Batch, OutboxRow, str], None]
"""Called with the batch that gives a message up, so that an audit event can join it: (batch, row, kind)."""

PRUNE_CHUNK = 500


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How hard the worker works, and what it keeps; times in seconds."""

    concurrency: int = 8
    poll: float = 5.0
    """Longest wait before it looks again without being woken."""
    send_timeout: float = 90.0
    lease: float = 150.0
    """How long a claim holds; longer than sending may take, by what the nodes' clocks may differ."""
    keep: float = 7 * 86_400.0
    """Age to which settled messages are kept; more than the day for which one may be tried."""
    keep_rows: int | None = None
    """Settled messages kept at most."""
    keep_payload: bool = False
    """Whether a sent message can still be read: in development, where the inbox shows it."""
    prune_every: float = 600.0


class OutboxWorker:
    """Sends messages until it is stopped; any number of them, on any nodes, share one outbox."""

    def __init__(
        self,
        database: Database,
        keyring: KeyRing,
        outbox: Outbox,
        senders: Mapping[Channel, Sender],
        *,
        clock: Callable[[], float],
        chance: Callable[[], float],
        settings: WorkerSettings | None = None,
        on_failed: OnFailed | None = None,
    ) -> None:
        """`chance` draws from 0 to 1. A channel without a sender is tried until its messages are given up."""
        self._database = database
        self._keyring = keyring
        self._work = outbox.work
        self._senders = senders
        self._clock = clock
        self._chance = chance
        self._settings = settings or WorkerSettings()
        self._on_failed = on_failed
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._loop: asyncio.Task[None] | None = None
        self._stopping = False
        self._prune_at = 0.0

    def start(self) -> None:
        """Begin to work in the background."""
        self._loop = asyncio.create_task(self._work_forever())

    async def stop(self, grace: float) -> None:
        """Claim nothing more, and give what is being sent `grace` seconds; the rest is sent when its claim lapses."""
        self._stopping = True
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        if self._sending:
            _, late = await asyncio.wait(list(self._sending.values()), timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for sender in self._senders.values():
            await sender.close()

    async def deliver_due(self) -> int:
        """Send everything that is due now, and wait for it; returns how many were tried."""
        tried = 0
        while started := await self._start_due():
            tried += started
            await asyncio.wait(list(self._sending.values()))
        return tried

    async def prune(self) -> int:
        """Forget messages that are settled and old, or too many; returns how many ids were passed."""
        bound = id_at(self._clock() - self._settings.keep)
        if self._settings.keep_rows is not None:
            nth = await find_nth_newest_id(self._database, self._settings.keep_rows - 1)
            bound = max(bound, nth or "")
        passed = 0
        while ids := await find_settled_before(self._database, bound, PRUNE_CHUNK):
            batch = Batch()
            delete_settled(batch, ids[0], ids[-1])
            await self._database.commit(batch)
            passed += len(ids)
        return passed

    async def _work_forever(self) -> None:
        while not self._stopping:
            self._work.clear()
            try:
                await self._start_due()
                if self._clock() >= self._prune_at:
                    self._prune_at = self._clock() + self._settings.prune_every
                    await self.prune()
            except Unavailable:
                log.warning("outbox_waits_for_database")
            except Exception:  # nobody awaits this task: without its work no message would ever leave
                log.exception("outbox_worker_broke")
            # Not wait_for: in Python 3.11 it loses a cancellation that meets the event (python/cpython#86296).
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.poll):
                    await self._work.wait()

    async def _start_due(self) -> int:
        free = self._settings.concurrency - len(self._sending)
        if free <= 0:
            return 0
        # A message whose claim is still being committed looks due, so as many more are asked for.
        limit = free + len(self._sending)
        due = await find_due(self._database, int(self._clock() * 1000), limit)
        rows = [row for row in due if row.message_id not in self._sending][:free]
        for row in rows:
            task = asyncio.create_task(self._deliver(row))
            self._sending[row.message_id] = task
            task.add_done_callback(partial(self._finished, row.message_id))
        return len(rows)

    def _finished(self, message_id: str, task: asyncio.Task[None]) -> None:
        del self._sending[message_id]
        # A place is free, and there may have been more messages than places.
        self._work.set()
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, Unavailable):
            log.warning("outbox_unsettled", message_id=message_id)
        elif error is not None:
            # The claim lapses and the message is tried again; what broke must be seen.
            log.error("outbox_delivery_broke", message_id=message_id, exc_info=error)

    async def _deliver(self, row: OutboxRow) -> None:
        settings = self._settings
        batch = Batch()
        claim_message(batch, row, int((self._clock() + settings.lease) * 1000))
        try:
            await self._database.commit(batch)
        except ClaimLost:
            return
        tries = row.tries + 1
        try:
            stored = self._open(row)
            await self._send(stored)
        except PermanentFailure as failure:
            await self._give_up(row, tries, failure.kind, failure.reason)
        except TemporaryFailure as failure:
            await self._try_again(row, tries, failure)
        else:
            await self._settle(row, "message_sent", tries, lambda batch: self._note_sent(batch, row))

    def _open(self, row: OutboxRow) -> StoredMessage:
        try:
            message = open_payload(
                self._keyring,
                row.message_id,
                row.payload,
                pool_id=row.pool_id,
                channel=row.channel,
                recipient=row.recipient,
            )
        except Unsealable as error:
            raise PermanentFailure("unsealable", "the message cannot be opened with this server's keys") from error
        created_at = row.created_at / 1000
        if self._clock() >= last_moment(created_at, message.useful_until):
            raise PermanentFailure("too_late", row.failure or "it could not be sent in time")
        return StoredMessage(row.message_id, created_at, message)

    async def _send(self, stored: StoredMessage) -> None:
        sender = self._senders.get(stored.message.channel)
        if sender is None:
            raise TemporaryFailure("no_sender", f"no way out is set up for {stored.message.channel}")
        try:
            async with asyncio.timeout(self._settings.send_timeout):
                await sender.send(stored)
        except TimeoutError as error:
            raise TemporaryFailure("timeout", "sending took too long") from error

    def _note_sent(self, batch: Batch, row: OutboxRow) -> None:
        settle_sent(batch, row.message_id, int(self._clock() * 1000), keep_payload=self._settings.keep_payload)

    async def _try_again(self, row: OutboxRow, tries: int, failure: TemporaryFailure) -> None:
        next_ms = int((self._clock() + next_delay(tries, self._chance())) * 1000)
        await self._settle(
            row,
            "message_delayed",
            tries,
            lambda batch: settle_retry(batch, row.message_id, tries, next_ms, failure.reason),
            failure=failure.kind,
        )

    async def _give_up(self, row: OutboxRow, tries: int, kind: str, reason: str) -> None:
        def write(batch: Batch) -> None:
            settle_failed(batch, row.message_id, tries, reason)
            if self._on_failed is not None:
                self._on_failed(batch, row, kind)

        await self._settle(row, "message_failed", tries, write, failure=kind)

    async def _settle(
        self,
        row: OutboxRow,
        event: str,
        tries: int,
        write: Callable[[Batch], None],
        failure: str | None = None,
    ) -> None:
        batch = Batch()
        write(batch)
        facts = {"message_id": row.message_id, "pool_id": row.pool_id, "channel": row.channel, "tries": tries}
        try:
            await self._database.commit(batch)
        except ClaimLost:
            log.warning("message_claim_lapsed", **facts)
            return
        if failure is None:
            log.info(event, **facts)
        else:
            log.warning(event, failure=failure, **facts)
