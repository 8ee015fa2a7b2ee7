"""The outbox on every database: one commit with the state, one sender at a time, retries, giving up, pruning."""

import asyncio
import os
from typing import Any

import pytest

from poolhouse.crypto.keyring import KeyRing, new_data_key
from poolhouse.crypto.master_key import MasterKey
from poolhouse.delivery.message import MessageIds, StoredMessage, id_at
from poolhouse.delivery.outbox import Outbox
from poolhouse.delivery.sender import PermanentFailure, SendFailure, TemporaryFailure
from poolhouse.delivery.worker import OutboxWorker, WorkerSettings
from poolhouse.storage import Batch, Database
from poolhouse.storage.outbox import OutboxRow
from tests.delivery.conftest import Clock, add, columns, make_message


class Recorder:
    """A way out that remembers, and fails as it is told to."""

    def __init__(self, *failures: SendFailure | Exception) -> None:
        self.sent: list[StoredMessage] = []
        self.tried = 0
        self.at_once = 0
        self.most_at_once = 0
        self.closed = False
        self.gate: asyncio.Event | None = None
        self._failures = list(failures)

    async def send(self, stored: StoredMessage) -> None:
        self.tried += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await (self.gate.wait() if self.gate else asyncio.sleep(0))
            if self._failures:
                raise self._failures.pop(0)
            self.sent.append(stored)
        finally:
            self.at_once -= 1

    async def close(self) -> None:
        self.closed = True


def make_worker(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock, sender: Recorder | None, **more: Any
) -> OutboxWorker:
    on_failed = more.pop("on_failed", None)
    return OutboxWorker(
        database,
        keyring,
        outbox,
        {"EMAIL": sender} if sender else {},
        clock=clock,
        chance=lambda: 0.5,
        settings=WorkerSettings(**more),
        on_failed=on_failed,
    )


