"""Who a request says it is from: hosts, forwarded addresses, and pages of other origins in the developer's browser."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.premises import Premises, open_premises
from tests.attacks.test_tokens import parts
from tests.attacks.wire import JSON, SIGNED, TARGET
from tests.house import Clock

SPOOFS = [
    {"Host": "evil.example"},
    {"Host": "evil.example", "X-Forwarded-Proto": "https"},
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
    {"Forwarded": "host=evil.example;proto=https"},
    {"X-Forwarded-Host": "evil.example/x"},
    {"X-Forwarded-Host": "evil.example\t"},
]


async def issuer(premises: Premises, headers: dict[str, str]) -> str:
    reply = await premises.service.call(
        "InitiateAuth",
        {
            "ClientId": premises.client_id,
            "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": "alice", "PASSWORD": "Tr0ub4dor&3-Aa"},
        },
        headers,
    )
    assert reply.status == 200, reply
    return str(parts(reply.json()["AuthenticationResult"]["AccessToken"])[1]["iss"])


def _opened(tmp_path: Path, **settings: Any) -> AbstractAsyncContextManager[Premises]:
    return open_premises("", tmp_path / "state", Clock(float(int(time.time()))), **settings)


@pytest.mark.parametrize("form", ["public", "host", "aws"])
async def test_no_header_of_a_stranger_chooses_the_issuer(tmp_path: Path, form: str) -> None:
    async with _opened(tmp_path, issuer=form, public_url="https://id.example.com", mode="production") as premises:
        await premises.found_by_operator("alice")
        expected = {"public": "https://id.example.com", "host": "https://id.example.com"}.get(
            form, "https://cognito-idp.eu-west-1.amazonaws.com"
        )
        for spoof in SPOOFS:
            assert await issuer(premises, spoof) == f"{expected}/{premises.pool_id}", spoof
            path = f"/{premises.pool_id}/.well-known/openid-configuration"
            document = (await premises.service.send("GET", path, spoof)).json()
            assert document["issuer"] == f"{expected}/{premises.pool_id}", spoof


async def test_a_trusted_proxy_says_which_host_was_asked_and_garbage_is_not_believed(tmp_path: Path) -> None:
    async with _opened(
        tmp_path, issuer="host", public_url="https://id.example.com", trusted_proxies=["127.0.0.1"]
    ) as premises:
        await premises.found()
        await premises.user("alice")
        good = {"X-Forwarded-Host": "login.example.org", "X-Forwarded-Proto": "https"}
        assert await issuer(premises, good) == f"https://login.example.org/{premises.pool_id}"
        for bad in ("a/b", "a b", "a@b", "a?b", "a#b", "<script>", "a,b", "a\\b", "x" * 300):
            found = await issuer(premises, {"X-Forwarded-Host": bad, "X-Forwarded-Proto": "https"})
            assert found == f"https://id.example.com/{premises.pool_id}", bad
        assert (await issuer(premises, {**good, "X-Forwarded-Proto": "javascript"})).startswith("http://login.")
        # A proxy that adds its own line behind the caller's: nobody can tell which of them it wrote.
        twice = {"X-Forwarded-Host": "evil.example", "x-forwarded-host": "login.example.org"}
        assert await issuer(premises, twice) == f"https://id.example.com/{premises.pool_id}"


async def _audited(premises: Premises) -> str:
    row = await premises.app.services.database.fetch_row(
        "SELECT address FROM audit WHERE event = 'SignIn' ORDER BY event_id DESC LIMIT 1"
    )
    assert row is not None
    return str(row[0])


async def test_a_forwarded_address_counts_only_from_a_trusted_proxy(tmp_path: Path) -> None:
    chain = {"X-Forwarded-For": "6.6.6.6, 10.0.0.7"}
    async with _opened(tmp_path, mode="production") as premises:
        await premises.found_by_operator("alice")
        await issuer(premises, chain)
        assert await _audited(premises) == "127.0.0.1"
    async with _opened(tmp_path / "b", trusted_proxies=["127.0.0.0/8", "10.0.0.0/8"]) as premises:
        await premises.found_by_operator("alice")
        for forwarded, seen in {
            "6.6.6.6": "6.6.6.6",
            "1.1.1.1, 6.6.6.6": "6.6.6.6",
            "1.1.1.1, 6.6.6.6, 10.0.0.7": "6.6.6.6",
            "10.0.0.7": "127.0.0.1",
            "6.6.6.6, evil": "127.0.0.1",
            "' OR 1=1": "127.0.0.1",
        }.items():
            premises.clock.forward(1)
            await issuer(premises, {"X-Forwarded-For": forwarded})
            assert await _audited(premises) == seen, forwarded


FOREIGN = [
    *({"Origin": origin} for origin in ("https://evil.example", "http://localhost.evil.example", "null", "")),
    *({"Origin": origin} for origin in ("http://127.0.0.1.evil.example", "http://evil.example:9229", "file://")),
    *({"Origin": origin} for origin in ("http://localhost@evil.example", "http://evillocalhost", "http://10.0.0.1")),
    {"Sec-Fetch-Site": "cross-site"},
]
OWN = [
    *({"Origin": origin} for origin in ("http://localhost:5173", "https://app.localhost", "http://127.0.0.1:8000")),
    *({"Origin": origin} for origin in ("http://[::1]:3000", "http://localhost")),
    {"Sec-Fetch-Site": "same-site"},
    {},
]


@pytest.mark.parametrize("page", FOREIGN, ids=str)
async def test_a_page_that_the_developer_visits_is_no_administrator(embedded: Premises, page: dict[str, str]) -> None:
    """Development believes any signature; a browser sends anything to loopback, and our CORS lets its page read."""
    reply = await embedded.service.call("ListUserPools", {"MaxResults": 1}, page, signed=True)
    assert (reply.status, reply.error) == (400, "AccessDeniedException"), reply
    invoke = "/2015-03-31/functions/f/invocations"
    presigned = (
        "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A/20250101/eu-west-1/lambda/aws4_request"
        "&X-Amz-Date=20250101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
    )
    for target, headers in ((invoke, SIGNED), (invoke + presigned, {})):
        reply = await embedded.service.send("POST", target, {**headers, **page}, b"{}")
        assert (reply.status, reply.error) == (400, "AccessDeniedException"), reply


@pytest.mark.parametrize("page", OWN, ids=str)
async def test_pages_of_this_machine_and_programs_are_served(embedded: Premises, page: dict[str, str]) -> None:
    reply = await embedded.service.call("ListUserPools", {"MaxResults": 1}, page, signed=True)
    assert reply.status == 200, reply


async def test_any_page_may_sign_its_own_visitors_in(embedded: Premises) -> None:
    reply = await embedded.service.call(
        "InitiateAuth",
        {"ClientId": embedded.client_id, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {"USERNAME": "x"}},
        {"Origin": "https://app.example.com"},
    )
    assert reply.error == "InvalidParameterException"
    assert reply.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9229", "127.0.0.1.evil.example", "localhost.evil.example"]
)
async def test_the_inbox_is_read_under_a_loopback_name_only(embedded: Premises, host: str) -> None:
    for path in ("/_poolhouse/inbox", "/_poolhouse/inbox.json"):
        reply = await embedded.service.send("GET", path, {"Host": host})
        assert reply.status == 403
        assert "access-control-allow-origin" not in reply.headers


async def test_a_message_of_the_service_cannot_split_its_answer(embedded: Premises) -> None:
    body = f'{{"UserPoolId":"{embedded.pool_id}","Username":"a\\r\\nSet-Cookie: x=1"}}'
    headers = {"Content-Type": JSON, "X-Amz-Target": f"{TARGET}.AdminGetUser"} | SIGNED
    reply = await embedded.service.send("POST", "/", headers, body.encode())
    assert reply.status == 400
    assert "set-cookie" not in reply.headers


async def test_an_overloaded_listener_answers_in_the_envelope_with_cors(tmp_path: Path) -> None:
    """503 with Retry-After must be one that a browser's SDK can read, or it cannot know to try again."""
    async with _opened(tmp_path, max_concurrency=1) as premises:
        pending = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
        _, writer = await asyncio.open_connection("127.0.0.1", premises.service.port)
        writer.write(pending)
        await writer.drain()
        await asyncio.sleep(0.05)
        reply = await premises.service.send("GET", "/healthz")
        writer.close()
        assert (reply.status, reply.error) == (503, "ServiceUnavailableException")
        assert reply.headers["access-control-allow-origin"] == "*"
        assert reply.headers["retry-after"] == "1"
