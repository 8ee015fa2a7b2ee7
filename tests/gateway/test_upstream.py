"""HTTP_PROXY and HTTP integrations: what crosses, both streams, and upstreams that fail."""

import asyncio
import json
import resource
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from poolhouse.http.client import ClientLimits
from poolhouse.http.message import Request, Response
from tests.gateway.harness import CLAIMS, describe, document, guarded, method, running, send, upstream
from tests.http.wire import connected, eventually

MIB = 1 << 20
ANY = "x-amazon-apigateway-any-method"


def passes(uri: str, **more: Any) -> dict[str, Any]:
    return {"type": "http_proxy", "httpMethod": "ANY", "uri": uri, **more}


def everything(base: str, **more: Any) -> dict[str, Any]:
    """An API that passes every path below /p on."""
    mapping = {"integration.request.path.proxy": "method.request.path.proxy"}
    return document({"/p/{proxy+}": {ANY: method(passes(base + "/up/{proxy}", requestParameters=mapping, **more))}})


async def test_method_path_query_headers_and_body_cross() -> None:
    async with upstream(describe) as base, running(everything(base)) as run:
        status, headers, body = await run.ask(
            "/val/p/a%2Fb//c?x=1&x=%20",
            method="PUT",
            headers={"X-Own": "v", "Connection": "x-hop", "X-Hop": "1", "TE": "trailers", "Authorization": "keep"},
            body=b"payload",
        )
    told = json.loads(body)
    names = {name.lower(): value for name, value in told["headers"]}
    assert (status, told["method"], told["target"], told["body"]) == (200, "PUT", "/up/a%2Fb//c?x=1&x=%20", "payload")
    assert names["host"] == base.removeprefix("http://")
    assert (names["x-own"], names["authorization"], names["content-length"]) == ("v", "keep", "7")
    assert names["x-forwarded-for"] == "127.0.0.1"
    assert names["x-amzn-apigateway-api-id"] == "abc1234567"
    assert names["user-agent"] == "AmazonAPIGateway_abc1234567"
    assert not {"connection", "x-hop", "te"} & set(names)
    assert {b"x-amzn-requestid", b"x-amz-apigw-id", b"x-amzn-trace-id", b"x-amzn-remapped-date"} <= set(headers)


async def test_mapped_parameters_replace_what_the_caller_sent() -> None:
    mapping = {
        "integration.request.path.id": "method.request.querystring.id",
        "integration.request.querystring.who": "context.authorizer.claims.email",
        "integration.request.querystring.id": "'fixed'",
        "integration.request.header.X-Stage": "stageVariables.a",
        "integration.request.header.X-Own": "method.request.header.X-Source",
        "integration.request.header.X-Absent": "method.request.header.Nothing",
    }
    async with upstream(describe) as base:
        integration = passes(
            base.replace("127.0.0.1", "${stageVariables.host}") + "/up/{id}?own=1", requestParameters=mapping
        )
        api = document({"/p": {"get": method(integration, security=guarded())}})
        async with running(api, variables={"a": "b", "host": "127.0.0.1"}) as run:
            _, _, body = await run.ask(
                "/val/p?id=x/../y&keep=1", headers={"Authorization": "id", "X-Own": "forged", "X-Source": "true"}
            )
    told = json.loads(body)
    names = [(name.lower(), value) for name, value in told["headers"]]
    assert told["target"] == "/up/x%2F..%2Fy?own=1&keep=1&who=someone%40example.com&id=fixed"
    assert [value for name, value in names if name == "x-own"] == ["true"]
    assert ("x-stage", "b") in names
    assert "x-absent" not in dict(names)


async def test_a_mapped_header_holds_what_the_mapping_says_and_nothing_of_the_caller_s() -> None:
    mapping = {
        "integration.request.header.X-Groups": "context.authorizer.claims.nothing",
        "integration.request.header.X-Sub": "context.authorizer.claims.sub",
    }
    forged = {
        "x-groups": "admins",
        "X_Groups": "admins",
        "X_Sub": "root",
        "X_Forwarded_For": "9.9.9.9",
        "X_Own": "v",
        "Authorization": "id",
    }
    async with upstream(describe) as base:
        integration = passes(base + "/up", requestParameters=mapping)
        async with running(document({"/p": {"get": method(integration, security=guarded())}})) as run:
            _, _, body = await run.ask("/val/p", headers=forged)
    read = [(name.lower().replace("_", "-"), value) for name, value in json.loads(body)["headers"]]
    assert "x-groups" not in dict(read)
    assert [value for name, value in read if name == "x-sub"] == [CLAIMS["sub"]]
    assert [value for name, value in read if name == "x-forwarded-for"] == ["127.0.0.1"]
    assert ("x-own", "v") in read


