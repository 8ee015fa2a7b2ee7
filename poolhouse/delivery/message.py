"""A message on its way to a person: what an operation hands over, and how it is kept until it is sent.

Owns the shapes and the sealing of what is secret in them. Knows neither tables nor senders.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from poolhouse.crypto.keyring import KeyRing

Channel = Literal["EMAIL", "SMS"]
Purpose = Literal[
    "sign_up",
    "resend_code",
    "verify_attribute",
    "forgot_password",
    "invitation",
    "mfa",
    "sign_in_code",
    "notice",
]
"""Why the message is sent: the family of its default text, and what the inbox calls it."""


class OutgoingMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One e-mail or SMS, wholly composed."""

    pool_id: str
    channel: Channel
    recipient: str
    """An e-mail address, or a phone number in E.164."""
    sender: str
    """For e-mail the From address, with or without a display name; for SMS the sender id."""
    subject: str | None
    body: str
    html: bool
    """Whether the body is HTML; never of an SMS."""
    purpose: Purpose
    code: str | None = None
    """The code or temporary password inside the body, for the development inbox to show apart."""
    useful_until: float | None = None
    """Epoch seconds after which there is no point in sending it any more."""

    def __repr__(self) -> str:
        """Nothing of what it says or to whom."""
        return f"OutgoingMessage({self.channel}, {self.purpose}, pool_id={self.pool_id!r}, …)"


class _Payload(msgspec.Struct, frozen=True, array_like=True):
    """What is sealed at rest: everything but the columns that rows are found by."""

    sender: str
    subject: str | None
    body: str
    html: bool
    purpose: Purpose
    code: str | None
    useful_until: float | None


class StoredMessage(msgspec.Struct, frozen=True):
    """A message with its place in the outbox."""

    message_id: str
    created_at: float
    """Epoch seconds."""
    message: OutgoingMessage


_DECODER = msgspec.msgpack.Decoder(_Payload)
_ENCODER = msgspec.msgpack.Encoder()


def seal_payload(keyring: KeyRing, message_id: str, message: OutgoingMessage) -> bytes:
    """The message's content, bound to its place."""
    payload = _Payload(
        message.sender,
        message.subject,
        message.body,
        message.html,
        message.purpose,
        message.code,
        message.useful_until,
    )
    return keyring.seal(_ENCODER.encode(payload), _seal_context(message_id))


def open_payload(
    keyring: KeyRing, message_id: str, sealed: bytes, *, pool_id: str, channel: Channel, recipient: str
) -> OutgoingMessage:
    """The message again. Raises what the key ring raises for a payload that it cannot open."""
    payload = _DECODER.decode(keyring.open(sealed, _seal_context(message_id)))
    return OutgoingMessage(
        pool_id=pool_id,
        channel=channel,
        recipient=recipient,
        sender=payload.sender,
        subject=payload.subject,
        body=payload.body,
        html=payload.html,
        purpose=payload.purpose,
        code=payload.code,
        useful_until=payload.useful_until,
    )


class MessageIds:
    """Ids in the order in which messages were added: time, a counter within the millisecond, and chance."""

    def __init__(self, *, clock: Callable[[], float], random: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._random = random
        self._last_ms = 0
        self._count = 0

    def next(self) -> str:
        """A new id of 32 hex digits; its text order is the order in time, also when the clock steps back a little."""
        now_ms = int(self._clock() * 1000)
        if now_ms > self._last_ms:
            self._last_ms, self._count = now_ms, 0
        else:
            self._count += 1
        # A full counter borrows from the next millisecond.
        if self._count > 0xFFFF:
            self._last_ms, self._count = self._last_ms + 1, 0
        return f"{self._last_ms:012x}{self._count:04x}{self._random(8).hex()}"


def id_at(moment: float) -> str:
    """The lower bound of the ids of messages added from `moment` (epoch seconds) on."""
    return f"{max(0, int(moment * 1000)):012x}"


def _seal_context(message_id: str) -> bytes:
    return b"outbox:" + message_id.encode()
