"""The answers as a real SDK reads them, over a real socket."""

import asyncio
from collections.abc import AsyncIterator

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from poolhouse.http.server import Limits, Server
from tests.wire.exchange import REQUEST_ID, front

ONCE = {"total_max_attempts": 1}


@pytest.fixture
async def endpoint() -> AsyncIterator[str]:
    server = Server(front().handle, Limits())
    await server.listen("127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.port}"
    await server.stop(1.0)


def client(service: str, endpoint: str, *, signed: bool = False):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="secret",
        config=Config(retries=ONCE) if signed else Config(retries=ONCE, signature_version=UNSIGNED),
    )


async def test_a_success_is_read(endpoint):
    idp = client("cognito-idp", endpoint)
    parameters = {"USERNAME": "alice"}
    answer = await asyncio.to_thread(
        lambda: idp.initiate_auth(ClientId="c", AuthFlow="USER_SRP_AUTH", AuthParameters=parameters)
    )
    assert (answer["ChallengeName"], answer["ChallengeParameters"]) == ("PASSWORD_VERIFIER", parameters)
    assert answer["ResponseMetadata"]["RequestId"] == REQUEST_ID


async def test_a_timestamp_is_read(endpoint):
    idp = client("cognito-idp", endpoint, signed=True)
    answer = await asyncio.to_thread(lambda: idp.admin_get_user(UserPoolId="eu-west-1_abc", Username="alice"))
    assert answer["UserCreateDate"].timestamp() == pytest.approx(1700000000.123, abs=0.001)


async def test_an_error_is_read_as_its_class(endpoint):
    idp = client("cognito-idp", endpoint, signed=True)
    with pytest.raises(idp.exceptions.UserNotFoundException) as caught:
        await asyncio.to_thread(lambda: idp.admin_get_user(UserPoolId="eu-west-1_abc", Username="nobody"))
    assert caught.value.response["Error"] == {"Message": "User does not exist.", "Code": "UserNotFoundException"}


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("cognito-idp", lambda c: c.sign_up(ClientId="c", Username="a", Password="b"), "UnsupportedOperationException"),
        ("cognito-identity", lambda c: c.get_id(IdentityPoolId="eu-west-1:0"), "UnsupportedOperationException"),
        ("sts", lambda c: c.get_access_key_info(AccessKeyId="A" * 16), "UnsupportedOperationException"),
        ("sts", lambda c: c.get_caller_identity(), "MissingAuthenticationToken"),
        ("cognito-idp", lambda c: c.initiate_auth(ClientId="a b", AuthFlow="USER_AUTH"), "InvalidParameterException"),
    ],
)
async def test_a_refusal_is_read_with_its_code(endpoint, service, call, code):
    with pytest.raises(ClientError) as caught:
        await asyncio.to_thread(lambda: call(client(service, endpoint)))
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["RequestId"] == REQUEST_ID


async def test_the_xml_of_sts_is_read(endpoint):
    sts = client("sts", endpoint, signed=True)
    assert (await asyncio.to_thread(sts.get_caller_identity))["Arn"] == "arn:aws:iam::000000000000:user/ops"
    answer = await asyncio.to_thread(
        lambda: sts.assume_role_with_web_identity(
            RoleArn="arn:aws:iam::123456789012:role/r",
            RoleSessionName="session",
            WebIdentityToken="token",
            DurationSeconds=900,
            PolicyArns=[{"arn": "arn:aws:iam::aws:policy/A"}],
        )
    )
    assert answer["Credentials"]["Expiration"].isoformat() == "2025-03-04T10:05:07+00:00"
    assert (answer["PackedPolicySize"], answer["Audience"]) == (900, "arn:aws:iam::aws:policy/A")
