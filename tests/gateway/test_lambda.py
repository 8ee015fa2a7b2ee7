"""AWS_PROXY: the event, the result, the limits and the failures (api-gateway.md sections 3 and 4)."""

import asyncio
import base64
import json
import re
from typing import Any

import pytest

from poolhouse.functions.spec import FunctionNotFound, PayloadTooLarge, ThrottleReason, TooManyInvocations
from poolhouse.gateway.definition import StageDefinition
from poolhouse.gateway.exchange import Origin
from tests.gateway.harness import NOW, Outcome, document, guarded, hello, method, proxy, running
from tests.http.wire import ask, connected

FOO = document({"/foo/{id}": {"x-amazon-apigateway-any-method": method(security=guarded())}})
PLAIN = document({"/foo": {"x-amazon-apigateway-any-method": method()}})
BINARY_TYPES = {"x-amazon-apigateway-binary-media-types": ["image~1png", "application/pdf"]}
BINARY = document({"/foo": {"x-amazon-apigateway-any-method": method()}}, **BINARY_TYPES)
ANY_BINARY = document(
    {"/foo": {"x-amazon-apigateway-any-method": method()}}, **{"x-amazon-apigateway-binary-media-types": ["*~1*"]}
)
BROKEN = b'{"message": "Internal server error"}'


async def test_the_event_has_exactly_the_members_of_payload_v1() -> None:
    async with running(FOO, variables={"a": "b"}) as run:
        await run.ask(
            "/val/foo/7?price=10&price=20&price=30&q=a+b%2Bc&empty",
            method="POST",
            headers={
                "Authorization": "id",
                "tEsT-HEADeR": "one",
                "Test-Header": "two",
                "user-agent": "ua/1",
                "Connection": "keep-alive",
            },
            body="héllo".encode(),
            host="abc1234567.execute-api.localhost:3000",
        )
        event = run.event
    context = event.pop("requestContext")
    headers = event.pop("headers")
    lists = event.pop("multiValueHeaders")
    assert event == {
        "resource": "/foo/{id}",
        "path": "/foo/7",
        "httpMethod": "POST",
        "queryStringParameters": {"price": "30", "q": "a b+c", "empty": ""},
        "multiValueQueryStringParameters": {"price": ["10", "20", "30"], "q": ["a b+c"], "empty": [""]},
        "pathParameters": {"id": "7"},
        "stageVariables": {"a": "b"},
        "body": "héllo",
        "isBase64Encoded": False,
    }
    assert set(headers) == {
        "Host",
        "Authorization",
        "tEsT-HEADeR",
        "User-Agent",
        "X-Amzn-Trace-Id",
        "X-Forwarded-For",
        "X-Forwarded-Port",
        "X-Forwarded-Proto",
    }
    assert (headers["tEsT-HEADeR"], lists["tEsT-HEADeR"]) == ("two", ["one", "two"])
    assert headers["Authorization"] == "id"
    assert (headers["X-Forwarded-For"], headers["X-Forwarded-Port"], headers["X-Forwarded-Proto"]) == (
        "127.0.0.1",
        "3000",
        "http",
    )
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", headers["X-Amzn-Trace-Id"])
    assert headers["X-Amzn-Trace-Id"][7:15] == f"{int(NOW):08x}"
    identity = context.pop("identity")
    assert identity.pop("sourceIp") == "127.0.0.1"
    assert identity.pop("userAgent") == "ua/1"
    assert set(identity.values()) == {None}
    assert set(identity) == {
        "accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType",
        "cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId", "user", "userArn",
    }  # fmt: skip
    assert context.pop("authorizer")["claims"]["email"] == "someone@example.com"
    for made in ("requestId", "extendedRequestId", "resourceId", "deploymentId"):
        assert context.pop(made)
    assert context == {
        "accountId": "000000000000",
        "apiId": "abc1234567",
        "domainName": "abc1234567.execute-api.localhost:3000",
        "domainPrefix": "abc1234567",
        "httpMethod": "POST",
        "path": "/val/foo/7",
        "protocol": "HTTP/1.1",
        "requestTime": "17/Dec/2021:11:40:21 +0000",
        "requestTimeEpoch": 1639741221500,
        "resourcePath": "/foo/{id}",
        "stage": "val",
    }