async def test_a_committed_message_is_sent_once_and_whole(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    sender = Recorder()
    worker = make_worker(database, keyring, outbox, clock, sender)
    message_id = await add(database, outbox, html=True, useful_until=clock.now + 60)
    assert await worker.deliver_due() == 1
    assert await worker.deliver_due() == 0
    (stored,) = sender.sent
    assert stored.message == make_message(html=True, useful_until=clock.now + 60)
    assert (stored.message_id, stored.created_at) == (message_id, clock.now)
    assert await columns(database, message_id, "state, tries, sent_at") == ("sent", 1, int(clock.now * 1000))


async def test_a_message_whose_batch_is_refused_does_not_exist(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    batch = Batch()
    outbox.add(batch, make_message())
    batch.add("UPDATE pools SET name = 'x' WHERE pool_id = 'none'", expect=1, refusal=KeyError("none"))
    with pytest.raises(KeyError):
        await database.commit(batch)
    assert await make_worker(database, keyring, outbox, clock, Recorder()).deliver_due() == 0


async def test_what_a_message_says_is_sealed_at_rest_and_gone_once_sent(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    message_id = await add(database, outbox)
    (payload,) = await columns(database, message_id, "payload")
    assert b"Xk7" not in payload
    assert b"temporary" not in payload
    await make_worker(database, keyring, outbox, clock, Recorder()).deliver_due()
    assert await columns(database, message_id, "payload") == (b"",)


async def test_a_development_server_can_still_read_what_it_sent(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    message_id = await add(database, outbox)
    before = await columns(database, message_id, "payload")
    await make_worker(database, keyring, outbox, clock, Recorder(), keep_payload=True).deliver_due()
    assert await columns(database, message_id, "payload") == before


async def test_a_channel_that_only_the_inbox_shows_is_delivered_by_its_commit(
    database: Database, keyring: KeyRing, clock: Clock
) -> None:
    outbox = Outbox(keyring, clock=clock, random=os.urandom, inbox_only=frozenset({"SMS"}))
    shown = await add(database, outbox, channel="SMS", recipient="+15550100")
    mail = await add(database, outbox)
    assert await columns(database, shown, "state, sent_at") == ("sent", int(clock.now * 1000))
    assert await columns(database, mail, "state, sent_at") == ("pending", None)


async def test_many_nodes_never_send_one_message_together(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    ids = [await add(database, outbox) for _ in range(30)]
    sender = Recorder()
    workers = [make_worker(database, keyring, outbox, clock, sender) for _ in range(4)]
    await asyncio.gather(*(worker.deliver_due() for worker in workers))
    assert sorted(stored.message_id for stored in sender.sent) == ids


async def test_no_more_messages_are_on_their_way_than_allowed(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    for _ in range(10):
        await add(database, outbox)
    sender = Recorder()
    assert await make_worker(database, keyring, outbox, clock, sender, concurrency=3).deliver_due() == 10
    assert sender.most_at_once <= 3


async def test_a_temporary_failure_is_tried_again_later_and_later(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    failures = [TemporaryFailure("unreachable", f"down {index}") for index in range(3)]
    sender = Recorder(*failures)
    worker = make_worker(database, keyring, outbox, clock, sender)
    message_id = await add(database, outbox)
    for delay, tries in [(5.0, 1), (10.0, 2), (20.0, 3)]:
        assert await worker.deliver_due() == 1
        expected = ("pending", tries, int((clock.now + delay) * 1000), f"down {tries - 1}")
        assert await columns(database, message_id, "state, tries, next_try_at, failure") == expected
        clock.forward(delay - 0.1)
        assert await worker.deliver_due() == 0
        clock.forward(0.1)
    assert await worker.deliver_due() == 1
    assert await columns(database, message_id, "state, tries, failure") == ("sent", 4, None)


async def test_a_permanent_failure_is_never_tried_again_and_joins_the_audit(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    noted: list[tuple[str, str]] = []

    def note(batch: Batch, row: OutboxRow, kind: str) -> None:
        noted.append((row.message_id, kind))
        batch.add("INSERT INTO facts (name, value) VALUES (?, ?)", row.message_id, kind.encode())

    sender = Recorder(PermanentFailure("smtp_550", "no such user"))
    worker = make_worker(database, keyring, outbox, clock, sender, on_failed=note)
    message_id = await add(database, outbox)
    await worker.deliver_due()
    clock.forward(90_000)
    assert await worker.deliver_due() == 0
    assert await columns(database, message_id, "state, failure") == ("failed", "no such user")
    assert noted == [(message_id, "smtp_550")]
    fact = await database.fetch_row("SELECT value FROM facts WHERE name = ?", message_id)
    assert fact is not None
    assert fact[0] == b"smtp_550"


async def test_after_a_day_a_message_is_given_up(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    sender = Recorder(*[TemporaryFailure("unreachable", "down")] * 1000)
    worker = make_worker(database, keyring, outbox, clock, sender)
    message_id = await add(database, outbox)
    created = clock.now
    while await worker.deliver_due():
        clock.forward(3601)
    assert await columns(database, message_id, "state, failure") == ("failed", "down")
    assert created + 86_400 <= clock.now <= created + 86_400 + 7300
    assert 24 <= sender.tried <= 26


async def test_a_message_that_is_of_no_use_any_more_is_not_sent(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    message_id = await add(database, outbox, useful_until=clock.now + 180)
    clock.forward(181)
    sender = Recorder()
    await make_worker(database, keyring, outbox, clock, sender).deliver_due()
    assert sender.tried == 0
    assert (await columns(database, message_id, "state"))[0] == "failed"


async def test_a_channel_without_a_way_out_waits_for_one(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    message_id = await add(database, outbox)
    await make_worker(database, keyring, outbox, clock, None).deliver_due()
    assert await columns(database, message_id, "state, failure") == ("pending", "no way out is set up for EMAIL")
    clock.forward(10)
    await make_worker(database, keyring, outbox, clock, Recorder()).deliver_due()
    assert (await columns(database, message_id, "state"))[0] == "sent"


async def test_a_crash_lets_the_claim_lapse_and_another_node_sends(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    message_id = await add(database, outbox)
    crashing = Recorder()
    crashing.gate = asyncio.Event()
    worker = make_worker(database, keyring, outbox, clock, crashing, lease=150.0)
    worker.start()
    while not crashing.tried:
        await asyncio.sleep(0)
    await worker.stop(grace=0.0)
    assert crashing.closed
    other = Recorder()
    survivor = make_worker(database, keyring, outbox, clock, other)
    assert await survivor.deliver_due() == 0
    clock.forward(150)
    assert await survivor.deliver_due() == 1
    assert await columns(database, message_id, "state, tries") == ("sent", 2)


async def test_stopping_waits_for_what_is_being_sent(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    message_id = await add(database, outbox)
    sender = Recorder()
    sender.gate = asyncio.Event()
    worker = make_worker(database, keyring, outbox, clock, sender)
    worker.start()
    while not sender.tried:
        await asyncio.sleep(0)
    stopping = asyncio.create_task(worker.stop(grace=30.0))
    await asyncio.sleep(0)
    sender.gate.set()
    await stopping
    assert (await columns(database, message_id, "state"))[0] == "sent"


async def test_what_is_committed_is_sent_at_once_and_wholly(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    sender = Recorder()
    worker = make_worker(database, keyring, outbox, clock, sender, poll=3600.0, concurrency=2)
    worker.start()
    await asyncio.sleep(0.05)
    for _ in range(7):
        await add(database, outbox)
    async with asyncio.timeout(10):
        while len(sender.sent) < 7:
            await asyncio.sleep(0.005)
    await worker.stop(grace=5.0)


async def test_a_broken_sender_costs_its_message_a_claim_and_the_others_nothing(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    await add(database, outbox)
    await add(database, outbox)
    sender = Recorder(RuntimeError("a defect"))
    worker = make_worker(database, keyring, outbox, clock, sender)
    assert await worker.deliver_due() == 2
    assert len(sender.sent) == 1
    clock.forward(200)
    assert await worker.deliver_due() == 1
    assert len(sender.sent) == 2


async def test_a_message_sealed_by_unknown_keys_fails_and_is_not_sent(
    database: Database, outbox: Outbox, clock: Clock
) -> None:
    message_id = await add(database, outbox)
    master = MasterKey.generate()
    stranger = KeyRing(master, [new_data_key(master, 0)])
    sender = Recorder()
    await make_worker(database, stranger, outbox, clock, sender).deliver_due()
    assert sender.tried == 0
    assert (await columns(database, message_id, "state"))[0] == "failed"


async def test_a_slow_sender_is_cut_off_and_tried_again(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    message_id = await add(database, outbox)
    sender = Recorder()
    sender.gate = asyncio.Event()
    await make_worker(database, keyring, outbox, clock, sender, send_timeout=0.01).deliver_due()
    assert await columns(database, message_id, "state, failure") == ("pending", "sending took too long")


async def test_old_settled_messages_are_pruned_and_waiting_ones_never(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    sender = Recorder(PermanentFailure("smtp_550", "no"))
    worker = make_worker(database, keyring, outbox, clock, sender, keep=100.0)
    for _ in range(3):
        await add(database, outbox)
    await worker.deliver_due()
    waiting = await add(database, outbox)
    clock.forward(101)
    recent = await add(database, outbox)
    assert await worker.prune() == 3
    rows = await database.fetch("SELECT message_id FROM outbox ORDER BY message_id")
    assert [row[0] for row in rows] == [waiting, recent]


async def test_only_the_newest_messages_are_kept_where_there_are_too_many(
    database: Database, keyring: KeyRing, clock: Clock
) -> None:
    outbox = Outbox(keyring, clock=clock, random=os.urandom, inbox_only=frozenset({"EMAIL"}))
    worker = make_worker(database, keyring, outbox, clock, Recorder(), keep_rows=3)
    ids = [await add(database, outbox) for _ in range(8)]
    await worker.prune()
    rows = await database.fetch("SELECT message_id FROM outbox ORDER BY message_id")
    assert [row[0] for row in rows] == ids[-3:]
    assert await worker.prune() == 0


def test_ids_are_in_the_order_of_their_making_whatever_the_clock_does() -> None:
    clock = Clock()
    ids = MessageIds(clock=clock, random=os.urandom)
    made = [ids.next() for _ in range(70_000)]
    clock.forward(-5)
    made += [ids.next() for _ in range(10)]
    clock.forward(3600)
    made.append(ids.next())
    assert made == sorted(set(made))
    assert made[-1].startswith(id_at(clock.now))
