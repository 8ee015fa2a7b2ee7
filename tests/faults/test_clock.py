"""A clock that is put back: nothing opens that should not, nobody is shut out for long, nothing is lost."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from poolhouse.janitor import tidy
from tests.attacks.premises import EMAIL, PASSWORD, TEMPORARY, Premises, open_premises
from tests.house import Clock

HOUR = 3600.0


@pytest.fixture
async def premises(database_url: str, tmp_path: Path) -> AsyncIterator[Premises]:
    async with open_premises(database_url, tmp_path / "state", Clock(float(int(time.time())))) as opened:
        await opened.found()
        yield opened


async def test_tokens_and_sessions_go_on_and_end_at_their_time(premises: Premises) -> None:
    await premises.user("alice")
    tokens = await premises.sign_in("alice")
    premises.clock.forward(-HOUR)
    assert await premises.visit(tokens["AccessToken"]) == 200
    refreshed = await premises.service.call(
        "InitiateAuth",
        {
            "ClientId": premises.client_id,
            "AuthFlow": "REFRESH_TOKEN_AUTH",
            "AuthParameters": {"REFRESH_TOKEN": tokens["RefreshToken"]},
        },
    )
    assert refreshed.status == 200
    premises.clock.forward(HOUR + 3600)
    assert await premises.visit(tokens["AccessToken"]) == 401
    assert await premises.visit(refreshed.json()["AuthenticationResult"]["AccessToken"]) == 401


@pytest.mark.parametrize("back", [1.0, 600.0, 7 * 24 * HOUR])
async def test_a_sign_out_holds_and_the_next_sign_in_works(premises: Premises, back: float) -> None:
    await premises.user("alice")
    before = await premises.sign_in("alice")
    assert await premises.visit(before["AccessToken"]) == 200
    premises.clock.forward(-back)
    await premises.service.admin("AdminUserGlobalSignOut", UserPoolId=premises.pool_id, Username="alice")
    assert await premises.visit(before["AccessToken"]) == 401
    after = await premises.sign_in("alice")
    assert await premises.visit(after["AccessToken"]) == 200
    premises.clock.forward(back)
    assert await premises.visit(before["AccessToken"]) == 401


async def test_a_lock_is_not_stretched_beyond_half_an_hour_and_not_forgotten(premises: Premises) -> None:
    await premises.user("alice")
    for _ in range(5):
        await premises.initiate("alice", "Wr0ng!password")
    premises.clock.forward(-HOUR)
    first = await premises.initiate("alice", "Wr0ng!password")
    assert first.message == "Incorrect username or password.", "the lock of a second is not one of an hour"
    second = await premises.initiate("alice", "Wr0ng!password")
    assert second.message == "Password attempts exceeded", "and every failure still counts"
    premises.clock.forward(2.001)
    assert (await premises.initiate("alice")).status == 200


async def test_a_small_step_back_opens_no_lock(premises: Premises) -> None:
    await premises.user("alice")
    for _ in range(5):
        await premises.initiate("alice", "Wr0ng!password")
    for step in (-0.5, -1.0, -60.0, -600.0):
        premises.clock.forward(step)
        assert (await premises.initiate("alice")).message == "Password attempts exceeded"


async def test_what_is_used_once_stays_used(premises: Premises) -> None:
    """A session string lives longer when the clock goes back; so does the memory that it was used."""
    await premises.service.admin(
        "AdminCreateUser",
        UserPoolId=premises.pool_id,
        Username="alice",
        TemporaryPassword=TEMPORARY,
        MessageAction="SUPPRESS",
    )
    session = (await premises.initiate("alice", TEMPORARY)).json()["Session"]
    answer = {
        "ClientId": premises.client_id,
        "ChallengeName": "NEW_PASSWORD_REQUIRED",
        "Session": session,
        "ChallengeResponses": {"USERNAME": "alice", "NEW_PASSWORD": PASSWORD},
    }
    premises.clock.forward(-HOUR)
    assert (await premises.service.call("RespondToAuthChallenge", answer)).status == 200
    for _ in range(6):
        premises.clock.forward(900)
        await tidy(premises.app.services.database, int(premises.clock() * 1000), 400)
        reply = await premises.service.call("RespondToAuthChallenge", answer)
        assert reply.error in ("NotAuthorizedException", "CodeMismatchException"), reply
    database = premises.app.services.database
    kept = await database.fetch("SELECT expires_at FROM spent")
    assert all(row[0] >= (premises.clock() + HOUR - 6 * 900) * 1000 for row in kept)


async def test_a_spent_block_is_remembered_for_as_long_as_it_lives(premises: Premises) -> None:
    await premises.user("alice")
    started = await premises.service.call(
        "InitiateAuth",
        {
            "ClientId": premises.client_id,
            "AuthFlow": "USER_SRP_AUTH",
            "AuthParameters": {"USERNAME": "alice", "SRP_A": "2"},
        },
    )
    expires_at = (premises.clock() + 180) * 1000
    premises.clock.forward(-HOUR)
    challenge = started.json()["ChallengeParameters"]
    reply = await premises.service.call(
        "RespondToAuthChallenge",
        {
            "ClientId": premises.client_id,
            "ChallengeName": "PASSWORD_VERIFIER",
            "ChallengeResponses": {
                "USERNAME": challenge["USERNAME"],
                "PASSWORD_CLAIM_SECRET_BLOCK": challenge["SECRET_BLOCK"],
                "PASSWORD_CLAIM_SIGNATURE": "AAAA",
                "TIMESTAMP": "Tue Mar 4 05:06:07 UTC 2025",
            },
        },
    )
    assert reply.message == "Incorrect username or password."
    rows = await premises.app.services.database.fetch("SELECT expires_at FROM spent")
    assert [row[0] >= expires_at for row in rows] == [True]


async def test_messages_and_audit_events_keep_their_order_and_none_is_lost(premises: Premises) -> None:
    for number, step in enumerate((0.0, -HOUR, -1.0, 2 * HOUR, -0.001, -24 * HOUR)):
        premises.clock.forward(step)
        await premises.service.admin(
            "AdminCreateUser",
            UserPoolId=premises.pool_id,
            Username=f"user{number}",
            DesiredDeliveryMediums=["EMAIL"],
            UserAttributes=[{"Name": "email", "Value": f"{number}.{EMAIL}"}],
        )
    shown = (await premises.service.send("GET", "/_poolhouse/inbox.json")).json()
    assert [message["to"] for message in shown] == [f"{number}.{EMAIL}" for number in reversed(range(6))]
    rows = await premises.app.services.database.fetch("SELECT count(*) FROM audit WHERE event = 'AdminCreateUser'")
    assert rows[0][0] == 6


async def test_a_fresh_session_string_survives_a_step_back(premises: Premises) -> None:
    await premises.service.admin(
        "AdminCreateUser",
        UserPoolId=premises.pool_id,
        Username="alice",
        TemporaryPassword=TEMPORARY,
        MessageAction="SUPPRESS",
    )
    session = (await premises.initiate("alice", TEMPORARY)).json()["Session"]
    premises.clock.forward(-600)
    reply = await premises.service.call(
        "RespondToAuthChallenge",
        {
            "ClientId": premises.client_id,
            "ChallengeName": "NEW_PASSWORD_REQUIRED",
            "Session": session,
            "ChallengeResponses": {"USERNAME": "alice", "NEW_PASSWORD": PASSWORD},
        },
    )
    assert reply.status == 200


async def test_a_day_forward_ends_what_has_its_time_and_nothing_else(premises: Premises) -> None:
    await premises.user("alice")
    tokens = await premises.sign_in("alice")
    for _ in range(5):
        await premises.initiate("alice", "Wr0ng!password")
    assert (await premises.initiate("alice")).message == "Password attempts exceeded"
    premises.clock.forward(24 * HOUR)
    assert await premises.visit(tokens["AccessToken"]) == 401, "the access token lived for an hour"
    assert (await premises.initiate("alice")).status == 200, "the lock has lapsed"
    refreshed = await premises.service.call("InitiateAuth", _refresh(premises, tokens))
    assert refreshed.status == 200, "the refresh token lives for thirty days"
    await premises.service.admin("AdminUserGlobalSignOut", UserPoolId=premises.pool_id, Username="alice")
    premises.clock.forward(-24 * HOUR)
    again = await premises.service.call("InitiateAuth", _refresh(premises, tokens))
    assert again.error == "NotAuthorizedException", "and a step back revives nothing"
    assert await premises.visit(tokens["AccessToken"]) == 401


async def test_a_clock_that_jumps_to_and_fro_in_the_middle_of_sign_ins_refuses_nobody(premises: Premises) -> None:
    await premises.user("alice")
    for step in (-HOUR, 24 * HOUR, -23 * HOUR, 0.5, -0.5, HOUR, -24 * HOUR):
        started = await premises.service.call(
            "InitiateAuth",
            {
                "ClientId": premises.client_id,
                "AuthFlow": "USER_PASSWORD_AUTH",
                "AuthParameters": {"USERNAME": "alice", "PASSWORD": PASSWORD},
            },
        )
        tokens = started.json()["AuthenticationResult"]
        waiting = asyncio.create_task(premises.service.call("InitiateAuth", _refresh(premises, tokens)))
        premises.clock.forward(step)
        assert (await waiting).status == 200
        assert (await premises.initiate("alice")).status == 200
        assert await premises.visit(tokens["AccessToken"]) == (401 if step >= HOUR else 200)


async def test_the_lockout_counts_on_whatever_the_clock_does_between_guesses(premises: Premises) -> None:
    """Whoever could turn the clock back must not win guesses by it."""
    await premises.user("alice")
    answered = 0
    for step in (0.0, -HOUR, -HOUR, -HOUR, -HOUR, -1.0, -1.0, -1.0, -1.0, -1.0):
        premises.clock.forward(step)
        reply = await premises.initiate("alice", "Wr0ng!password")
        answered += reply.message == "Incorrect username or password."
    assert answered == 5
    rows = await premises.app.services.database.fetch("SELECT failures FROM attempts")
    assert [row[0] for row in rows] == [5]


def _refresh(premises: Premises, tokens: dict[str, str]) -> dict[str, object]:
    return {
        "ClientId": premises.client_id,
        "AuthFlow": "REFRESH_TOKEN_AUTH",
        "AuthParameters": {"REFRESH_TOKEN": tokens["RefreshToken"]},
    }
