"""No spelling of a request reaches a guarded integration past its authorizer, or an upstream's other places."""

import itertools
from urllib.parse import unquote

import pytest

from tests.attacks.premises import Premises

CLIMBS = [
    *("..", "%2e%2e", "%2E%2E", ".%2e", "%2e.", "..;", "..;x=1", "%2e%2e;x", "..%2f", "..%5c", "..\\", "%2e%2e%5c"),
    *(".", "%2e", "./..", "x/../..", "x%2f..%2f..", "x/%2e%2e%2f.."),
]


@pytest.mark.parametrize("climb", CLIMBS)
async def test_a_path_that_climbs_reaches_no_upstream(embedded: Premises, climb: str) -> None:
    """`/open/../guarded/x` matches the open `{proxy+}`; an upstream that resolves dots would serve the guarded one."""
    for path in (f"/v/open/{climb}/guarded/x", f"/v/open/a/{climb}/../guarded/x", f"/v/{climb}/guarded/x"):
        reply = await embedded.gateway.send("GET", path)
        assert reply.status in (400, 403), (path, reply)
    assert embedded.upstream.seen == []


@pytest.mark.parametrize(
    "path",
    [
        *("/guarded/x", "//guarded/x", "///guarded/x", "/guarded/x/", "/guarded/x?a=/open/b", "/guarded/%78"),
        *("/guarded/..", "/guarded/%2e%2e", "/guarded/x%2f..%2f..%2fopen", "/guarded/x%00", "/guarded/x;open"),
        *("/secrets/all", "/secrets/all/", "//secrets/all", "/secrets/all?x", "/scoped/x"),
    ],
)
async def test_every_spelling_of_a_guarded_path_asks_for_a_token(embedded: Premises, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "OPTIONS"):
        reply = await embedded.gateway.send(method, f"/v{path}")
        assert reply.status in (400, 401, 403, 405), (method, path, reply)
    assert embedded.upstream.seen == []


@pytest.mark.parametrize(
    "path",
    ["/%67uarded/x", "/guarde%64/x", "/%73ecrets/all", "/secrets/%61ll", "/%53ecrets/../secrets/all", "/secrets%2Fall"],
)
async def test_another_spelling_does_not_slip_to_the_open_greedy_route(embedded: Premises, path: str) -> None:
    """`/{proxy+}` is open; what an upstream would decode to a guarded path must not reach it that way."""
    reply = await embedded.gateway.send("GET", f"/v{path}")
    for target in embedded.upstream.seen:
        assert not unquote(target.replace("%2F", "")).startswith(("/open/guarded", "/open/secrets/"))
    assert reply.status in (200, 403)
    if reply.status == 200:
        assert embedded.upstream.seen == ["/open/secrets%2Fall"], "a slash that is data is one segment, as AWS has it"


async def test_honest_odd_paths_still_arrive_as_sent(embedded: Premises) -> None:
    for path in (
        "/open/a%20b",
        "/open/a.b",
        "/open/.well-known/x",
        "/open/a..b",
        "/open/%7Euser",
        "/open/a%2Fb",
        "/open/%41",
    ):
        assert (await embedded.gateway.send("GET", f"/v{path}")).status == 200
    assert embedded.upstream.seen == [
        *("/open/a%20b", "/open/a.b", "/open/.well-known/x", "/open/a..b", "/open/%7Euser", "/open/a%2Fb", "/open/%41"),
    ]


async def test_no_combination_of_host_and_path_form_avoids_the_guard(embedded: Premises) -> None:
    """The API's own port, the service's port, the host form and the path form all lead to the same route table."""
    hosts = ["localhost", "abcde12345.execute-api.localhost", "ABCDE12345.EXECUTE-API.localhost", "a.execute-api.b"]
    paths = ["/v/guarded/x", "/restapis/abcde12345/v/_user_request_/guarded/x", "//v/guarded/x", "/v//guarded/x"]
    for door, host, path in itertools.product((embedded.gateway, embedded.service), hosts, paths):
        reply = await door.send("GET", path, {"Host": host})
        assert reply.status in (401, 403, 404), (host, path, reply)
    assert embedded.upstream.seen == []


@pytest.mark.parametrize(
    "header",
    [
        "X-HTTP-Method-Override",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Forwarded-Path",
        "X-Forwarded-Prefix",
        "Forwarded",
    ],
)
async def test_no_header_changes_the_route(embedded: Premises, header: str) -> None:
    assert (await embedded.gateway.send("GET", "/v/guarded/x", {header: "/v/open/x"})).status == 401
    reply = await embedded.gateway.send("GET", "/v/open/x", {header: "/v/guarded/x"})
    assert reply.json()["target"] == "/open/x"


@pytest.mark.parametrize("value", ["x\r\nAuthorization: admin", "x\nX-Injected: 1", "x\x00y"])
async def test_line_breaks_in_a_value_are_refused_before_anything_reads_them(embedded: Premises, value: str) -> None:
    request = f"GET /v/open/x HTTP/1.1\r\nHost: localhost\r\nX-Value: {value}\r\n\r\n".encode("latin-1")
    reply = await embedded.gateway.raw(request)
    if reply.status == 200:  # CRLF makes two honest headers: the guard sees both
        assert ["authorization", "admin"] in reply.json()["headers"]
    else:
        assert reply.status == 400


@pytest.mark.parametrize("value", ["%0d%0aX-Injected:%201", "%0D%0A%0D%0AGET%20/guarded/x", "%00", "%0a"])
async def test_encoded_line_breaks_stay_encoded_on_their_way_to_an_upstream(embedded: Premises, value: str) -> None:
    reply = await embedded.gateway.send("GET", f"/v/open/{value}?q={value}")
    assert reply.json()["target"] == f"/open/{value}?q={value}"
    assert not [name for name, _ in reply.json()["headers"] if name == "x-injected"]
