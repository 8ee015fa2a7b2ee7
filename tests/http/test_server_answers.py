"""How answers go out: framing, order, streaming, failures, and the graceful end."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from poolhouse.http.message import Request, Response
from poolhouse.http.server import Limits, Server
from tests.http.wire import HOST, ask, connected, echo, eventually, serving

GET = b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n"


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize(
    ("response", "method", "head", "body"),
    [
        (lambda: Response(200, body=b"ab"), b"GET", {b"content-length": b"2"}, b"ab"),
        (lambda: Response(200, body=b"ab"), b"HEAD", {b"content-length": b"2"}, b""),
        (lambda: Response(200, [(b"Content-Length", b"9")]), b"HEAD", {b"content-length": b"9"}, b""),
        (lambda: Response(200, [(b"Content-Length", b"9")], b"ab"), b"GET", {b"content-length": b"2"}, b"ab"),
        (lambda: Response(204, body=b""), b"GET", {b"content-length": None}, b""),
        (lambda: Response(304, [(b"ETag", b"x")], b"zz"), b"GET", {b"content-length": None, b"etag": b"x"}, b""),
        (lambda: Response(200, body=pieces(b"a", b"", b"b")), b"GET", {b"transfer-encoding": b"chunked"}, b"ab"),
        (
            lambda: Response(200, [(b"Content-Length", b"2")], pieces(b"a", b"b")),
            b"GET",
            {b"content-length": b"2", b"transfer-encoding": None},
            b"ab",
        ),
        (lambda: Response(200, body=pieces(b"a")), b"HEAD", {b"transfer-encoding": b"chunked"}, b""),
        (lambda: Response(599, body=b""), b"GET", {b"content-length": b"0"}, b""),
        (
            lambda: Response(200, [(b"Connection", b"x"), (b"Transfer-Encoding", b"y")], b""),
            b"GET",
            {b"connection": None, b"transfer-encoding": None},
            b"",
        ),
    ],
)
async def test_framing_fits_status_method_and_body(response, method, head, body) -> None:  # type: ignore[no-untyped-def]
    async def handler(request: Request) -> Response:
        return response()  # type: ignore[no-any-return]

    async with serving(handler) as server, connected(server.port) as peer:
        await peer.send(method + b" /x HTTP/1.1\r\nHost: a\r\n\r\n")
        raw = await peer.until(b"\r\n\r\n")
        headers = {n.lower(): v for n, _, v in (line.partition(b": ") for line in raw[:-4].split(b"\r\n")[1:])}
        assert {name: headers.get(name) for name in head} == head
        assert b"date" in headers
        if method == b"HEAD":
            await peer.send(GET.replace(b"GET", b"HEAD"))
            assert (await peer.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 ")
        elif headers.get(b"transfer-encoding"):
            assert await peer.until(b"0\r\n\r\n") == b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"
        elif body:
            assert await peer.reader.readexactly(len(body)) == body


@pytest.mark.parametrize("wish", [b"Connection: keep-alive\r\n", b""])
async def test_an_old_client_gets_a_stream_that_ends_with_the_connection(wish: bytes) -> None:
    async def handler(request: Request) -> Response:
        return Response(200, body=pieces(b"a", b"b"))

    async with serving(handler) as server, connected(server.port) as peer:
        await peer.send(b"GET /x HTTP/1.0\r\n" + wish + b"\r\n")
        head, _, body = (await peer.rest()).partition(b"\r\n\r\n")
        assert body == b"ab"
        assert [line for line in head.split(b"\r\n") if line.startswith(b"Connection")] == [b"Connection: close"]
        assert b"chunked" not in head


@pytest.mark.parametrize("value", [b"a\r\nSet-Cookie: evil", b"a\nb", b"a\rb", b"a\0b"])
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_header_that_would_split_the_answer_becomes_500(value: bytes, streamed: bool) -> None:
    crashes: list[Exception] = []

    async def handler(request: Request) -> Response:
        return Response(200, [(b"X", value)], pieces(b"x") if streamed else b"x")

    async with serving(handler, on_crash=lambda _, crash: crashes.append(crash)) as server:
        status, headers, _ = await ask(server.port, GET)
    assert status == 500
    assert b"set-cookie" not in headers
    assert len(crashes) == 1


async def test_a_crash_is_500_and_reported_and_the_connection_lives() -> None:
    crashes: list[tuple[str, Exception]] = []

    async def handler(request: Request) -> Response:
        if request.path == "/boom":
            raise KeyError("secret")
        return await echo(request)

    async with (
        serving(handler, on_crash=lambda r, crash: crashes.append((r.path, crash))) as server,
        connected(server.port) as peer,
    ):
        await peer.send(b"GET /boom HTTP/1.1\r\n" + HOST + b"\r\n" + GET)
        status, _, body = await peer.answer()
        assert (status, b"secret" in body) == (500, False)
        assert (await peer.answer())[0] == 200
    assert [(path, type(crash)) for path, crash in crashes] == [("/boom", KeyError)]


@pytest.mark.parametrize("length", [None, b"100"])
async def test_a_stream_that_breaks_off_is_never_taken_for_whole(length: bytes | None) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"part"
        raise RuntimeError("upstream died")

    async def handler(request: Request) -> Response:
        return Response(200, [] if length is None else [(b"Content-Length", length)], broken())

    async with serving(handler, on_crash=lambda _r, _c: None) as server, connected(server.port) as peer:
        await peer.send(GET)
        raw = await peer.rest()
        assert b"0\r\n\r\n" not in raw


async def test_a_large_body_goes_out_whole_to_a_slow_reader() -> None:
    body = bytes(range(256)) * (20 << 12)

    async def handler(request: Request) -> Response:
        return Response(200, body=body)

    async with serving(handler) as server:
        status, _, got = await ask(server.port, GET)
    assert status == 200
    assert got == body


async def test_an_unread_small_body_is_skipped_and_a_large_one_ends_the_connection() -> None:
    async def handler(request: Request) -> Response:
        return Response(200, body=b"ok")

    async with serving(handler) as server:
        async with connected(server.port) as peer:
            await peer.send(b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\n123")
            assert b"connection" not in (await peer.answer())[1]
            await peer.send(b"4567890" + GET)
            assert (await peer.answer())[0] == 200
        async with connected(server.port) as peer:
            await peer.send(b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000\r\n\r\n123")
            assert (await peer.answer())[1][b"connection"] == b"close"


async def test_a_half_closing_client_is_noticed_and_still_gets_its_answer() -> None:
    async def handler(request: Request) -> Response:
        await request.disconnected()
        return Response(200, body=request.path.encode())

    async with serving(handler) as server, connected(server.port) as peer:
        await peer.send(GET)
        peer.writer.write_eof()
        assert (await peer.answer())[2] == b"/x"
        assert await peer.rest() == b""


async def test_a_client_that_pipelines_and_half_closes_gets_every_answer() -> None:
    async with serving() as server, connected(server.port) as peer:
        await peer.send(GET * 3)
        peer.writer.write_eof()
        assert [(await peer.answer())[0] for _ in range(3)] == [200] * 3
        assert await peer.rest() == b""


async def test_a_streamed_answer_stops_when_its_reader_leaves() -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def handler(request: Request) -> Response:
        return Response(200, body=endless())

    async with serving(handler) as server:
        async with connected(server.port) as peer:
            await peer.send(GET)
            await peer.until(b"first\r\n")
        await asyncio.wait_for(closed.wait(), 10)
        await eventually(lambda: server.connections == 0 and server.in_flight == 0)


async def test_stop_lets_requests_in_flight_finish_and_closes_idle_connections_at_once() -> None:
    release = asyncio.Event()

    async def handler(request: Request) -> Response:
        await release.wait()
        return Response(200, body=b"done")

    server = Server(handler)
    await server.listen("127.0.0.1", 0)
    async with connected(server.port) as idle, connected(server.port) as busy:
        await busy.send(GET)
        await eventually(lambda: server.in_flight == 1 and server.connections == 2)
        stopping = asyncio.create_task(server.stop(10))
        assert await idle.rest() == b""
        with pytest.raises(OSError, match=r".*"):
            await asyncio.open_connection("127.0.0.1", server.port)
        release.set()
        status, headers, body = await busy.answer()
        assert (status, headers[b"connection"], body) == (200, b"close", b"done")
        await asyncio.wait_for(stopping, 5)


async def test_stop_cuts_what_outlasts_the_grace_period() -> None:
    cancelled = asyncio.Event()

    async def handler(request: Request) -> Response:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return Response(200)

    server = Server(handler, Limits())
    await server.listen("127.0.0.1", 0)
    async with connected(server.port) as peer:
        await peer.send(GET)
        await eventually(lambda: server.in_flight == 1)
        await asyncio.wait_for(server.stop(0.05), 5)
        assert cancelled.is_set()
        assert await peer.rest() == b""
    assert server.in_flight == 0
