"""The JSON 1.1 protocol: golden answers for what clients send and for what they should not (wire.md section 1)."""

import asyncio
import re

import pytest
import structlog

from poolhouse.http.message import BadBody, BodyTimeout, BodyTooLarge, ClientVanished
from poolhouse.wire.envelope import new_request_id
from tests.wire.exchange import (
    IDP,
    JSON,
    REQUEST_ID,
    Observed,
    call_json,
    front,
    headers_of,
    json_of,
    make_request,
    text_of,
)

AUTH = {"ClientId": "c", "AuthFlow": "USER_AUTH"}
POOL = {"UserPoolId": "us-east-1_o9y9Yq5pO", "Username": "alice"}
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date",
}


async def test_a_success_is_200_with_the_protocol_headers() -> None:
    response = await front().handle(call_json("AdminGetUser", POOL, Authorization="AWS4-HMAC-SHA256 x"))
    assert response.status == 200
    assert headers_of(response) == {"Content-Type": JSON, "x-amzn-RequestId": REQUEST_ID, **CORS}
    assert text_of(response) == '{"Username":"alice","UserCreateDate":1700000000.123,"Enabled":true}'


async def test_an_empty_answer_is_an_empty_object() -> None:
    response = await front().handle(call_json("AdminDeleteUser", POOL, Authorization="AWS4-HMAC-SHA256 x"))
    assert (response.status, response.body) == (200, b"{}")


async def test_an_error_is_named_in_the_body_and_in_the_headers() -> None:
    body = POOL | {"Username": "nobody"}
    response = await front().handle(call_json("AdminGetUser", body, Authorization="AWS4-HMAC-SHA256 x"))
    assert response.status == 400
    assert text_of(response) == '{"__type":"UserNotFoundException","message":"User does not exist."}'
    assert headers_of(response) == {
        "Content-Type": JSON,
        "x-amzn-RequestId": REQUEST_ID,
        "x-amzn-ErrorType": "UserNotFoundException:",
        "x-amzn-ErrorMessage": "User does not exist.",
        **CORS,
    }


async def test_an_error_has_its_own_members_and_a_header_that_no_message_can_break() -> None:
    response = await front().handle(call_json("InitiateAuth", AUTH | {"AuthParameters": {"USERNAME": "reason"}}))
    assert json_of(response) == {
        "__type": "InvalidParameterException",
        "message": "Line one\r\nline two – é",
        "reasonCode": "Because",
    }
    assert headers_of(response)["x-amzn-ErrorMessage"] == "Line one line two ? ?"


async def test_the_header_of_a_long_message_is_bounded() -> None:
    response = await front().handle(call_json("AdminGetUser", {"UserPoolId": "x" * 5000}, Authorization="AWS4 x"))
    assert len(headers_of(response)["x-amzn-ErrorMessage"]) <= 1024 + 3


@pytest.mark.parametrize(
    "authorization", [{}, {"Authorization": "Bearer xyz"}, {"Authorization": "AWS4-HMAC-SHA256 x"}]
)
async def test_an_authorization_header_on_an_unsigned_operation_is_ignored(authorization):
    response = await front().handle(call_json("GetUser", {"AccessToken": "a.b.c"}, **authorization))
    assert json_of(response) == {"Username": "anonymous", "UserAttributes": []}


@pytest.mark.parametrize("body", [POOL, {}, b"{"])
async def test_a_signed_operation_without_a_signature_is_refused_before_its_body_is_judged(body):
    response = await front().handle(call_json("AdminGetUser", body))
    assert (response.status, json_of(response)) == (
        400,
        {"__type": "MissingAuthenticationTokenException", "message": "Missing Authentication Token"},
    )


async def test_a_violation_is_the_service_s_validation_error() -> None:
    response = await front().handle(call_json("InitiateAuth", {"AuthFlow": "USER_AUTH"}))
    assert json_of(response) == {
        "__type": "InvalidParameterException",
        "message": "1 validation error detected: Value null at 'clientId' failed to satisfy constraint: "
        "Member must not be null",
    }


