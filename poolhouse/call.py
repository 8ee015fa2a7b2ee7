"""Who asks for an operation, when, and with what at hand: the one argument beside the request.

Owns the shape of a call. Nothing in the house reads a global clock, a global random source or a global database.
"""

import random
from typing import TYPE_CHECKING

from msgspec import Struct

from poolhouse.crypto.uuid4 import uuid4_text
from poolhouse.storage.database import Batch

if TYPE_CHECKING:
    from poolhouse.services import Services


class Principal(Struct, frozen=True):
    """A caller who signed: an access key of ours, or the operator of this installation."""

    arn: str


LOCAL_OPERATOR = Principal("arn:aws:iam::000000000000:root")
"""Whoever holds the master key and the database: the command line and the deployer."""


class Call:
    """One operation's circumstances.

    services: the rooms an operation may use. caller: the signed principal, None when anonymous (an operation with
    an access token in its request finds its user there). now: epoch seconds. chance: the random source.
    address: the client's IP address. issuer_base: the URL under which the caller reached us, without a slash.
    """

    __slots__ = ("address", "caller", "chance", "issuer_base", "now", "request_id", "services", "user_agent")

    def __init__(
        self,
        services: "Services",
        *,
        now: float,
        chance: random.Random,
        request_id: str,
        caller: Principal | None = None,
        address: str = "",
        user_agent: str = "",
        issuer_base: str | None = None,
    ) -> None:
        self.services = services
        self.now = now
        self.chance = chance
        self.request_id = request_id
        self.caller = caller
        self.address = address
        self.user_agent = user_agent
        self.issuer_base = issuer_base

    @property
    def now_ms(self) -> int:
        """Epoch milliseconds, as the database keeps times."""
        return int(self.now * 1000)

    def new_uuid(self) -> str:
        """A random UUID in its text form."""
        return uuid4_text(self.chance.randbytes(16))

    def ordered_id(self) -> str:
        """A random id that sorts by time: 12 hex digits of milliseconds, then 80 random bits."""
        return f"{self.now_ms:012x}{self.chance.getrandbits(80):020x}"

    async def commit(self, batch: Batch) -> None:
        """Make the operation's writes durable, all or none."""
        await self.services.database.commit(batch)
