"""What the server makes of requests: well-formed ones, malformed ones, and those made to confuse two readers."""

import asyncio

import pytest

from poolhouse.http.message import Request, Response
from poolhouse.http.server import Limits
from tests.http.wire import HOST, ask, connected, echo, serving

GET = b"GET /x HTTP/1.1\r\n"
POST = b"POST /x HTTP/1.1\r\n"

REFUSED = {
    "no host": (GET + b"\r\n", 400),
    "two hosts": (GET + HOST + HOST + b"\r\n", 400),
    "a host with a blank": (GET + b"Host: a b\r\n\r\n", 400),
    "a host with a path": (GET + b"Host: a/b\r\n\r\n", 400),
    "a folded header": (GET + HOST + b"X: a\r\n b\r\n\r\n", 400),
    "a bare LF ends the request line": (b"GET /x HTTP/1.1\nHost: a\n\n", 400),
    "a bare LF ends a header": (GET + b"Host: a\nX: y\r\n\r\n", 400),
    "a bare CR in a header": (GET + HOST + b"X: a\rY: b\r\n\r\n", 400),
    "NUL in a header": (GET + HOST + b"X: a\0b\r\n\r\n", 400),
    "a blank before the colon": (POST + HOST + b"Content-Length : 3\r\n\r\nabc", 400),
    "a header without a name": (GET + HOST + b": x\r\n\r\n", 400),
    "a header without a colon": (GET + HOST + b"foo\r\n\r\n", 400),
    "length and coding": (POST + HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "coding and length": (POST + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400),
    "two lengths": (POST + HOST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    "a list of lengths": (POST + HOST + b"Content-Length: 3, 3\r\n\r\nabc", 400),
    "a signed length": (POST + HOST + b"Content-Length: +3\r\n\r\nabc", 400),
    "a negative length": (POST + HOST + b"Content-Length: -3\r\n\r\nabc", 400),
    "a length past 64 bits": (POST + HOST + b"Content-Length: 99999999999999999999999\r\n\r\n", 400),
    "two codings": (POST + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "a coding that hides chunked": (POST + HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n", 400),
    "a foreign coding": (POST + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "chunked in HTTP/1.0": (b"POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a bad chunk size": (POST + HOST + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n", 400),
    "a chunk longer than it said": (POST + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", 400),
    "a chunk size past 64 bits": (POST + HOST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400),
    "chunks ended by bare LF": (POST + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n", 400),
    "an unknown method": (b"FOO /x HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a method that tunnels": (b"CONNECT a:80 HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "a method that echoes": (b"TRACE /x HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "HTTP/2.0 spelled out": (b"GET /x HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    "the HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /x\r\n\r\n", 505),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00", 400),
    "a fragment": (b"GET /x#y HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a target without a slash": (b"GET x HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "credentials in the target": (b"GET http://u:p@h/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a raw non-ASCII target": ("GET /é HTTP/1.1\r\n".encode() + HOST + b"\r\n", 400),
    "an unknown expectation": (POST + HOST + b"Expect: wonders\r\nContent-Length: 1\r\n\r\n", 417),
    "too many headers": (GET + HOST + b"X: y\r\n" * 120 + b"\r\n", 431),
    "one endless header": (GET + HOST + b"X: " + b"y" * 40_000 + b"\r\n\r\n", 431),
    "a long target": (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_request_that_could_be_read_in_two_ways_is_refused_and_the_connection_closed(name: str) -> None:
    raw, status = REFUSED[name]
    async with serving() as server, connected(server.port) as peer:
        await peer.send(raw)
        got, headers, _ = await peer.answer()
        assert (got, headers.get(b"connection")) == (status, b"close")
        assert await peer.rest() == b""


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_does_not_depend_on_how_the_bytes_are_cut(name: str) -> None:
    raw, status = REFUSED[name]
    if len(raw) > 1000:
        pieces = [raw[i : i + 700] for i in range(0, len(raw), 700)]
    else:
        pieces = [raw[i : i + 1] for i in range(len(raw))]
    async with serving() as server, connected(server.port) as peer:
        for piece in pieces:
            peer.writer.write(piece)
            await asyncio.sleep(0)
        got, _, _ = await peer.answer()
        # A cut-up endless line is noticed by its bytes, before anyone knows whether it is the target.
        assert got in ({status, 431} if status == 414 else {status})


async def test_smuggled_bytes_after_a_refused_request_are_never_a_request() -> None:
    seen: list[str] = []

    async def handler(request: Request) -> Response:
        seen.append(request.path)
        return Response(200)

    raw = (
        POST
        + HOST
        + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    async with serving(handler) as server, connected(server.port) as peer:
        await peer.send(raw)
        await peer.rest()
    assert seen == []


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (GET + HOST + b"\r\n", b"GET /x "),
        (b"\r\n" + GET + HOST + b"\r\n", b"GET /x "),
        (POST + HOST + b"Content-Length: 3\r\n\r\nabc", b"POST /x abc"),
        (POST + HOST + b"Transfer-Encoding: Chunked\r\n\r\n2;a=b\r\nab\r\n1\r\nc\r\n0\r\nT: u\r\n\r\n", b"POST /x abc"),
        (b"GET http://other:1/y?z HTTP/1.1\r\n" + HOST + b"\r\n", b"GET /y?z "),
        (b"GET http://other?z HTTP/1.1\r\n" + HOST + b"\r\n", b"GET /?z "),
        (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", b"OPTIONS * "),
        (b"GET /a%2Fb/../c?x=%20+ HTTP/1.1\r\n" + HOST + b"\r\n", b"GET /a%2Fb/../c?x=%20+ "),
        (b"GET /x HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", b"GET /x "),
    ],
)
@pytest.mark.parametrize("cut", [False, True])
async def test_a_well_formed_request_reaches_the_handler(raw: bytes, expected: bytes, cut: bool) -> None:
    async with serving() as server, connected(server.port) as peer:
        for piece in [raw[i : i + 1] for i in range(len(raw))] if cut else [raw]:
            peer.writer.write(piece)
            await asyncio.sleep(0)
        status, _, body = await peer.answer()
        assert (status, body) == (200, expected)


async def test_an_absolute_target_replaces_the_host_header() -> None:
    async def handler(request: Request) -> Response:
        return Response(200, body=repr((request.header(b"host"), request.header_values(b"host"))).encode())

    async with serving(handler) as server:
        _, _, body = await ask(server.port, b"GET http://other:1/y HTTP/1.1\r\nHost: a\r\n\r\n")
    assert body == b"('other:1', ['other:1'])"


async def test_headers_keep_order_case_and_repetition_and_lose_outer_blanks() -> None:
    async def handler(request: Request) -> Response:
        assert request.header(b"x-a") == "1"
        assert request.header_values(b"x-a") == ["1", "2"]
        return Response(200, body=repr(request.headers).encode())

    async with serving(handler) as server:
        _, _, body = await ask(server.port, GET + b"hOST: a\r\nX-A:  1 \t\r\nx-a: 2\r\nX-E:\r\n\r\n")
    assert body == repr([(b"hOST", b"a"), (b"X-A", b"1"), (b"x-a", b"2"), (b"X-E", b"")]).encode()


async def test_pipelined_requests_are_answered_in_order_one_at_a_time() -> None:
    running: list[str] = []

    async def handler(request: Request) -> Response:
        assert running == []
        running.append(request.path)
        await asyncio.sleep(0.01 if request.path == "/0" else 0)
        running.clear()
        return Response(200, body=request.path.encode() + await request.read())

    raw = b"".join(b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab" % i for i in range(20))
    async with serving(handler) as server, connected(server.port) as peer:
        await peer.send(raw)
        assert [(await peer.answer())[2] for _ in range(20)] == [b"/%dab" % i for i in range(20)]


async def test_too_many_pipelined_requests_end_the_connection_after_those_accepted() -> None:
    async with serving(limits=Limits(max_pipelined=4)) as server, connected(server.port) as peer:
        await peer.send((GET + HOST + b"\r\n") * 50)
        statuses = [(await peer.answer())[0] for _ in range(6)]
        assert statuses == [200] * 5 + [503]
        assert await peer.rest() == b""


async def test_pipelined_requests_before_a_malformed_one_are_answered() -> None:
    async with serving() as server, connected(server.port) as peer:
        await peer.send((GET + HOST + b"\r\n") * 2 + b"nonsense\r\n\r\n")
        assert [(await peer.answer())[0] for _ in range(3)] == [200, 200, 400]


async def test_bytes_after_connection_close_are_ignored() -> None:
    async with serving() as server, connected(server.port) as peer:
        await peer.send(GET + HOST + b"Connection: close\r\n\r\n" + GET + HOST + b"\r\n")
        status, headers, _ = await peer.answer()
        assert (status, headers[b"connection"]) == (200, b"close")
        assert await peer.rest() == b""


@pytest.mark.parametrize(
    ("raw", "line", "lives"),
    [
        (b"GET /x HTTP/1.0\r\n\r\n", b"close", False),
        (b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", b"keep-alive", True),
        (GET + HOST + b"\r\n", None, True),
        (GET + HOST + b"Connection: close\r\n\r\n", b"close", False),
    ],
)
async def test_persistence_follows_version_and_connection_header(raw: bytes, line: bytes | None, lives: bool) -> None:
    async with serving() as server, connected(server.port) as peer:
        await peer.send(raw)
        _, headers, _ = await peer.answer()
        assert headers.get(b"connection") == line
        if lives:
            await peer.send(raw)
            assert (await peer.answer())[0] == 200
        else:
            assert await peer.rest() == b""


@pytest.mark.parametrize(
    "coding", [b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
)
async def test_an_upgrade_that_we_do_not_speak_is_ignored_and_its_body_kept(coding: bytes) -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"
    async with serving() as server, connected(server.port) as peer:
        await peer.send(POST + HOST + upgrade + coding + GET + HOST + upgrade + b"\r\n" + GET + HOST + b"\r\n")
        assert [(await peer.answer())[2] for _ in range(3)] == [b"POST /x abc", b"GET /x ", b"GET /x "]


async def test_expect_continue_is_answered_only_when_the_body_is_wanted() -> None:
    async def handler(request: Request) -> Response:
        return await echo(request) if request.path == "/read" else Response(403)

    expect = b" HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    async with serving(handler) as server:
        async with connected(server.port) as peer:
            await peer.send(b"POST /read" + expect)
            assert await peer.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await peer.send(b"abc")
            assert (await peer.answer())[2] == b"POST /read abc"
        async with connected(server.port) as peer:
            await peer.send(b"POST /refuse" + expect)
            status, headers, _ = await peer.answer()
            assert (status, headers[b"connection"]) == (403, b"close")
