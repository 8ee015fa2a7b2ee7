"""Known and unknown users cost the same where a client hides existence (contract/rules.md §5, design.md §4).

What takes time is counted, not timed: powers modulo N, reads, commits and the statements in them. The times
themselves are measured and reported beside the test's result, without a limit that a busy machine could break.
"""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from poolhouse.crypto import keyring
from poolhouse.crypto.modexp import powers
from poolhouse.model.errors import ServiceError
from poolhouse.storage.database import Batch, Row, Value
from poolhouse.userpools import credentials, srp
from poolhouse.userpools.directory import Pool
from poolhouse.userpools.signin import step
from tests.house import House
from tests.userpools.people import PASSWORD, Estate, open_estate

WRONG = "Wr0ng!password"
SAMPLES = 60


class CountingPowers:
    """The arithmetic, counted."""

    def __init__(self, inner: Any, counts: Counter[str]) -> None:
        self._inner = inner
        self._counts = counts

    def power_of_g(self, exponent: int) -> int:
        self._counts["powers of g"] += 1
        return int(self._inner.power_of_g(exponent))

    def chained_power(self, *numbers: int) -> int:
        self._counts["chained powers"] += 1
        return int(self._inner.chained_power(*numbers))


@pytest.fixture
def counts(house: House, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What the house does from now on: each read, each write, each power, and each credential unsealed or made up."""
    counted: Counter[str] = Counter()
    database = house.services.database
    fetch_row, fetch, commit = database.fetch_row, database.fetch, database.commit
    inner = powers()

    async def counting_fetch_row(sql: str, *args: Value) -> Row | None:
        counted[f"read: {sql[:60]}"] += 1
        return await fetch_row(sql, *args)

    async def counting_fetch(sql: str, *args: Value) -> list[Row]:
        counted[f"read: {sql[:60]}"] += 1
        return await fetch(sql, *args)

    async def counting_commit(batch: Batch) -> None:
        counted["commits"] += 1
        for statement in batch.statements:
            counted[f"write: {statement.sql[:60]}"] += 1
        await commit(batch)

    monkeypatch.setattr(database, "fetch_row", counting_fetch_row)
    monkeypatch.setattr(database, "fetch", counting_fetch)
    monkeypatch.setattr(database, "commit", counting_commit)
    opened, made = keyring.KeyRing.open, credentials.stand_in

    def counting_open(ring: keyring.KeyRing, sealed: bytes, context: bytes) -> bytes:
        counted["unsealed"] += 1
        return opened(ring, sealed, context)

    def counting_stand_in(answer_key: bytes, pool: Pool, name: str) -> credentials.StandIn:
        counted["stand-ins"] += 1
        return made(answer_key, pool, name)

    monkeypatch.setattr(keyring.KeyRing, "open", counting_open)
    monkeypatch.setattr(step, "stand_in", counting_stand_in)
    monkeypatch.setattr(srp, "powers", lambda: CountingPowers(inner, counted))
    return counted


Attempt = Callable[[Estate, str], Awaitable[object]]


async def by_password(estate: Estate, name: str) -> object:
    return await estate.initiate("USER_PASSWORD_AUTH", USERNAME=name, PASSWORD=WRONG)


async def by_srp(estate: Estate, name: str) -> object:
    return await estate.srp(name, WRONG).sign_in()


async def start_of_srp(estate: Estate, name: str) -> object:
    return await estate.srp(name, WRONG).start()


ATTEMPTS: dict[str, Attempt] = {"password": by_password, "SRP": by_srp, "start of SRP": start_of_srp}


async def outcome(attempt: Attempt, estate: Estate, name: str) -> str:
    try:
        await attempt(estate, name)
    except ServiceError as refused:
        return f"{refused.code}: {refused.message}"
    return "challenge"


@pytest.mark.parametrize("what", list(ATTEMPTS))
@pytest.mark.parametrize("kind", ["username", "email", "disabled", "unconfirmed", "new", "locked"])
async def test_known_and_unknown_users_make_the_same_work(
    house: House, counts: Counter[str], what: str, kind: str
) -> None:
    """Whatever state the known one is in: a wrong password tells nothing of it."""
    suffix = "@example.com" if kind == "email" else ""
    estate = await open_estate(house, username_attributes=["email"] if kind == "email" else None, hides_existence=True)
    await _prepare(house, estate, f"known{suffix}", kind)
    attempt = ATTEMPTS[what]
    names = {"known": f"known{suffix}", "unknown": f"nobody{suffix}"}
    if kind == "locked":
        for name in names.values():
            for _ in range(5):
                await outcome(by_password, estate, name)
    await _everything_heard(house)
    seen = {}
    for who, name in names.items():
        await outcome(start_of_srp, estate, name)  # pool and client are held from here on
        counts.clear()
        answer = await outcome(attempt, estate, name)
        seen[who] = (answer, dict(counts))
    assert seen["known"] == seen["unknown"]


async def _everything_heard(house: House) -> None:
    """Wait until every notice of the preparations has come back: each one drops something that is held."""
    database, begun = house.services.database, time.monotonic()
    async with asyncio.timeout(10):
        while database.feed_age() >= time.monotonic() - begun:
            await asyncio.sleep(0.01)


async def _prepare(house: House, estate: Estate, name: str, kind: str) -> None:
    if kind == "new":
        await estate.invite(name)
        return
    await estate.confirmed(name)
    changes = {"disabled": "UPDATE users SET enabled = 0", "unconfirmed": "UPDATE users SET status = 'UNCONFIRMED'"}
    if kind in changes:
        batch = Batch()
        batch.add(changes[kind])
        await house.services.database.commit(batch)


async def test_the_times_are_measured_and_reported(
    house: House, record_property: Callable[[str, object], None]
) -> None:
    estate = await open_estate(house, hides_existence=True)
    await estate.confirmed("known")
    took: dict[str, list[float]] = {"known": [], "unknown": []}
    for number in range(SAMPLES):
        house.clock.forward(100_000)  # nobody is locked: each failure is the first
        for who, name in (("known", "known"), ("unknown", f"nobody{number}")):
            begun = time.perf_counter()
            await outcome(by_password, estate, name)
            took[who].append((time.perf_counter() - begun) * 1000)
    known, unknown = (statistics.median(took[who]) for who in ("known", "unknown"))
    spread = statistics.quantiles(took["known"], n=4)
    record_property("median_known_ms", round(known, 3))
    record_property("median_unknown_ms", round(unknown, 3))
    record_property("known_quartiles_ms", [round(value, 3) for value in spread])
    print(f"known {known:.3f} ms, unknown {unknown:.3f} ms, quartiles of known {spread}")
    assert await estate.password_sign_in("known", PASSWORD)
