"""What a browser needs to read the answers (wire.md section 2)."""

import pytest

from poolhouse.wire.envelope import Cors
from tests.wire.exchange import call_json, front, headers_of, make_request

AMPLIFY = "content-type,x-amz-target,x-amz-user-agent,cache-control"
PAGE = "https://app.example.com"


@pytest.mark.parametrize("wanted", [AMPLIFY, "authorization, x-amz-date ,x-amz-security-token", "amz-sdk-request"])
async def test_a_preflight_allows_the_headers_that_the_page_wants(wanted):
    request = make_request(
        "OPTIONS",
        headers={"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": wanted},
    )
    response = await front().handle(request)
    assert (response.status, response.body) == (200, b"")
    headers = headers_of(response)
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Allow-Methods"] == "POST"
    assert headers["Access-Control-Allow-Headers"] == wanted
    assert headers["Access-Control-Max-Age"] == "172800"
    assert "x-amzn-RequestId" in headers


@pytest.mark.parametrize("wanted", ["", "a b", "x\r\nSet-Cookie: a=b", "é", ",", "a" * 5000])
async def test_a_preflight_echoes_no_nonsense(wanted):
    request = make_request("OPTIONS", headers={"Origin": PAGE, "Access-Control-Request-Headers": wanted})
    assert "Access-Control-Allow-Headers" not in headers_of(await front().handle(request))


async def test_credentials_of_the_browser_are_for_chosen_origins_only() -> None:
    aws = front(cors=Cors(frozenset({PAGE})))
    chosen = headers_of(await aws.handle(call_json("InitiateAuth", {}, Origin=PAGE)))
    assert (chosen["Access-Control-Allow-Origin"], chosen["Access-Control-Allow-Credentials"]) == (PAGE, "true")
    other = headers_of(await aws.handle(call_json("InitiateAuth", {}, Origin="https://evil.example")))
    assert other["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in other
    assert (chosen["Vary"], other["Vary"]) == ("Origin", "Origin")


async def test_by_default_no_origin_gets_credentials() -> None:
    headers = headers_of(await front().handle(call_json("InitiateAuth", {}, Origin=PAGE)))
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in headers
