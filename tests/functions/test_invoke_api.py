"""The Invoke API as boto3 and raw clients see it."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from poolhouse.access.credential import Credential
from poolhouse.access.policy import FULL_ACCESS, parse_policy
from poolhouse.access.principals import SignatureAuthorizer
from poolhouse.http.server import Server
from poolhouse.serving import InvokeApi

from .conftest import House, MakeHouse, handler

SECRET = "not-so-secret"
NOT_ECHO = """{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "*", "Resource": "*"},
  {"Effect": "Deny", "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:*:*:function:echo"}]}"""
ONLY_ECHO = """{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:*:*:function:echo"}]}"""
POLICIES = {"AKIAALL": FULL_ACCESS, "AKIANOTECHO": NOT_ECHO, "AKIAONLYECHO": ONLY_ECHO}


class Keys:
    """A CredentialSource of a few principals."""

    async def find(self, key_id: str, session_token: str | None) -> Credential | None:
        document = POLICIES.get(key_id)
        return None if document is None else Credential(key_id, SECRET, key_id.lower(), (parse_policy(document),))


class Api:
    """A served house and a boto3 client of it (an untyped library: its values are Any)."""

    def __init__(self, house: House, port: int) -> None:
        self.house = house
        self.port = port
        self.sign_with("AKIAALL", SECRET)

    def sign_with(self, key_id: str, secret: str) -> None:
        self.client: Any = boto3.client(
            "lambda",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="eu-west-1",
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 0}),
        )

    async def invoke(self, **arguments: object) -> dict[str, Any]:
        answer: dict[str, Any] = await asyncio.to_thread(self.client.invoke, **arguments)
        answer["Payload"] = await asyncio.to_thread(answer["Payload"].read)
        return answer

    async def refused(self, **arguments: object) -> dict[str, Any]:
        with pytest.raises(ClientError) as caught:
            await self.invoke(**arguments)
        response: dict[str, Any] = caught.value.response
        return response


@pytest.fixture
async def api(house: MakeHouse) -> AsyncIterator[Api]:
    functions = await house(
        *(handler("echo"), handler("fail"), handler("size")),
        handler("sleep", reserved_concurrency=0),
        async_retry_delays=(),
    )
    authorizer = SignatureAuthorizer(Keys(), account_id="000000000000", regions=None, clock=time.time)
    server = Server(InvokeApi(functions, authorizer).handle)  # with the limits of a listener of ours
    await server.listen("127.0.0.1", 0)
    yield Api(functions, server.port)
    await server.stop(0)


ARN = "arn:aws:lambda:eu-west-1:000000000000:function:echo"


@pytest.mark.parametrize(
    "name", ["echo", "echo:$LATEST", ARN, f"{ARN}:$LATEST", "000000000000:function:echo", "function:echo"]
)
async def test_a_function_is_found_by_each_form_of_its_name(api: Api, name: str) -> None:
    answer = await api.invoke(FunctionName=name, Payload=b'{"n":1}')
    assert json.loads(answer["Payload"])["event"] == {"n": 1}
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer


async def test_the_longest_event_is_taken(api: Api) -> None:
    text = "x" * (6_291_456 - 2)
    answer = await api.invoke(FunctionName="size", Payload=json.dumps(text).encode())
    assert json.loads(answer["Payload"]) == len(text)


async def test_a_policy_may_speak_of_a_function_whatever_it_is_called_by(api: Api) -> None:
    for name in ("echo", f"{ARN}:$LATEST", "function:echo"):
        api.sign_with("AKIANOTECHO", SECRET)
        refusal = await api.refused(FunctionName=name)
        assert refusal["Error"]["Code"] == "AccessDeniedException"
        api.sign_with("AKIAONLYECHO", SECRET)
        await api.invoke(FunctionName=name)
    assert (await api.refused(FunctionName="fail"))["Error"]["Code"] == "AccessDeniedException"
    api.sign_with("AKIANOTECHO", SECRET)
    assert (await api.invoke(FunctionName="fail"))["FunctionError"] == "Unhandled"


async def test_who_cannot_sign_learns_nothing_of_the_functions(api: Api) -> None:
    for key_id, secret, kind in [
        ("AKIANOBODY", SECRET, "UnrecognizedClientException"),
        ("AKIAALL", "a wrong one", "InvalidSignatureException"),
    ]:
        api.sign_with(key_id, secret)
        for wrong in ({"FunctionName": "nobody"}, {"FunctionName": "echo", "Payload": b"Hello"}):
            assert (await api.refused(**wrong))["Error"]["Code"] == kind
    assert api.house.lines("echo") == []


