"""What every way out has in common: sending one message, and saying whether trying again may help."""

from typing import Protocol

from poolhouse.delivery.message import StoredMessage

MAX_REASON = 300


class SendFailure(Exception):
    """The message did not go out.

    `kind` is one word that may be logged. `reason` says more, may quote the other side, which may quote the
    recipient, and is kept beside the message only.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(kind)
        self.kind = kind
        self.reason = " ".join(reason.split())[:MAX_REASON]


class TemporaryFailure(SendFailure):
    """Trying again later may help: the way out is down, busy, or set up wrongly."""


class PermanentFailure(SendFailure):
    """This message will never be taken."""


class MisconfiguredSender(Exception):
    """The settings of a way out contradict each other or give a secret away; the text says what to do."""


class Sender(Protocol):
    """One way out."""

    async def send(self, stored: StoredMessage) -> None:
        """Hand the message over. Raises TemporaryFailure or PermanentFailure; cancelled when it takes too long."""
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...
