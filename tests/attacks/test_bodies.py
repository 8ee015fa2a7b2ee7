"""Bodies and heads that no client sends in good faith, over real sockets: an envelope, never a 500, never a hang."""

import json

import pytest

from tests.attacks.premises import Premises
from tests.attacks.wire import JSON, SIGNED, TARGET

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEEP = b'{"ClientId":' + b"[" * 60_000 + b"]" * 60_000 + b"}"
MALFORMED = {
    "no JSON": b"ClientId=x",
    "half an object": b'{"ClientId":"x"',
    "two objects": b"{}{}",
    "a comma too many": b'{"ClientId":"x",}',
    "a comment": b'{/* */"ClientId":"x"}',
    "single quotes": b"{'ClientId':'x'}",
    "not a number": b'{"ClientId":NaN}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"ClientId":"x"}'.encode("utf-16"),
    "UTF-32": '{"ClientId":"x"}'.encode("utf-32"),
    "latin-1": '{"ClientId":"é"}'.encode("latin-1"),
    "an overlong slash": b'{"ClientId":"\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"ClientId":"\xed\xa0\x80"}',
    "bytes that no text has": b'{"ClientId":"\xff\xfe"}',
    "a raw control character": b'{"ClientId":"a\x00b"}',
    "zeros": bytes(1000),
    "very deep": DEEP,
    "a list": b"[]",
    "a list of requests": b'[{"ClientId":"x"}]',
    "a string": b'"x"',
    "a number": b"1",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00C\xbf\xa6\xa3\x02\x00\x00\x00",
}
WRONG_VALUES = [
    "null",
    "true",
    "1",
    "-1",
    "1.5",
    "1e400",
    "-0",
    "123456789012345678901234567890",
    "[]",
    "{}",
    '[["x"]]',
]
ODD_TEXTS = [
    '"\\u0000"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"a\\u0000b"',
    '"%00"',
    '"\\u202e"',
    '"\' OR 1=1 --"',
    '"$1"',
    '"?"',
    '"{0}"',
    '"%s%n"',
    '"../../etc/passwd"',
]


@pytest.mark.parametrize("what", list(MALFORMED))
@pytest.mark.parametrize("operation", ["InitiateAuth", "GetUser", "AdminCreateUser"])
async def test_a_malformed_body_is_a_serialization_error(standing: Premises, what: str, operation: str) -> None:
    reply = await standing.service.call(operation, MALFORMED[what], signed=operation.startswith("Admin"))
    assert (reply.status, reply.error) == (400, "SerializationException"), reply
    assert reply.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("value", WRONG_VALUES + ODD_TEXTS)
async def test_a_value_of_any_kind_in_any_place_is_refused_and_not_fatal(standing: Premises, value: str) -> None:
    places = {
        "InitiateAuth": [
            '{"ClientId":%s,"AuthFlow":"USER_PASSWORD_AUTH"}',
            '{"ClientId":"CID","AuthFlow":%s}',
            '{"ClientId":"CID","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":%s}',
            '{"ClientId":"CID","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":%s,"PASSWORD":"x"}}',
            '{"ClientId":"CID","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"x","PASSWORD":%s}}',
            '{"ClientId":"CID","AuthFlow":"USER_SRP_AUTH","AuthParameters":{"USERNAME":"x","SRP_A":%s}}',
            '{"ClientId":"CID","AuthFlow":"REFRESH_TOKEN_AUTH","AuthParameters":{"REFRESH_TOKEN":%s}}',
        ],
        "RespondToAuthChallenge": [
            '{"ClientId":"CID","ChallengeName":"NEW_PASSWORD_REQUIRED","Session":%s,"ChallengeResponses":{}}',
            '{"ClientId":"CID","ChallengeName":"PASSWORD_VERIFIER","ChallengeResponses":{"USERNAME":"x",'
            '"PASSWORD_CLAIM_SIGNATURE":"x","PASSWORD_CLAIM_SECRET_BLOCK":%s,'
            '"TIMESTAMP":"Tue Mar 4 05:06:07 UTC 2025"}}',
            '{"ClientId":"CID","ChallengeName":"PASSWORD_VERIFIER","ChallengeResponses":{"USERNAME":"x",'
            '"PASSWORD_CLAIM_SIGNATURE":"x","PASSWORD_CLAIM_SECRET_BLOCK":"x","TIMESTAMP":%s}}',
        ],
        "GetUser": ['{"AccessToken":%s}'],
        "RevokeToken": ['{"Token":%s,"ClientId":"CID"}'],
        "SignUp": ['{"ClientId":"CID","Username":%s,"Password":"Tr0ub4dor&3"}'],
        "AdminCreateUser": [
            '{"UserPoolId":"PID","Username":"odd","UserAttributes":[{"Name":%s,"Value":"x"}]}',
            '{"UserPoolId":"PID","Username":"odd2","MessageAction":"SUPPRESS","UserAttributes":[{"Name":"name","Value":%s}]}',
            '{"UserPoolId":"PID","Username":"odd3","TemporaryPassword":%s}',
        ],
        "ListUsers": [
            '{"UserPoolId":"PID","Filter":%s}',
            '{"UserPoolId":"PID","Limit":%s}',
            '{"UserPoolId":"PID","PaginationToken":%s}',
        ],
        "CreateGroup": ['{"UserPoolId":"PID","GroupName":"g","Precedence":%s}', '{"UserPoolId":"PID","GroupName":%s}'],
    }
    for operation, templates in places.items():
        for template in templates:
            body = template.replace("CID", standing.client_id).replace("PID", standing.pool_id) % value
            signed = operation.startswith(("Admin", "List", "Create"))
            reply = await standing.service.call(operation, body.encode(), signed=signed)
            assert reply.status in (200, 400), (operation, body, reply)
            json.loads(reply.body)


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "shift_jis", "utf-7"])
async def test_another_charset_is_refused(standing: Premises, charset: str) -> None:
    headers = {"Content-Type": f"{JSON}; charset={charset}", "X-Amz-Target": f"{TARGET}.GetUser"}
    reply = await standing.service.send("POST", "/", headers, b"{}")
    assert (reply.status, reply.error) == (400, "SerializationException")


