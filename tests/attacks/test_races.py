"""Many at once: parallel creates of one user, ten thousand guesses, parallel sign-outs and sign-ins."""

import asyncio
import itertools

from tests.attacks.premises import EMAIL, PASSWORD, Premises
from tests.faults.wholeness import assert_whole

GUESSES = 10_000
AT_ONCE = 400


async def test_of_parallel_creates_of_one_user_one_wins_and_nothing_is_half_written(premises: Premises) -> None:
    async def create(number: int) -> str | None:
        # Half of them race for the name, half for an alias of it in another case.
        name = "alice" if number % 2 else "ALICE"
        reply = await premises.service.call(
            "AdminCreateUser",
            {
                "UserPoolId": premises.pool_id,
                "Username": name,
                "DesiredDeliveryMediums": ["EMAIL"],
                "UserAttributes": [{"Name": "email", "Value": EMAIL}],
            },
            signed=True,
        )
        return reply.error

    outcomes = await asyncio.gather(*(create(number) for number in range(60)))
    assert outcomes.count(None) == 1
    assert set(outcomes) == {None, "UsernameExistsException"}
    database = premises.app.services.database
    for table, expected in (("users", 1), ("aliases", 1), ("outbox", 1)):
        rows = await database.fetch(f"SELECT count(*) FROM {table}")
        assert rows[0][0] == expected, table
    rows = await database.fetch("SELECT count(*) FROM audit WHERE event = 'AdminCreateUser'")
    assert rows[0][0] == 1
    await assert_whole(database)


async def test_ten_thousand_guesses_at_once_get_five_answers(premises: Premises) -> None:
    """The clock stands: no lock lapses, so of all that arrive five are told wrong and every other one is turned away.

    The right password is among them, late: it is turned away like the rest.
    """
    await premises.user("alice")
    turn = itertools.count()
    told: dict[str, int] = {}

    async def guess() -> None:
        while (number := next(turn)) < GUESSES:
            right = number > GUESSES // 2 and number % 50 == 0
            reply = await premises.initiate("alice", PASSWORD if right else f"Wr0ng!{number}")
            outcome = reply.message if reply.error == "NotAuthorizedException" else f"{reply.status} {reply.error}"
            told[outcome] = told.get(outcome, 0) + 1

    await asyncio.gather(*(guess() for _ in range(AT_ONCE)))
    assert told == {"Incorrect username or password.": 5, "Password attempts exceeded": GUESSES - 5}
    row = await premises.app.services.database.fetch_row("SELECT failures, locked_until FROM attempts")
    assert row is not None
    assert row[0] == 5
    premises.clock.forward(1.001)
    assert (await premises.initiate("alice")).status == 200, "the lock is of a second and not longer for being hit"


async def test_each_lapsed_lock_gives_one_more_answer_however_many_ask(premises: Premises) -> None:
    await premises.user("alice")
    told = 0
    for seconds in (0, 1, 2, 4, 8):
        premises.clock.forward(seconds + 0.001)
        replies = await asyncio.gather(*(premises.initiate("alice", f"Wr0ng!{n}") for n in range(60)))
        told += sum(reply.message == "Incorrect username or password." for reply in replies)
    assert told == 5 + 4


async def test_a_sign_in_that_races_a_sign_out_is_either_before_or_after_it(premises: Premises) -> None:
    """Whatever token comes out of the race either works, or is refused everywhere: never half."""
    await premises.user("alice")

    async def sign_out() -> None:
        await premises.service.admin("AdminUserGlobalSignOut", UserPoolId=premises.pool_id, Username="alice")

    for _ in range(5):
        *replies, _ = await asyncio.gather(*(premises.initiate("alice") for _ in range(6)), sign_out())
        for reply in replies:
            if reply.status != 200:
                assert reply.error == "NotAuthorizedException"
                continue
            tokens = reply.json()["AuthenticationResult"]
            status = await premises.visit(tokens["AccessToken"])
            here = await premises.service.call("GetUser", {"AccessToken": tokens["AccessToken"]})
            assert (status == 200) == (here.status == 200)
    await assert_whole(premises.app.services.database)
