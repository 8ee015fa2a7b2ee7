"""Session strings and secret blocks that are altered, repeated, moved or raced, over the wire (auth-flows.md §5)."""

import asyncio
from typing import Any

from tests.attacks.premises import PASSWORD, TEMPORARY, Premises
from tests.attacks.wire import Reply

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/="


async def invited(premises: Premises, username: str) -> str:
    """A session that waits for a new password."""
    await premises.service.admin(
        "AdminCreateUser",
        UserPoolId=premises.pool_id,
        Username=username,
        TemporaryPassword=TEMPORARY,
        MessageAction="SUPPRESS",
    )
    reply = await premises.initiate(username, TEMPORARY)
    assert reply.json()["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    return str(reply.json()["Session"])


async def answer(premises: Premises, session: str, username: str = "alice", **more: Any) -> Reply:
    return await premises.service.call(
        "RespondToAuthChallenge",
        {
            "ClientId": premises.client_id,
            "ChallengeName": "NEW_PASSWORD_REQUIRED",
            "Session": session,
            "ChallengeResponses": {"USERNAME": username, "NEW_PASSWORD": PASSWORD},
            **more,
        },
    )


async def test_a_session_changed_in_any_one_place_opens_nothing(embedded: Premises) -> None:
    session = await invited(embedded, "alice")
    for place, character in enumerate(session):
        other = _ALPHABET[(_ALPHABET.index(character) + 1 + place % 60) % len(_ALPHABET)]
        reply = await answer(embedded, session[:place] + other + session[place + 1 :])
        assert reply.error in ("CodeMismatchException", "NotAuthorizedException"), (place, reply)
    for changed in (session[:-1], session + "A", session[1:], session * 2, session.swapcase(), session[::-1]):
        reply = await answer(embedded, changed)
        assert reply.status == 400, reply
    assert (await answer(embedded, session)).status == 200, "none of that has spent it"


async def test_a_session_is_of_its_user_client_pool_and_challenge(premises: Premises) -> None:
    session = await invited(premises, "alice")
    await premises.user("mallory")
    assert (await answer(premises, session, "mallory")).error == "NotAuthorizedException"
    pool_id, client_id = await premises.another_pool()
    assert (await answer(premises, session, ClientId=client_id)).error == "NotAuthorizedException"
    for challenge in ("SMS_MFA", "SOFTWARE_TOKEN_MFA", "SELECT_MFA_TYPE", "CUSTOM_CHALLENGE", "MFA_SETUP"):
        assert (await answer(premises, session, ChallengeName=challenge)).status == 400, challenge
    assert (await answer(premises, session)).status == 200
    del pool_id


async def test_a_secret_block_or_page_token_is_no_session(embedded: Premises) -> None:
    """Everything that is sealed is sealed for its purpose."""
    await invited(embedded, "alice")
    started = await embedded.service.call(
        "InitiateAuth",
        {
            "ClientId": embedded.client_id,
            "AuthFlow": "USER_SRP_AUTH",
            "AuthParameters": {"USERNAME": "alice", "SRP_A": "2"},
        },
    )
    block = started.json()["ChallengeParameters"]["SECRET_BLOCK"]
    await embedded.user("bob")
    page = await embedded.service.admin("ListUsers", UserPoolId=embedded.pool_id, Limit=1)
    for sealed in (block, page["PaginationToken"]):
        assert (await answer(embedded, sealed)).error in ("CodeMismatchException", "InvalidParameterException")
    session = (await embedded.initiate("alice", TEMPORARY)).json()["Session"]
    reply = await embedded.service.call(
        "ListUsers", {"UserPoolId": embedded.pool_id, "PaginationToken": session}, signed=True
    )
    assert (reply.error, reply.message) == ("InvalidParameterException", "Invalid pagination token")


async def test_of_fifty_first_sign_ins_at_once_one_sets_the_password(premises: Premises) -> None:
    session = await invited(premises, "alice")
    sessions = [session] * 25 + [(await premises.initiate("alice", TEMPORARY)).json()["Session"] for _ in range(25)]
    replies = await asyncio.gather(*(answer(premises, one) for one in sessions))
    won = [reply for reply in replies if reply.status == 200]
    assert len(won) == 1
    assert {reply.error for reply in replies if reply.status != 200} == {"NotAuthorizedException"}
    rows = await premises.app.services.database.fetch("SELECT count(*) FROM sessions")
    assert rows[0][0] == 1
    token = won[0].json()["AuthenticationResult"]["AccessToken"]
    assert await premises.visit(token) == 200