async def test_no_payload_is_an_empty_object(api: Api) -> None:
    assert json.loads((await api.invoke(FunctionName="echo"))["Payload"])["event"] == {}


async def test_a_function_error_is_marked_and_the_log_tail_comes_when_asked_for(api: Api) -> None:
    answer = await api.invoke(FunctionName="fail", LogType="Tail")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.loads(answer["Payload"])["errorType"] == "ValueError"
    log = base64.b64decode(answer["LogResult"]).decode()
    assert log.startswith(f"START RequestId: {answer['ResponseMetadata']['RequestId']}")
    assert "REPORT" in log


async def test_a_dry_run_runs_nothing(api: Api) -> None:
    answer = await api.invoke(FunctionName="echo", InvocationType="DryRun")
    assert (answer["StatusCode"], answer["Payload"]) == (204, b"")
    assert answer["ResponseMetadata"]["RequestId"]
    assert api.house.lines("echo") == []


async def test_an_event_is_accepted_and_runs_later(api: Api) -> None:
    answer = await api.invoke(FunctionName="echo", InvocationType="Event", Payload=b"{}")
    assert (answer["StatusCode"], answer["Payload"]) == (202, b"")
    ended = f"END RequestId: {answer['ResponseMetadata']['RequestId']}"
    async with asyncio.timeout(10):
        while ended not in api.house.lines("echo"):
            await asyncio.sleep(0.01)


async def test_the_client_context_reaches_the_function(api: Api) -> None:
    context = base64.b64encode(b'{"client":{"app_title":"t"}}').decode()
    answer = await api.invoke(FunctionName="echo", ClientContext=context)
    assert json.loads(answer["Payload"])["client"] == "t"


REFUSALS = [
    (
        {"FunctionName": "nobody"},
        404,
        "ResourceNotFoundException",
        "Function not found: " + ARN.replace("echo", "nobody"),
    ),
    ({"FunctionName": "echo", "Qualifier": "7"}, 404, "ResourceNotFoundException", f"Function not found: {ARN}:7"),
    ({"FunctionName": "sleep"}, 429, "TooManyRequestsException", "Rate Exceeded."),
    (
        {"FunctionName": "echo", "Payload": b"Hello"},
        400,
        "InvalidRequestContentException",
        "Could not parse request body into json: ",
    ),
    (
        {"FunctionName": "echo", "Payload": b"[" * 5000},
        400,
        "InvalidRequestContentException",
        "Could not parse request body into json: ",
    ),
    (
        {"FunctionName": "echo", "Payload": b'"\xff"'},
        400,
        "InvalidRequestContentException",
        "Could not parse request body into json: ",
    ),
    (
        {"FunctionName": "echo", "ClientContext": "????"},
        400,
        "InvalidRequestContentException",
        "Client context must be",
    ),
    (
        {"FunctionName": "echo", "InvocationType": "Never"},
        400,
        "ValidationException",
        "1 validation error detected: Value 'Never'",
    ),
    (
        {"FunctionName": "echo", "Payload": b'"' + b"x" * 6_291_455 + b'"'},
        413,
        "RequestEntityTooLargeException",
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    ),
    (
        {"FunctionName": "echo", "InvocationType": "Event", "Payload": b'"' + b"x" * 1_048_575 + b'"'},
        413,
        "RequestEntityTooLargeException",
        "Request must be smaller than 1048576 bytes for the InvokeFunction operation",
    ),
]


@pytest.mark.parametrize(("arguments", "status", "kind", "message"), REFUSALS)
async def test_refusals(api: Api, arguments: dict[str, object], status: int, kind: str, message: str) -> None:
    response = await api.refused(**arguments)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert response["Error"]["Code"] == kind
    assert response["Error"]["Message"].startswith(message)


async def test_a_throttled_call_says_which_limit_it_hit(api: Api) -> None:
    assert (await api.refused(FunctionName="sleep"))["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


@pytest.mark.parametrize(
    "request_line", ["GET /2015-03-31/functions/echo/invocations", "POST /2015-03-31/functions/echo"]
)
async def test_other_paths_and_methods_are_not_found(api: Api, request_line: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(f"{request_line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 404 ")