@pytest.mark.parametrize(
    ("target", "name", "service"),
    [
        (f"{IDP}.CreateUserPoolReplica", "CreateUserPoolReplica", "cognito-idp"),
        (f"{IDP}.SignUp", "SignUp", "cognito-idp"),
        ("AWSCognitoIdentityService.GetId", "GetId", "cognito-identity"),
    ],
)
async def test_an_operation_that_is_not_built_says_so(target, name, service):
    response = await front().handle(make_request(headers={"Content-Type": JSON, "X-Amz-Target": target}, body=b"{}"))
    assert (response.status, json_of(response)) == (
        400,
        {
            "__type": "UnsupportedOperationException",
            "message": f"{name} of {service} is not provided by this release of Poolhouse.",
        },
    )
    assert headers_of(response)["x-amzn-ErrorType"] == "UnsupportedOperationException:"


UNKNOWN = [
    {"Content-Type": JSON},
    {"Content-Type": JSON, "X-Amz-Target": ""},
    {"Content-Type": JSON, "X-Amz-Target": "SignUp"},
    {"Content-Type": JSON, "X-Amz-Target": f"{IDP}.Nope"},
    {"Content-Type": JSON, "X-Amz-Target": f"{IDP}.signup"},
    {"Content-Type": JSON, "X-Amz-Target": f"{IDP.lower()}.SignUp"},
    {"Content-Type": JSON, "X-Amz-Target": f"{IDP}.GetId"},
    {"Content-Type": JSON, "X-Amz-Target": f"{IDP}.SignUp.x"},
    {"Content-Type": JSON, "X-Amz-Target": "é" * 500},
    {"Content-Type": "application/json", "X-Amz-Target": f"{IDP}.InitiateAuth"},
    {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"{IDP}.InitiateAuth"},
    {"Content-Type": "text/html", "X-Amz-Target": f"{IDP}.InitiateAuth"},
    {"X-Amz-Target": f"{IDP}.InitiateAuth"},
    {},
]


@pytest.mark.parametrize("headers", UNKNOWN)
async def test_an_unknown_target_or_content_type_is_an_unknown_operation(headers):
    response = await front().handle(make_request(headers=headers, body=b'{"ClientId":"c","AuthFlow":"USER_AUTH"}'))
    assert (response.status, response.body) == (400, b'{"__type":"UnknownOperationException"}')
    assert "x-amzn-ErrorMessage" not in headers_of(response)
    assert headers_of(response)["x-amzn-ErrorType"] == "UnknownOperationException:"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE"])
async def test_another_method_is_an_unknown_operation(method):
    headers = {"Content-Type": JSON, "X-Amz-Target": f"{IDP}.InitiateAuth"}
    response = await front().handle(make_request(method, headers=headers, body=b"{}"))
    assert (response.status, response.body) == (400, b'{"__type":"UnknownOperationException"}')


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-amz-json-1.1; charset=UTF-8",
        'Application/X-Amz-Json-1.1;charset="utf-8"',
        "application/x-amz-json-1.1 ; boundary=x; charset=us-ascii",
    ],
)
async def test_the_content_type_may_carry_parameters(content_type):
    response = await front().handle(call_json("InitiateAuth", AUTH, Content_Type=content_type))
    assert response.status == 200


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", JSON),
        (b"\xff\xfe{\x00}\x00", JSON),
        (b'{"ClientId":"\xe9"}', JSON),
        (b'{"x":' + b"[" * 200_000, JSON),
        (b'{"ClientId":"c","AuthFlow":"USER_AUTH"}', f"{JSON}; charset=iso-8859-1"),
        ('{"ClientId":"c"}'.encode("utf-16"), f"{JSON}; charset=utf-16"),
    ],
)
async def test_a_body_that_is_not_json_in_utf8_is_a_serialization_error(body, content_type):
    response = await front().handle(call_json("InitiateAuth", body, Content_Type=content_type))
    assert (response.status, response.body) == (400, b'{"__type":"SerializationException"}')


