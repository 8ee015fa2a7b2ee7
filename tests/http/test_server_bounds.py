"""The server's bounds: sizes, times, counts, memory; what happens to those who exceed them."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from poolhouse.http.message import BodyTimeout, ClientVanished, Request, Response
from poolhouse.http.server import Limits
from tests.http.wire import HOST, FakeClock, ask, connected, eventually, serving

POST = b"POST /x HTTP/1.1\r\n" + HOST
MIB = 1 << 20


async def test_a_body_over_the_limit_is_413_by_length_and_by_count() -> None:
    limits = Limits(max_body=10)
    async with serving(limits=limits) as server:
        assert (await ask(server.port, POST + b"Content-Length: 11\r\n\r\n"))[0] == 413
        chunked = POST + b"Transfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n"
        assert (await ask(server.port, chunked))[0] == 413
        assert (await ask(server.port, POST + b"Content-Length: 10\r\n\r\n1234567890"))[0] == 200


async def test_a_client_that_still_sends_sees_the_413_and_no_reset() -> None:
    async with serving() as server, connected(server.port) as peer:
        await peer.send(POST + b"Content-Length: %d\r\n\r\n" % (8 * MIB))
        for _ in range(64):
            peer.writer.write(bytes(128 << 10))
            await asyncio.sleep(0)
        status, _, _ = await peer.answer()
        assert status == 413


async def test_a_handler_may_set_its_own_limit() -> None:
    async def handler(request: Request) -> Response:
        return Response(200, body=b"%d" % len(await request.read(limit=3 * MIB)))

    async with serving(handler, Limits(max_body=10)) as server:
        raw = POST + b"Content-Length: %d\r\n\r\n" % (2 * MIB) + bytes(2 * MIB)
        assert (await ask(server.port, raw))[2] == b"%d" % (2 * MIB)


async def test_endless_chunk_extensions_are_cut_off() -> None:
    async with serving() as server, connected(server.port) as peer:
        await peer.send(POST + b"Transfer-Encoding: chunked\r\n\r\n1;")
        for _ in range(40):
            peer.writer.write(b"x" * 1024)
            await asyncio.sleep(0)
        assert (await peer.answer())[0] == 400


async def test_tiny_chunks_are_a_legitimate_way_to_send() -> None:
    async with serving() as server:
        raw = POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n"
        status, _, body = await ask(server.port, raw)
        assert (status, len(body)) == (200, len(b"POST /x ") + 50_000)


async def test_a_head_that_trickles_in_is_408_at_the_header_timeout() -> None:
    clock = FakeClock()
    async with serving(limits=Limits(header_timeout=10), clock=clock) as server, connected(server.port) as peer:
        await peer.send(b"GET / HTTP/1.1\r\n")
        await eventually(lambda: server.connections == 1)
        for _ in range(9):
            await peer.send(b"X: y\r\n")
            await asyncio.sleep(0.002)
            clock.now += 1.0
            server.sweep()
            assert server.connections == 1
        clock.now += 1.1
        server.sweep()
        status, headers, _ = await peer.answer()
        assert (status, headers[b"connection"]) == (408, b"close")


async def test_a_silent_connection_is_closed_at_the_keep_alive_time() -> None:
    clock = FakeClock()
    async with serving(clock=clock) as server, connected(server.port) as peer:
        await eventually(lambda: server.connections == 1)
        clock.now += 74
        server.sweep()
        await peer.send(b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await peer.answer())[0] == 200
        clock.now += 74
        server.sweep()
        await asyncio.sleep(0)
        assert server.connections == 1
        clock.now += 2
        server.sweep()
        assert await peer.rest() == b""


async def test_a_body_that_stops_coming_is_408() -> None:
    clock = FakeClock()
    async with serving(clock=clock) as server, connected(server.port) as peer:
        await peer.send(POST + b"Content-Length: 5\r\n\r\nab")
        await eventually(lambda: server.in_flight == 1)
        await asyncio.sleep(0.01)
        clock.now += 31
        server.sweep()
        assert (await peer.answer())[0] == 408


async def test_a_trickled_body_is_cut_off_and_a_slow_but_steady_one_is_not() -> None:
    clock = FakeClock()

    async def upload(piece: bytes, seconds: int) -> int:
        async with connected(server.port) as peer:
            await peer.send(POST + b"Content-Length: %d\r\n\r\n" % (len(piece) * seconds))
            await eventually(lambda: server.in_flight == 1)
            for _ in range(seconds):
                if not server.in_flight:
                    break
                await peer.send(piece)
                await asyncio.sleep(0.003)
                clock.now += 1.0
                server.sweep()
            return (await peer.answer())[0]

    async with serving(limits=Limits(max_body=4 * MIB, body_timeout=30), clock=clock) as server:
        assert await upload(b"x", 60) == 408
        await eventually(lambda: server.in_flight == 0)
        assert await upload(bytes(20 << 10), 60) == 200


async def test_waiting_for_the_handler_does_not_count_against_the_client() -> None:
    clock = FakeClock()
    ready = asyncio.Event()

    async def handler(request: Request) -> Response:
        await ready.wait()
        return Response(200, body=await request.read())

    async with serving(handler, clock=clock) as server, connected(server.port) as peer:
        await peer.send(POST + b"Content-Length: 4\r\n\r\nab")
        await eventually(lambda: server.in_flight == 1)
        clock.now += 500
        server.sweep()
        ready.set()
        await asyncio.sleep(0.005)
        server.sweep()
        await peer.send(b"cd")
        assert (await peer.answer())[2] == b"abcd"


async def test_a_client_that_does_not_read_its_answer_is_cut_off_and_holds_little_memory() -> None:
    clock = FakeClock()
    produced = 0

    async def handler(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            nonlocal produced
            for _ in range(4000):
                produced += 64 << 10
                yield bytes(64 << 10)

        return Response(200, body=pieces())

    async with serving(handler, clock=clock) as server:
        raw = socket.create_connection(("127.0.0.1", server.port))
        raw.sendall(b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n")
        before = -1
        while produced != before:
            before = produced
            await asyncio.sleep(0.05)
        assert produced < 32 * MIB
        clock.now += 61
        server.sweep()
        await eventually(lambda: server.connections == 0 and server.in_flight == 0)
        raw.close()


async def test_an_upload_that_nobody_reads_is_held_back() -> None:
    release = asyncio.Event()
    total = 0

    async def handler(request: Request) -> Response:
        nonlocal total
        await release.wait()
        async for piece in request.stream():
            total += len(piece)
        return Response(200)

    async with serving(handler) as server, connected(server.port) as peer:
        size = 64 * MIB
        peer.writer.write(POST + b"Content-Length: %d\r\n\r\n" % size)
        sent = 0

        async def send() -> None:
            nonlocal sent
            while sent < size:
                peer.writer.write(bytes(MIB))
                await peer.writer.drain()
                sent += MIB

        sending = asyncio.create_task(send())
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.05)
        assert sent < 32 * MIB
        release.set()
        await sending
        assert (await peer.answer())[0] == 200
        assert total == size


async def test_requests_over_the_concurrency_limit_get_503_with_retry_after() -> None:
    release = asyncio.Event()

    async def handler(request: Request) -> Response:
        await release.wait()
        return Response(200)

    get = b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n"
    async with serving(handler, Limits(max_concurrency=2)) as server:
        first = [asyncio.create_task(ask(server.port, get)) for _ in range(2)]
        await eventually(lambda: server.in_flight == 2)
        status, headers, _ = await ask(server.port, get)
        assert (status, headers[b"retry-after"]) == (503, b"1")
        release.set()
        assert [(await task)[0] for task in first] == [200, 200]
        assert (await ask(server.port, get))[0] == 200


async def test_connections_over_the_limit_are_closed_unanswered() -> None:
    async with serving(limits=Limits(max_connections=2)) as server:
        async with connected(server.port), connected(server.port):
            await eventually(lambda: server.connections == 2)
            async with connected(server.port) as third:
                assert await third.rest() == b""
        await eventually(lambda: server.connections == 0)
        assert (await ask(server.port, b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n"))[0] == 200


@pytest.mark.parametrize("sent", [b"", b"ab"])
async def test_a_client_that_vanishes_during_its_body_ends_the_handler_quietly(sent: bytes) -> None:
    outcome: list[type[Exception]] = []

    async def handler(request: Request) -> Response:
        try:
            await request.read()
        except (ClientVanished, BodyTimeout) as failure:
            outcome.append(type(failure))
            raise
        return Response(200)

    async with serving(handler) as server:
        async with connected(server.port) as peer:
            await peer.send(POST + b"Content-Length: 5\r\n\r\n" + sent)
            await eventually(lambda: server.in_flight == 1)
        await eventually(lambda: server.in_flight == 0 and server.connections == 0)
    assert outcome == [ClientVanished]
