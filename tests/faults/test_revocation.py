"""Two nodes on one database: whoever is signed out on one is refused by the other's gateway within a second.

By construction, not by luck: a node that cannot be sure to have heard everything asks the database. So the tests wait
the second out and then allow no exception, however slow the machine.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.attacks.premises import Premises, open_premises
from tests.house import Clock

PROMISE_SECONDS = 1.0
Nodes = tuple[Premises, Premises]


@pytest.fixture
async def nodes(database_url: str, tmp_path: Path) -> AsyncIterator[Nodes]:
    async with AsyncExitStack() as stack:
        clock = Clock(float(int(time.time())))
        here = await stack.enter_async_context(open_premises(database_url, tmp_path / "state", clock))
        there = await stack.enter_async_context(
            open_premises(database_url, tmp_path / "state", clock, upstream=here.upstream)
        )
        await here.found()
        there.pool_id, there.client_id = here.pool_id, here.client_id
        await there.deployed()
        yield here, there


Ending = Callable[[Premises, dict[str, str]], Awaitable[object]]
ENDINGS: dict[str, Ending] = {
    "GlobalSignOut": lambda node, tokens: node.service.call("GlobalSignOut", {"AccessToken": tokens["AccessToken"]}),
    "RevokeToken": lambda node, tokens: node.service.call(
        "RevokeToken", {"Token": tokens["RefreshToken"], "ClientId": node.client_id}
    ),
    "DeleteUser": lambda node, tokens: node.service.call("DeleteUser", {"AccessToken": tokens["AccessToken"]}),
    **{
        name: lambda node, tokens, name=name: node.service.admin(name, UserPoolId=node.pool_id, Username="alice")  # type: ignore[misc]
        for name in ("AdminUserGlobalSignOut", "AdminDisableUser", "AdminDeleteUser")
    },
    "DeleteUserPoolClient": lambda node, tokens: node.service.admin(
        "DeleteUserPoolClient", UserPoolId=node.pool_id, ClientId=node.client_id
    ),
    "DeleteUserPool": lambda node, tokens: node.service.admin("DeleteUserPool", UserPoolId=node.pool_id),
}


@pytest.mark.parametrize("ending", list(ENDINGS))
async def test_an_end_on_one_node_is_honoured_by_the_other_within_a_second(nodes: Nodes, ending: str) -> None:
    here, there = nodes
    await here.user("alice")
    tokens = await here.sign_in("alice")
    for use in ("AccessToken", "IdToken"):
        for node in nodes:
            assert [await node.visit(tokens[use]) for _ in range(3)] == [200] * 3, "held as known by now"
    await ENDINGS[ending](here, tokens)
    for use in ("AccessToken", "IdToken"):
        assert await here.visit(tokens[use]) == 401, "at once where it happened"
    await asyncio.sleep(PROMISE_SECONDS)
    for use in ("AccessToken", "IdToken"):
        assert await there.visit(tokens[use]) == 401
    reply = await there.service.call("GetUser", {"AccessToken": tokens["AccessToken"]})
    assert reply.status == 400, "operations ask the database and never wait"


async def test_it_holds_while_the_listening_connection_is_killed_again_and_again(nodes: Nodes) -> None:
    here, there = nodes
    database = here.app.services.database
    if database.dialect == "sqlite":
        # There is no connection to kill: the feed is the file itself. Its reader is kept from running instead.
        feeds = [node.app.services.database._feed for node in nodes]  # type: ignore[attr-defined]
        for feed in feeds:
            feed.cancel()
    await here.user("alice")
    for _ in range(2):
        tokens = await here.sign_in("alice")
        assert await there.visit(tokens["AccessToken"]) == 200
        if database.dialect == "postgresql":
            await database.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND query NOT LIKE '%pg_terminate%' AND application_name = 'poolhouse'"
            )
        await _patiently_sign_out(here)
        await asyncio.sleep(PROMISE_SECONDS)
        assert await there.visit(tokens["AccessToken"]) == 401
        await there.deployed()


async def test_a_deleted_pool_is_gone_for_a_node_that_hears_nothing_before_its_rows_are(nodes: Nodes) -> None:
    here, there = nodes
    await here.user("alice")
    tokens = await here.sign_in("alice")
    assert await there.visit(tokens["AccessToken"]) == 200
    for node in nodes:
        assert node.app._janitor is not None
        node.app._janitor.cancel()
    there.app.services.database._feed.cancel()  # type: ignore[attr-defined]
    await here.service.admin("DeleteUserPool", UserPoolId=here.pool_id)
    await asyncio.sleep(PROMISE_SECONDS)
    left = await here.app.services.database.fetch("SELECT 1 FROM sessions")
    assert len(left) == 1, "its rows are still there"
    for node in nodes:
        for use in ("AccessToken", "IdToken"):
            assert await node.visit(tokens[use]) == 401
        reply = await node.service.call("GetUser", {"AccessToken": tokens["AccessToken"]})
        assert reply.status == 400


async def _patiently_sign_out(node: Premises) -> None:
    """The connections are being killed: an administrator would try again, too."""
    members = {"UserPoolId": node.pool_id, "Username": "alice"}
    async with asyncio.timeout(10):
        while (await node.service.call("AdminUserGlobalSignOut", members, signed=True)).status != 200:
            await asyncio.sleep(0.01)


async def test_a_password_set_on_one_node_is_the_password_on_the_other(nodes: Nodes) -> None:
    here, there = nodes
    await here.user("alice")
    await there.sign_in("alice")
    await here.service.admin(
        "AdminSetUserPassword", UserPoolId=here.pool_id, Username="alice", Password="N3w!passw0rd-x", Permanent=True
    )
    assert (await there.initiate("alice")).message == "Incorrect username or password."
    assert (await there.initiate("alice", "N3w!passw0rd-x")).status == 200


async def test_a_session_begun_on_one_node_is_answered_once_by_either(nodes: Nodes) -> None:
    here, _ = nodes
    await here.service.admin(
        "AdminCreateUser",
        UserPoolId=here.pool_id,
        Username="alice",
        TemporaryPassword="T3mp0rary!pass",
        MessageAction="SUPPRESS",
    )
    session = (await here.initiate("alice", "T3mp0rary!pass")).json()["Session"]
    answer = {
        "ClientId": here.client_id,
        "ChallengeName": "NEW_PASSWORD_REQUIRED",
        "Session": session,
        "ChallengeResponses": {"USERNAME": "alice", "NEW_PASSWORD": "N3w!passw0rd-x"},
    }
    replies = await asyncio.gather(
        *(node.service.call("RespondToAuthChallenge", answer) for node in nodes for _ in range(5))
    )
    assert sorted(reply.status for reply in replies) == [200] + [400] * 9