async def test_the_event_names_the_deployment_that_the_stage_serves() -> None:
    async with running(FOO, stages={"val": StageDefinition(deployment_id="dep123")}) as run:
        await run.ask("/val/foo/7", method="POST", headers={"Authorization": "id"})
        assert run.event["requestContext"]["deploymentId"] == "dep123"


async def test_empty_maps_and_an_absent_body_are_null() -> None:
    async with running(PLAIN) as run:
        await run.ask("/val/foo")
        event = run.event
    absent = ("queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables", "body")
    assert [event[name] for name in absent] == [None] * 5
    assert list(event) == [
        "resource", "path", "httpMethod", "headers", "multiValueHeaders", "queryStringParameters",
        "multiValueQueryStringParameters", "pathParameters", "stageVariables", "requestContext", "body",
        "isBase64Encoded",
    ]  # fmt: skip


async def test_hop_by_hop_and_framing_headers_do_not_reach_the_function() -> None:
    dropped = {
        "Content-MD5": "x",
        "Max-Forwards": "1",
        "Proxy-Authenticate": "x",
        "Server": "x",
        "TE": "trailers",
        "Trailer": "x",
        "Upgrade": "h2c",
        "WWW-Authenticate": "x",
        "Connection": "x-hop",
        "X-Hop": "1",
    }
    async with running(PLAIN) as run:
        await run.ask("/val/foo", headers=dropped)
        assert set(run.event["headers"]) == {
            "Host",
            "X-Amzn-Trace-Id",
            "X-Forwarded-For",
            "X-Forwarded-Port",
            "X-Forwarded-Proto",
        }


