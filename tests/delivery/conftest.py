"""What the delivery tests share: a key ring, a clock that is set by hand, and messages to send."""

import os
from typing import Any

import pytest

from poolhouse.crypto.keyring import KeyRing, new_data_key
from poolhouse.crypto.master_key import MasterKey
from poolhouse.delivery.message import OutgoingMessage
from poolhouse.delivery.outbox import Outbox
from poolhouse.storage import Batch, Database


class Clock:
    """Epoch seconds, moved by the test."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def keyring() -> KeyRing:
    master = MasterKey.generate()
    return KeyRing(master, [new_data_key(master, 0)])


@pytest.fixture
def outbox(keyring: KeyRing, clock: Clock) -> Outbox:
    return Outbox(keyring, clock=clock, random=os.urandom)


def make_message(**changes: Any) -> OutgoingMessage:
    facts: dict[str, Any] = {
        "pool_id": "eu-west-1_abcdefghi",
        "channel": "EMAIL",
        "recipient": "ann@example.com",
        "sender": "no-reply@verificationemail.com",
        "subject": "Your temporary password",
        "body": "Your username is ann and temporary password is Xk7$wq2Lp!.",
        "html": False,
        "purpose": "invitation",
        "code": "Xk7$wq2Lp!",
    }
    return OutgoingMessage(**(facts | changes))


async def add(database: Database, outbox: Outbox, **changes: Any) -> str:
    """Commit one message."""
    batch = Batch()
    message_id = outbox.add(batch, make_message(**changes))
    await database.commit(batch)
    return message_id


async def columns(database: Database, message_id: str, names: str) -> tuple[Any, ...]:
    """Columns of one row of the outbox."""
    row = await database.fetch_row(f"SELECT {names} FROM outbox WHERE message_id = ?", message_id)
    assert row is not None
    return tuple(row)