async def test_a_repeated_key_counts_once_with_its_last_value() -> None:
    body = b'{"ClientId":"c","AuthFlow":"NOPE","AuthFlow":"USER_AUTH"}'
    assert (await front().handle(call_json("InitiateAuth", body))).status == 200


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (BodyTooLarge(), 413, "RequestEntityTooLargeException"),
        (BodyTimeout(), 408, "RequestTimeoutException"),
        (BadBody(), 400, "SerializationException"),
    ],
)
async def test_a_body_that_does_not_arrive_has_an_envelope_too(failure, status, code):
    headers = {"Content-Type": JSON, "X-Amz-Target": f"{IDP}.InitiateAuth"}
    response = await front().handle(make_request(headers=headers, failure=failure))
    assert (response.status, json_of(response)) == (status, {"__type": code})
    assert headers_of(response)["Access-Control-Allow-Origin"] == "*"


async def test_nobody_is_answered_when_the_client_is_gone() -> None:
    with pytest.raises(ClientVanished):
        await front().handle(make_request(headers={"Content-Type": JSON}, failure=ClientVanished()))


async def test_an_unforeseen_exception_is_an_internal_error_whose_log_has_no_values() -> None:
    with structlog.testing.capture_logs() as events:
        response = await front().handle(call_json("InitiateAuth", AUTH | {"AuthParameters": {"USERNAME": "boom"}}))
    assert (response.status, response.body) == (500, b'{"__type":"InternalErrorException"}')
    assert headers_of(response)["Access-Control-Allow-Origin"] == "*"
    [event] = events
    assert (event["event"], event["request_id"], event["operation"], event["error"]) == (
        "operation_failed",
        REQUEST_ID,
        "InitiateAuth",
        "builtins.KeyError",
    )
    assert event["trace"][-1].endswith(":initiate_auth")
    assert "alice@example.com" not in str(event)


async def test_an_operation_out_of_time_is_an_internal_error() -> None:
    with structlog.testing.capture_logs() as events:
        response = await front(time_limit=0.01).handle(
            call_json("InitiateAuth", AUTH | {"AuthParameters": {"USERNAME": "slow"}})
        )
    assert (response.status, response.body) == (500, b'{"__type":"InternalErrorException"}')
    assert [(event["event"], event["operation"]) for event in events] == [("operation_timed_out", "InitiateAuth")]


async def test_a_cancelled_request_stays_cancelled() -> None:
    task = asyncio.create_task(
        front().handle(call_json("InitiateAuth", AUTH | {"AuthParameters": {"USERNAME": "slow"}}))
    )
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_observer_is_told_of_every_answer() -> None:
    observed = Observed()
    aws = front(observe=observed)
    await aws.handle(call_json("InitiateAuth", AUTH))
    await aws.handle(call_json("InitiateAuth", {}))
    await aws.handle(make_request())
    assert observed.answers == [
        (REQUEST_ID, "InitiateAuth", None),
        (REQUEST_ID, "InitiateAuth", "InvalidParameterException"),
        (REQUEST_ID, None, "UnknownOperationException"),
    ]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/", True),
        ("OPTIONS", "/", True),
        ("PUT", "/", True),
        ("POST", "/?x=1", True),
        ("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", True),
        ("GET", "/", False),
        ("HEAD", "/", False),
        ("POST", "/oauth2/token", False),
        ("GET", "/us-east-1_abc/.well-known/jwks.json", False),
    ],
)
def test_the_front_takes_only_what_is_for_the_endpoint(method, path, expected):
    assert front().handles(make_request(method, path)) is expected


def test_a_request_id_is_a_random_uuid() -> None:
    made = {new_request_id() for _ in range(1000)}
    assert len(made) == 1000
    uuid4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert all(re.fullmatch(uuid4, identity) for identity in made)
