"""People who create users and sign in without a pause, and remember what they were answered.

What was answered is what must be there after any fault. Knows nothing of faults.
"""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from poolhouse.storage import Database
from tests.attacks.wire import Door, Reply

PASSWORD = "Tr0ub4dor&3-Aa"
FLOWS = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]


async def found(service: Door, name: str = "people") -> tuple[str, str]:
    """A pool and a client of it."""
    pool = await service.admin("CreateUserPool", PoolName=name)
    pool_id: str = pool["UserPool"]["Id"]
    client = await service.admin("CreateUserPoolClient", UserPoolId=pool_id, ClientName="app", ExplicitAuthFlows=FLOWS)
    return pool_id, client["UserPoolClient"]["ClientId"]


@dataclass
class Traffic:
    """Users created and signed in, each step remembered once it was answered with success."""

    door: Callable[[], Door]
    pool_id: str
    client_id: str
    created: set[str] = field(default_factory=set)
    confirmed: set[str] = field(default_factory=set)
    refresh_tokens: list[str] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _going: bool = True

    async def run(self, people: int) -> None:
        """Until `stop`, or until the server is gone for whoever is at it."""
        await asyncio.gather(*(self._person() for _ in range(people)))

    def stop(self) -> None:
        self._going = False

    async def _person(self) -> None:
        while self._going:
            try:
                await self._life(f"user{next(self._numbers):06}")
            except (OSError, EOFError, TimeoutError) as error:
                self._count(type(error).__name__)
                await asyncio.sleep(0.02)

    async def _life(self, name: str) -> None:
        created = await self.create(name)
        if created.status != 200:
            self._count(created.error or "")
            await asyncio.sleep(0.02)
            return
        self.created.add(name)
        if (await self._signed("AdminSetUserPassword", Username=name, Password=PASSWORD, Permanent=True)).status != 200:
            return
        self.confirmed.add(name)
        reply = await self.sign_in(name)
        if reply.status == 200:
            self.refresh_tokens.append(reply.json()["AuthenticationResult"]["RefreshToken"])

    async def create(self, name: str) -> Reply:
        return await self._signed("AdminCreateUser", Username=name, DesiredDeliveryMediums=["EMAIL"])

    async def _signed(self, operation: str, **members: object) -> Reply:
        members = {"UserPoolId": self.pool_id, **members}
        if operation == "AdminCreateUser":
            members["UserAttributes"] = [{"Name": "email", "Value": f"{members['Username']}@example.com"}]
        return await self.door().call(operation, members, signed=True)

    async def sign_in(self, name: str) -> Reply:
        return await self.door().call(
            "InitiateAuth",
            {
                "ClientId": self.client_id,
                "AuthFlow": "USER_PASSWORD_AUTH",
                "AuthParameters": {"USERNAME": name, "PASSWORD": PASSWORD},
            },
        )

    def _count(self, failure: str) -> None:
        self.failures[failure] = self.failures.get(failure, 0) + 1

    async def assert_kept(self, database: Database, *, sample: int = 25) -> None:
        """Everything that was answered is there and works."""
        rows = await database.fetch("SELECT username, status FROM users WHERE pool_id = ?", self.pool_id)
        status = {str(row[0]): str(row[1]) for row in rows}
        assert self.created <= set(status)
        assert all(status[name] == "CONFIRMED" for name in self.confirmed)
        mails = await database.fetch_row("SELECT count(*) FROM outbox WHERE pool_id = ?", self.pool_id)
        assert mails is not None
        assert mails[0] == len(status), "one invitation for each user, neither lost nor doubled"
        for token in self.refresh_tokens[-sample:]:
            reply = await self.door().call(
                "InitiateAuth",
                {
                    "ClientId": self.client_id,
                    "AuthFlow": "REFRESH_TOKEN_AUTH",
                    "AuthParameters": {"REFRESH_TOKEN": token},
                },
            )
            assert reply.status == 200, reply
        for name in sorted(self.confirmed)[-sample:]:
            assert (await self.sign_in(name)).status == 200, name
        for name in sorted(self.created)[-3:]:
            again = await self._signed("AdminCreateUser", Username=name)
            assert again.error == "UsernameExistsException"