async def test_forwarded_addresses_are_appended_to_and_a_trace_is_kept() -> None:
    async with running(PLAIN) as run:
        await run.ask(
            "/val/foo",
            headers={"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "gopher", "X-Amzn-Trace-Id": "Root=mine"},
        )
        headers = run.event["headers"]
    assert (headers["X-Forwarded-For"], headers["X-Forwarded-Proto"], headers["X-Amzn-Trace-Id"]) == (
        "1.2.3.4, 127.0.0.1",
        "http",
        "Root=mine",
    )


async def test_a_trusted_proxy_is_named_behind_the_source_that_it_tells() -> None:
    async with running(PLAIN, origin=lambda _: Origin("1.2.3.4", "https", "443")) as run:
        await run.ask("/val/foo", headers={"X-Forwarded-For": "1.2.3.4"})
        event = run.event
    assert event["headers"]["X-Forwarded-For"] == "1.2.3.4, 127.0.0.1"
    assert event["requestContext"]["identity"]["sourceIp"] == "1.2.3.4"


PNG = bytes(range(256))


@pytest.mark.parametrize(
    ("body", "content_type", "text", "encoded"),
    [
        (BINARY, "image/png", base64.b64encode(PNG).decode(), True),
        (BINARY, "IMAGE/PNG; x=y", base64.b64encode(PNG).decode(), True),
        (BINARY, "image/gif", PNG.decode("utf-8", "replace"), False),
        (BINARY, None, PNG.decode("utf-8", "replace"), False),
        (ANY_BINARY, None, base64.b64encode(PNG).decode(), True),
    ],
)
async def test_a_request_body_is_base64_by_its_content_type(
    body: dict[str, Any], content_type: str | None, text: str, encoded: bool
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    async with running(body) as run:
        await run.ask("/val/foo", method="POST", headers=headers, body=PNG)
        assert (run.event["body"], run.event["isBase64Encoded"]) == (text, encoded)


@pytest.mark.parametrize(
    ("result", "status", "body"),
    [
        ({"statusCode": 201, "body": "x"}, 201, b"x"),
        ({"statusCode": "200"}, 200, b""),
        ({}, 200, b""),
        ({"headers": None, "multiValueHeaders": None, "body": None}, 200, b""),
        ({"headers": {"X-A": True}}, 200, b""),
        ({"body": 12}, 200, b"12"),
        ({"isBase64Encoded": True, "body": "dGVzdC1kYXRh"}, 200, b"dGVzdC1kYXRh"),
        ({"statusCode": 200, "cookies": []}, 502, BROKEN),
        ({"statuscode": 200}, 502, BROKEN),
        ({"message": "hello"}, 502, BROKEN),
        ([], 502, BROKEN),
        ("text", 502, BROKEN),
        (None, 502, BROKEN),
        (b"not json", 502, BROKEN),
        (b"", 502, BROKEN),
        ({"statusCode": "abc"}, 502, BROKEN),
        ({"statusCode": 200.5}, 502, BROKEN),
        ({"statusCode": True}, 502, BROKEN),
        ({"statusCode": {}}, 502, BROKEN),
        ({"statusCode": 100}, 502, BROKEN),
        ({"statusCode": 99999}, 502, BROKEN),
        ({"headers": []}, 502, BROKEN),
        ({"headers": {"X-A": ["1"]}}, 502, BROKEN),
        ({"multiValueHeaders": {"X-A": "1"}}, 502, BROKEN),
        ({"multiValueHeaders": {"X-A": [["1"]]}}, 502, BROKEN),
        ({"headers": {"X-A": "a\r\nSet-Cookie: evil"}}, 502, BROKEN),
        ({"headers": {"X A": "a"}}, 502, BROKEN),
        ({"headers": {"": "a"}}, 502, BROKEN),
        ({"body": {"a": 1}}, 502, BROKEN),
        ({"isBase64Encoded": "maybe"}, 502, BROKEN),
        (Outcome(b'{"errorMessage":"x","errorType":"E"}', "Unhandled"), 502, BROKEN),
        (Outcome(b'{"statusCode":200}', "Handled"), 502, BROKEN),
        (b'{"body":"' + b"x" * (6 * 1024 * 1024) + b'"}', 502, BROKEN),
    ],
)
async def test_a_result_is_an_answer_only_in_the_allowed_shape(result: Any, status: int, body: bytes) -> None:
    async def function(event: dict[str, Any]) -> Any:
        return result

    async with running(PLAIN, function) as run:
        got, headers, text = await run.ask("/val/foo")
    assert (got, text) == (status, body)
    if status == 502:
        assert headers[b"x-amzn-errortype"] == b"InternalServerErrorException"
        assert b"x-amzn-trace-id" not in headers
    else:
        assert {b"x-amzn-requestid", b"x-amz-apigw-id", b"x-amzn-trace-id"} <= set(headers)
        assert headers[b"content-type"] == b"application/json"


async def test_headers_are_merged_remapped_and_keep_their_case() -> None:
    async def function(event: dict[str, Any]) -> Any:
        return {
            "headers": {
                "x-multi": "single", "X-Flag": False, "Content-Type": "text/plain", "Date": "d", "Server": "s",
                "Content-Length": "99", "Transfer-Encoding": "chunked", "Connection": "close",
            },
            "multiValueHeaders": {"X-Multi": ["1", "2"], "Set-Cookie": ["a=1", "b=2"], "WWW-Authenticate": ["Basic"]},
            "body": "x",
        }  # fmt: skip

    async with running(PLAIN, function) as run, connected(run.server.port) as peer:
        await peer.send(b"GET /val/foo HTTP/1.1\r\nHost: a\r\n\r\n")
        lines = (await peer.until(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
    assert [
        line
        for line in lines
        if line.split(":")[0].lower() not in {"date", "x-amzn-requestid", "x-amz-apigw-id", "x-amzn-trace-id"}
    ] == [
        "X-Multi: 1",
        "X-Multi: 2",
        "Set-Cookie: a=1",
        "Set-Cookie: b=2",
        "x-amzn-Remapped-WWW-Authenticate: Basic",
        "X-Multi: single",
        "X-Flag: false",
        "Content-Type: text/plain",
        "x-amzn-Remapped-Date: d",
        "x-amzn-Remapped-Server: s",
        "x-amzn-Remapped-Connection: close",
        "Content-Length: 1",
    ]


@pytest.mark.parametrize(
    ("api", "accept", "flag", "text", "expected"),
    [
        (BINARY, "image/png", True, base64.b64encode(PNG).decode(), PNG),
        (BINARY, "image/png,*/*", True, base64.b64encode(PNG).decode(), PNG),
        (BINARY, "text/html,image/png", True, "dGVzdA==", b"dGVzdA=="),
        (BINARY, None, True, "dGVzdA==", b"dGVzdA=="),
        (BINARY, "image/png", False, "dGVzdA==", b"dGVzdA=="),
        (ANY_BINARY, None, True, "dGVzdA==", b"test"),
        (PLAIN, "image/png", True, "dGVzdA==", b"dGVzdA=="),
        (BINARY, "image/png", True, "!!!", None),
    ],
)
async def test_a_result_is_decoded_when_flagged_and_asked_for(
    api: dict[str, Any], accept: str | None, flag: bool, text: str, expected: bytes | None
) -> None:
    async def function(event: dict[str, Any]) -> Any:
        return {"body": text, "isBase64Encoded": flag}

    async with running(api, function) as run:
        status, _, body = await run.ask("/val/foo", headers={} if accept is None else {"Accept": accept})
    assert (status, body) == ((200, expected) if expected is not None else (502, BROKEN))


async def test_a_function_that_outlasts_the_integration_is_504() -> None:
    async def function(event: dict[str, Any]) -> Any:
        await asyncio.Event().wait()

    async with running(document({"/foo": {"get": method(proxy(timeout=50))}}), function) as run:
        status, headers, body = await run.ask("/val/foo")
    assert (status, body) == (504, b'{"message": "Endpoint request timed out"}')
    assert headers[b"content-type"] == b"application/json"


@pytest.mark.parametrize(
    ("failure", "status", "body"),
    [
        (FunctionNotFound("x"), 500, BROKEN),
        (TooManyInvocations(ThrottleReason.TOTAL), 500, BROKEN),
        (PayloadTooLarge(6_291_456), 413, b'{"message":"Request Too Long"}'),
    ],
)
async def test_a_call_that_cannot_be_made(failure: Exception, status: int, body: bytes) -> None:
    async def function(event: dict[str, Any]) -> Any:
        raise failure

    async with running(PLAIN, function) as run:
        got, _, text = await run.ask("/val/foo", method="POST", body=b"x")
    assert (got, text) == (status, body)


async def test_a_body_over_ten_megabytes_is_413() -> None:
    async with running(PLAIN) as run:
        async with connected(run.server.port) as peer:
            await peer.send(b"POST /val/foo HTTP/1.1\r\nHost: a\r\nContent-Length: 10485761\r\n\r\n")
            status, headers, body = await peer.answer()
        assert (status, body) == (413, b"HTTP content length exceeded 10485760 bytes.")
        assert headers[b"x-amzn-errortype"] == b"RequestTooLargeException"
        status, _, _ = await run.ask("/val/foo", method="POST", body=bytes(10 << 20))
        assert status == 200


async def test_malformed_requests_are_answered_as_json() -> None:
    async with running(PLAIN) as run:
        for raw, status in ((b"nonsense\r\n\r\n", 400), (b"GET /val/foo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400)):
            got, headers, body = await ask(run.server.port, raw)
            assert (got, headers[b"content-type"]) == (status, b"application/json")
            assert "message" in json.loads(body)


async def test_required_parameters_are_checked() -> None:
    operation = method() | {
        "parameters": [
            {"in": "header", "name": "x-header-param", "required": True},
            {"in": "query", "name": "issuer", "required": True},
            {"in": "query", "name": "optional", "required": False},
            {"in": "query", "name": "qs1", "required": True},
        ],
        "x-amazon-apigateway-request-validator": "params",
    }
    body = document(
        {"/foo": {"get": operation}},
        **{"x-amazon-apigateway-request-validators": {"params": {"validateRequestParameters": True}}},
    )
    async with running(body, hello) as run:
        status, headers, text = await run.ask("/val/foo")
        assert (status, text) == (
            400,
            b'{"message":"Missing required request parameters: [x-header-param, issuer, qs1]"}',
        )
        assert headers[b"x-amzn-errortype"] == b"BadRequestException"
        assert (await run.ask("/val/foo?issuer=a&qs1=", headers={"X-Header-Param": "1"}))[0] == 200
