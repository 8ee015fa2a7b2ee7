"""The COGNITO_USER_POOLS decision table (api-gateway.md section 2)."""

import re
from typing import Any

import pytest
import structlog

from poolhouse.gateway.authority import claim_text
from tests.gateway.harness import cognito, document, guarded, method, running

OPEN = document({"/foo": {"get": method(security=guarded())}})
SCOPED = document({"/foo": {"get": method(security=guarded("orders/read", "orders/write"))}})
FOREIGN_SCOPE = document({"/foo": {"get": method(security=guarded("orders/delete"))}})
AUDIENCE = document(
    {"/foo": {"get": method(security=guarded())}},
    securityDefinitions={"Auth": cognito(identityValidationExpression="client[1]")},
)

NO = b'{"message":"Unauthorized"}'
EXPIRED = b'{"message":"The incoming token has expired"}'


@pytest.mark.parametrize(
    ("body", "value", "aws", "session"),
    [
        (OPEN, None, NO, NO),
        (OPEN, "", NO, NO),
        (OPEN, "id", 200, 200),
        (OPEN, "Bearer id", 200, 200),
        (OPEN, "bearer id", 200, 200),
        (OPEN, "Bearer  id", NO, NO),
        (OPEN, "Bearer id x", NO, NO),
        (OPEN, "Bearer ", NO, NO),
        (OPEN, "Basic id", NO, NO),
        (OPEN, "access", NO, 200),
        (OPEN, "foreign", NO, NO),
        (OPEN, "expired", EXPIRED, EXPIRED),
        (OPEN, "forged", NO, NO),
        (OPEN, "nonsense", NO, NO),
        (SCOPED, "access", 200, 200),
        (SCOPED, "id", NO, NO),
        (FOREIGN_SCOPE, "access", NO, NO),
        (AUDIENCE, "id", 200, 200),
        (AUDIENCE, "other-client", NO, NO),
        (AUDIENCE, "access", NO, NO),
    ],
)
@pytest.mark.parametrize("mode", ["aws", "session"])
async def test_the_decision_table(
    body: dict[str, Any], value: str | None, aws: int | bytes, session: int | bytes, mode: str
) -> None:
    expected = aws if mode == "aws" else session
    headers = {} if value is None else {"Authorization": value}
    async with running(body, mode=mode) as run:
        status, got, text = await run.ask("/val/foo", headers=headers)
        if isinstance(expected, int):
            assert status == expected
        else:
            assert (status, text, got[b"x-amzn-errortype"]) == (401, expected, b"UnauthorizedException")
            assert run.functions.events == []


async def test_a_refusal_has_exactly_the_headers_of_the_contract() -> None:
    async with running(OPEN) as run:
        status, headers, body = await run.ask("/val/foo")
    assert (status, len(body)) == (401, 26)
    assert set(headers) == {
        b"content-type",
        b"content-length",
        b"date",
        b"x-amzn-requestid",
        b"x-amzn-errortype",
        b"x-amz-apigw-id",
    }
    assert headers[b"content-type"] == b"application/json"
    assert re.fullmatch(
        rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", headers[b"x-amzn-requestid"]
    )
    assert re.fullmatch(rb"[A-Za-z0-9_-]{15}=", headers[b"x-amz-apigw-id"])


async def test_a_dead_session_is_refused_at_once_in_session_mode_only() -> None:
    for mode, expected in (("session", 401), ("aws", 200)):
        async with running(OPEN, mode=mode) as run:
            assert (await run.ask("/val/foo", headers={"Authorization": "id"}))[0] == 200
            run.authority.dead_sessions.add("id")
            status, _, body = await run.ask("/val/foo", headers={"Authorization": "id"})
            assert status == expected
            assert status == 200 or body == NO


async def test_the_cause_of_a_refusal_is_logged_and_no_token_is() -> None:
    with structlog.testing.capture_logs() as logs:
        async with running(OPEN) as run:
            _, headers, _ = await run.ask("/val/foo", headers={"Authorization": "forged"})
    (line,) = [entry for entry in logs if entry["event"] == "gateway_refused"]
    assert line["reason"] == "bad_signature"
    assert line["route"] == "GET /foo"
    assert line["request_id"] == headers[b"x-amzn-requestid"].decode()
    assert "forged" not in str(line)


async def test_an_access_token_without_scopes_is_pointed_out_once_for_each_route() -> None:
    with structlog.testing.capture_logs() as logs:
        async with running(OPEN) as run:
            for _ in range(3):
                assert (await run.ask("/val/foo", headers={"Authorization": "access"}))[0] == 200
    assert len([entry for entry in logs if entry["event"] == "access_token_accepted_without_scopes"]) == 1


async def test_the_token_is_read_from_the_header_that_the_definition_names() -> None:
    body = document(
        {"/foo": {"get": method(security=guarded())}}, securityDefinitions={"Auth": cognito(header="X-Token")}
    )
    async with running(body) as run:
        assert (await run.ask("/val/foo", headers={"Authorization": "id"}))[0] == 401
        assert (await run.ask("/val/foo", headers={"x-token": "id"}))[0] == 200


async def test_none_opens_a_route_and_a_default_guards_it() -> None:
    paths = {"/open": {"get": method(security=[{"NONE": []}])}, "/default": {"get": method()}}
    async with running(document(paths, security=guarded())) as run:
        assert (await run.ask("/val/open"))[0] == 200
        assert "authorizer" not in run.event["requestContext"]
        assert (await run.ask("/val/default"))[0] == 401


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("email_verified", True, "true"),
        ("x", False, "false"),
        ("auth_time", 1639741165, "1639741165"),
        ("exp", 1639744765, "Fri Dec 17 12:39:25 UTC 2021"),
        ("iat", 1638604800, "Sat Dec 04 08:00:00 UTC 2021"),
        ("cognito:groups", ["admins"], "admins"),
        ("cognito:groups", ["group-a", "group-b"], "group-a,group-b"),
        ("cognito:groups", [], ""),
        ("address", {"formatted": "1 Street"}, '{"formatted":"1 Street"}'),
        ("identities", [{"userId": "1"}], '{"userId":"1"}'),
        ("scope", "a b", "a b"),
        ("n", 1.5, "1.5"),
        ("n", None, ""),
    ],
)
def test_claims_reach_integrations_as_text(name: str, value: Any, text: str) -> None:
    assert claim_text(name, value) == text


async def test_claims_keep_the_tokens_order() -> None:
    async with running(OPEN) as run:
        await run.ask("/val/foo", headers={"Authorization": "id"})
        authorizer = run.event["requestContext"]["authorizer"]
    assert list(authorizer) == ["claims"]
    assert list(authorizer["claims"].items()) == [
        ("sub", "2d4e0d3c-0000-4000-8000-000000000001"),
        ("cognito:groups", "admins"),
        ("email_verified", "true"),
        ("iss", "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abcdefghi"),
        ("cognito:username", "someone"),
        ("aud", "client1"),
        ("token_use", "id"),
        ("auth_time", "1639741165"),
        ("exp", "Fri Dec 17 12:39:25 UTC 2021"),
        ("iat", "Fri Dec 17 11:39:25 UTC 2021"),
        ("email", "someone@example.com"),
    ]