@pytest.mark.parametrize(
    "target",
    [
        *(
            f"{TARGET}.NoSuchOperation",
            f"{TARGET}.getUser",
            f"{TARGET}.__init__",
            f"{TARGET}.",
            f".{TARGET}",
            "GetUser",
        ),
        *("AWSCognitoIdentityService.NoSuch", f"{TARGET}.GetUser.GetUser", f"{TARGET} .GetUser", "x" * 7000, "é.é"),
        "DynamoDB_20120810.ListTables",
    ],
)
async def test_an_unknown_target_is_an_unknown_operation(standing: Premises, target: str) -> None:
    reply = await standing.service.send("POST", "/", {"Content-Type": JSON, "X-Amz-Target": target} | SIGNED, b"{}")
    assert (reply.status, reply.error) == (400, "UnknownOperationException"), reply


async def test_a_body_over_the_limit_is_refused_and_the_server_goes_on(standing: Premises) -> None:
    reply = await standing.service.call("GetUser", b'{"AccessToken":"' + b"a" * (1 << 20) + b'"}')
    assert (reply.status, reply.error) == (413, "RequestEntityTooLargeException"), reply
    assert (await standing.service.send("GET", "/healthz")).status == 200


@pytest.mark.parametrize("size", [60_000, 131_000, 131_072, 200_000, 262_144, 500_000, 1_000_000])
async def test_a_large_body_that_comes_at_once_does_not_deafen_the_connection(standing: Premises, size: int) -> None:
    for _ in range(3):
        reply = await standing.service.call("GetUser", b'{"AccessToken":"' + b"a" * size + b'"}')
        assert reply.status == 400
    assert (await standing.service.send("GET", "/healthz", body=b"x" * size)).status == 200
    assert (await standing.service.send("GET", "/healthz")).status == 200


async def test_an_announced_gigabyte_is_refused_before_it_comes(standing: Premises) -> None:
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nX-Amz-Target: {TARGET}.GetUser\r\n"
    reply = await standing.service.raw(f"{head}Content-Length: 1073741824\r\n\r\n".encode() + b"{")
    assert (reply.status, reply.error) == (413, "RequestEntityTooLargeException")


@pytest.mark.parametrize(
    "request_head",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        b"POST / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100) + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
    ],
)
async def test_a_head_that_is_none_is_refused_on_both_ports(standing: Premises, request_head: bytes) -> None:
    for door in (standing.service, standing.gateway):
        reply = await door.raw(request_head)
        assert 400 <= reply.status < 600, reply
        assert reply.status not in (500, 502), reply
        assert (await door.send("GET", "/healthz")).status in (200, 403)


@pytest.mark.parametrize(
    "path",
    [
        *("/../../etc/passwd", "/.well-known/jwks.json", "/%2e%2e/.well-known/jwks.json", "//.well-known/jwks.json"),
        *("/x'--/.well-known/openid-configuration", "/%00/.well-known/jwks.json", "/a/b/c/.well-known/jwks.json"),
        *("/_poolhouse/../_poolhouse/inbox", "/_poolhouse/inbox/../x", "/2015-03-31/functions/../x/invocations"),
        *(
            "/2015-03-31/functions//invocations",
            "/2015-03-31/functions/%2e%2e/invocations",
            "/restapis/",
            "/restapis//",
        ),
        *("/restapis/x/y/_user_request_", "/healthz/../..", "/" + "a" * 8000, "/%", "/%zz", "/\\", "/é"),
    ],
)
async def test_a_path_that_leads_nowhere_is_answered_as_json(standing: Premises, path: str) -> None:
    for method in ("GET", "POST", "PUT"):
        reply = await standing.service.send(method, path, SIGNED)
        assert reply.status in (400, 403, 404, 405), (method, path, reply)
        json.loads(reply.body)