@pytest.mark.parametrize("value", ["a%0d%0aX-Evil:%201", "%0a", "%00"])
async def test_what_no_header_can_hold_is_not_mapped_into_one(value: str) -> None:
    mapping = {"integration.request.header.X-Q": "method.request.querystring.q"}
    async with upstream(describe) as base:
        api = document({"/p": {"get": method(passes(base + "/up", requestParameters=mapping))}})
        async with running(api) as run:
            status, _, body = await run.ask(f"/val/p?q={value}", headers={"X-Q": "forged"})
    assert status == 200
    assert not {name.lower() for name, _ in json.loads(body)["headers"]} & {"x-q", "x-evil"}


async def test_headers_that_an_upstream_means_for_the_gateway_stay_there() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        hop = b"Connection: X-Hop, content-length\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\n"
        writer.write(b"HTTP/1.1 200 OK\r\n" + hop + b"X-End: 2\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(handler, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, running(everything(f"http://127.0.0.1:{port}")) as run:
        status, headers, body = await run.ask("/val/p/x")
    assert (status, headers[b"x-end"], headers[b"content-length"], body) == (200, b"2", b"2", b"ok")
    assert not {b"x-hop", b"keep-alive", b"proxy-connection"} & set(headers)


async def test_a_plain_http_integration_passes_and_answers_only_what_is_mapped() -> None:
    async def handler(request: Request) -> Response:
        if request.path == "/missing":
            return Response(404, [(b"X-Up", b"u"), (b"Content-Type", b"text/x")], b"nothing here")
        return await describe(request)

    def integration(base: str, path: str) -> dict[str, Any]:
        return {
            "type": "http",
            "httpMethod": "GET",
            "uri": base + path,
            "requestParameters": {"integration.request.header.X-Mapped": "method.request.header.X-In"},
            "responses": {
                "default": {"statusCode": "200"},
                "4\\d\\d": {
                    "statusCode": "410",
                    "responseParameters": {"method.response.header.X-Out": "integration.response.header.X-Up"},
                    "responseTemplates": {"application/json": '{"id":"$context.requestId"}'},
                },
            },
        }

    async with upstream(handler) as base:
        api = document(
            {"/ok": {"post": method(integration(base, "/ok"))}, "/gone": {"get": method(integration(base, "/missing"))}}
        )
        async with running(api) as run:
            _, _, body = await run.ask("/val/ok?x=1", method="POST", headers={"X-In": "v", "X-Private": "p"})
            told = json.loads(body)
            names = {name.lower() for name, _ in told["headers"]}
            assert (told["method"], told["target"]) == ("GET", "/ok")
            assert "x-mapped" in names
            assert "x-private" not in names
            status, headers, body = await run.ask("/val/gone")
            assert (status, headers[b"x-out"]) == (410, b"u")
            assert json.loads(body)["id"] == headers[b"x-amzn-requestid"].decode()


@pytest.mark.parametrize("status", [200, 204, 304, 404, 500])
async def test_every_upstream_status_passes(status: int) -> None:
    async def handler(request: Request) -> Response:
        return Response(status, [(b"X-Up", b"1")], b"" if status in {204, 304} else b"text")

    async with upstream(handler) as base, running(everything(base)) as run:
        got, headers, body = await run.ask("/val/p/x")
        assert (got, headers[b"x-up"], body) == (status, b"1", b"" if status in {204, 304} else b"text")
        got, headers, body = await run.ask("/val/p/x")
        assert got == status


async def test_head_passes_with_the_length_that_get_would_have() -> None:
    async with upstream(describe) as base, running(everything(base)) as run, connected(run.server.port) as peer:
        for _ in range(2):
            await send(peer, "/val/p/x", method="HEAD")
            head = await peer.until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"Content-Length: " in head


async def refused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def test_an_upstream_that_is_down_is_504() -> None:
    async with running(everything(f"http://127.0.0.1:{await refused_port()}")) as run:
        status, headers, body = await run.ask("/val/p/x")
    assert (status, body) == (504, b'{"message": "Network error communicating with endpoint"}')
    assert headers[b"x-amzn-errortype"] == b"InternalServerErrorException"


async def test_an_upstream_that_does_not_answer_in_time_is_504() -> None:
    async def handler(request: Request) -> Response:
        await asyncio.Event().wait()
        return Response(200)

    async with upstream(handler) as base, running(everything(base, timeoutInMillis=50)) as run:
        status, _, body = await run.ask("/val/p/x")
    assert (status, body) == (504, b'{"message": "Endpoint request timed out"}')


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"nonsense",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    ],
)
async def test_an_upstream_that_does_not_speak_http_is_502(said: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server, running(everything(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")) as run:
        status, _, body = await run.ask("/val/p/x")
    assert (status, body) == (502, b'{"message": "Internal server error"}')


async def test_an_answer_that_breaks_off_breaks_off_here_too() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, running(everything(base)) as run, connected(run.server.port) as peer:
        await send(peer, "/val/p/x")
        raw = await peer.rest()
    assert not raw.endswith(b"0\r\n\r\n")


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


async def test_fifty_megabytes_stream_both_ways_in_bounded_memory() -> None:
    size = 50 * MIB

    async def mirror(request: Request) -> Response:
        return Response(200, [(b"Content-Type", b"application/octet-stream")], request.stream())

    async with upstream(mirror) as base, running(everything(base)) as run, connected(run.server.port) as peer:
        await send(peer, "/val/p/x", method="POST", headers={"Content-Length": str(size)})
        piece = bytes(range(256)) * 1024

        async def upload() -> None:
            for _ in range(size // len(piece)):
                peer.writer.write(piece)
                await peer.writer.drain()

        before = resident()
        uploading = asyncio.create_task(upload())
        head = await peer.until(b"\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in head
        got = 0
        peak = before
        while length := int(await peer.until(b"\r\n"), 16):
            data = await peer.reader.readexactly(length + 2)
            assert data[0] == got % 256
            got += length
            peak = max(peak, resident())
        await uploading
    assert got == size
    assert peak - before < 24 * MIB


async def test_an_upload_is_held_back_by_a_slow_upstream() -> None:
    release = asyncio.Event()

    async def slow(request: Request) -> Response:
        await release.wait()
        total = 0
        async for piece in request.stream():
            total += len(piece)
        return Response(200, body=b"%d" % total)

    size = 64 * MIB
    async with upstream(slow) as base, running(everything(base)) as run, connected(run.server.port) as peer:
        await send(peer, "/val/p/x", method="POST", headers={"Content-Length": str(size)})
        sent = 0

        async def upload() -> None:
            nonlocal sent
            while sent < size:
                peer.writer.write(bytes(MIB))
                await peer.writer.drain()
                sent += MIB

        uploading = asyncio.create_task(upload())
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.05)
        assert sent < size
        release.set()
        await uploading
        assert (await peer.answer())[2] == b"%d" % size


@pytest.mark.parametrize("phase", ["before the answer", "inside the answer", "inside the request"])
async def test_a_caller_that_leaves_ends_the_upstream_call(phase: str) -> None:
    gone = asyncio.Event()
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            gone.set()

    async def handler(request: Request) -> Response:
        begun.set()
        if phase == "inside the answer":
            return Response(200, body=endless())
        if phase == "inside the request":
            try:
                async for _ in request.stream():
                    pass
            finally:
                gone.set()
        await request.disconnected()
        gone.set()
        return Response(200)

    async with upstream(handler) as base, running(everything(base)) as run:
        async with connected(run.server.port) as peer:
            length = {"Content-Length": "1000000"} if phase == "inside the request" else {}
            await send(peer, "/val/p/x", method="POST" if length else "GET", headers=length)
            if length:
                await peer.send(bytes(1000))
            await asyncio.wait_for(begun.wait(), 10)
            if phase == "inside the answer":
                await peer.until(b"first\r\n")
        await asyncio.wait_for(gone.wait(), 10)
        await eventually(lambda: run.server.in_flight == 0)


async def test_connections_are_reused_and_a_dead_one_is_replaced_unnoticed() -> None:
    accepted = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal accepted
        accepted += 1
        mine = accepted
        for turn in range(100):
            if not await reader.readline():
                return
            await reader.readuntil(b"\r\n\r\n")
            if mine == 1 and turn == 3:
                writer.close()
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, running(everything(base), client_limits=ClientLimits(keep_idle=60)) as run:
        assert [(await run.ask("/val/p/x"))[0] for _ in range(6)] == [200] * 6
        assert accepted == 2


async def test_a_request_that_is_not_idempotent_is_not_sent_twice() -> None:
    seen = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        while await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            seen += 1
            if seen == 2:
                writer.close()
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, running(everything(base), client_limits=ClientLimits(keep_idle=60)) as run:
        assert (await run.ask("/val/p/x", method="POST"))[0] == 200
        assert (await run.ask("/val/p/x", method="POST"))[0] == 502
        assert seen == 2
