"""The upstream client by itself: limits, timeouts, reuse and clean-up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from poolhouse.http.client import (
    Client,
    ClientLimits,
    Origin,
    UpstreamBroken,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from poolhouse.http.connection_write import UnsafeHeader
from poolhouse.http.message import Request, Response
from tests.http.wire import eventually, serving

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def client_of(limits: ClientLimits | None = None) -> AsyncIterator[Client]:
    client = Client(limits)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[Origin]:
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield Origin("http", "127.0.0.1", server.sockets[0].getsockname()[1])


def origin(port: int) -> Origin:
    return Origin("http", "127.0.0.1", port)


@pytest.mark.parametrize(
    ("where", "authority"),
    [
        (Origin("http", "h", 80), b"h"),
        (Origin("http", "h", 443), b"h:443"),
        (Origin("https", "h", 443), b"h"),
        (Origin("https", "::1", 8443), b"[::1]:8443"),
    ],
)
def test_an_authority_names_the_port_only_where_it_is_unusual(where: Origin, authority: bytes) -> None:
    assert where.authority == authority


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\nT: u\r\n\r\n", b"abc"),
        (b"HTTP/1.1 200 OK\r\n\r\nabc", b"abc"),
        (b"HTTP/1.0 200 OK\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 204 No\r\n\r\n", b""),
    ],
)
@pytest.mark.parametrize("cut", [False, True])
async def test_every_framing_of_an_answer_is_read(raw: bytes, body: bytes, cut: bool) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in [raw[i : i + 1] for i in range(len(raw))] if cut else [raw]:
            writer.write(piece)
            await writer.drain()
        writer.close()

    async with talking(talk) as where, client_of() as client:
        answer = await client.send(where, "GET", b"/", [(b"Host", b"h")])
        assert await answer.body.read(10) == body


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
)
async def test_an_answer_that_breaks_off_is_never_taken_for_whole(raw: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        writer.close()

    async with talking(talk) as where, client_of() as client:
        with pytest.raises(UpstreamBroken):
            await (await client.send(where, "GET", b"/", [(b"Host", b"h")])).body.read(10)


async def test_an_answer_longer_than_wanted_is_refused() -> None:
    async def long(request: Request) -> Response:
        return Response(200, body=bytes(1000))

    async with serving(long) as server, client_of() as client:
        answer = await client.send(origin(server.port), "GET", b"/", [(b"Host", b"h")])
        with pytest.raises(UpstreamBroken):
            await answer.body.read(999)
        await eventually(lambda: server.connections == 0)


async def test_silence_inside_an_answer_is_bounded_and_slow_readers_are_not() -> None:
    async def stalls(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"first"
            if request.path == "/stall":
                await asyncio.Event().wait()

        return Response(200, body=pieces())

    limits = ClientLimits(idle_timeout=0.05)
    async with serving(stalls) as server, client_of(limits) as client:
        answer = await client.send(origin(server.port), "GET", b"/stall", [(b"Host", b"h")])
        assert await anext(answer.body) == b"first"
        with pytest.raises(UpstreamTimeout):
            await anext(answer.body)


async def test_a_broken_request_source_breaks_the_exchange_and_is_raised() -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"part"
        raise KeyError("source")

    received: list[type[Exception]] = []

    async def handler(request: Request) -> Response:
        try:
            await request.read()
        except Exception as failure:
            received.append(type(failure))
            raise
        return Response(200)

    async with serving(handler) as server, client_of() as client:
        with pytest.raises(KeyError):
            await client.send(origin(server.port), "POST", b"/", [(b"Host", b"h")], source())
        await eventually(lambda: len(received) == 1)


async def test_an_early_answer_ends_the_upload_and_the_connection_is_not_reused() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 16)

    async def refuse(request: Request) -> Response:
        return Response(413)

    async with serving(refuse) as server, client_of() as client:
        for _ in range(3):
            answer = await client.send(origin(server.port), "POST", b"/", [(b"Host", b"h")], endless())
            assert answer.status == 413
            await answer.body.aclose()


async def test_a_cancelled_call_drops_its_connection() -> None:
    async def handler(request: Request) -> Response:
        await request.disconnected()
        return Response(200)

    async with serving(handler) as server, client_of() as client:
        call = asyncio.create_task(client.send(origin(server.port), "GET", b"/", [(b"Host", b"h")]))
        await eventually(lambda: server.in_flight == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await eventually(lambda: server.connections == 0)


async def test_connections_to_one_origin_are_counted() -> None:
    release = asyncio.Event()

    async def handler(request: Request) -> Response:
        await release.wait()
        return Response(200)

    async with serving(handler) as server, client_of(ClientLimits(max_connections=2)) as client:
        where = origin(server.port)
        calls = [asyncio.create_task(client.send(where, "GET", b"/", [(b"Host", b"h")])) for _ in range(2)]
        await eventually(lambda: server.in_flight == 2)
        with pytest.raises(UpstreamUnreachable):
            await client.send(where, "GET", b"/", [(b"Host", b"h")])
        release.set()
        for call in calls:
            assert await (await call).body.read(10) == b""
        assert await (await client.send(where, "GET", b"/", [(b"Host", b"h")])).body.read(10) == b""


async def test_idle_connections_are_closed_after_their_time() -> None:
    async with serving() as server, client_of(ClientLimits(keep_idle=0.05)) as client:
        await (await client.send(origin(server.port), "GET", b"/", [(b"Host", b"h")])).body.read(100)
        assert server.connections == 1
        await eventually(lambda: server.connections == 0)


@pytest.mark.parametrize(
    "unasked", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"HTTP/1.1 204 Evil\r\n\r\n", b"nonsense"]
)
@pytest.mark.parametrize("later", [False, True])
async def test_unasked_bytes_are_never_an_answer(unasked: bytes, later: bool) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood" + (b"" if later else unasked))
            if later:
                await asyncio.sleep(0.005)
                writer.write(unasked)

    async with talking(talk) as where, client_of() as client:
        for _ in range(3):
            answer = await client.send(where, "GET", b"/", [(b"Host", b"h")])
            assert (answer.status, await answer.body.read(10)) == (200, b"good")
            if later:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("line", [(b"X", b"a\r\nEvil: 1"), (b"X\r\nEvil", b"1"), (b"X", b"a\0")])
async def test_a_header_that_would_split_the_request_is_refused(line: tuple[bytes, bytes]) -> None:
    async with client_of() as client:
        with pytest.raises(UnsafeHeader):
            await client.send(origin(1), "GET", b"/", [(b"Host", b"h"), line])
