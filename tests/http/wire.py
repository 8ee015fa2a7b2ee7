"""Raw sockets for the HTTP tests: what a hostile, slow or broken peer does cannot be said with a client library."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from poolhouse.http.message import Handler, Request, Response
from poolhouse.http.server import Limits, Server

HOST = b"Host: a\r\n"
WITHIN = 10.0


class FakeClock:
    """Monotonic seconds that a test moves by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def echo(request: Request) -> Response:
    """Answers with what arrived: method, target and body."""
    body = await request.read()
    return Response(200, [(b"X-Seen", b"yes")], request.method.encode() + b" " + request.target + b" " + body)


@asynccontextmanager
async def serving(
    handler: Handler = echo,
    limits: Limits | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    on_crash: Callable[[Request, Exception], None] | None = None,
) -> AsyncIterator[Server]:
    """A listening server; everything is cut at the end."""
    crashes: list[Exception] = []
    report = on_crash or (lambda _, crash: crashes.append(crash))
    server = Server(handler, limits, on_crash=report, clock=clock)
    await server.listen("127.0.0.1", 0)
    try:
        yield server
    finally:
        await server.stop(0.0)
    if on_crash is None:
        assert crashes == []


class Peer:
    """One raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await asyncio.wait_for(self.writer.drain(), WITHIN)

    async def until(self, ending: bytes) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(ending), WITHIN)

    async def rest(self) -> bytes:
        """Everything until the server closes; a reset counts as closing."""
        pieces: list[bytes] = []
        try:
            while piece := await asyncio.wait_for(self.reader.read(65536), WITHIN):
                pieces.append(piece)
        except ConnectionError:
            pass
        return b"".join(pieces)

    async def answer(self) -> tuple[int, dict[bytes, bytes], bytes]:
        """One answer: status, headers by lower-case name, body."""
        head = await self.until(b"\r\n\r\n")
        first, *lines = head[:-4].split(b"\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}
        if headers.get(b"transfer-encoding") == b"chunked":
            body = b""
            while size := int(await self.until(b"\r\n"), 16):
                body += (await asyncio.wait_for(self.reader.readexactly(size + 2), WITHIN))[:-2]
            await self.until(b"\r\n")
        else:
            size = int(headers.get(b"content-length", b"0"))
            body = await asyncio.wait_for(self.reader.readexactly(size), WITHIN)
        return int(first.split()[1]), headers, body

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    peer = Peer(reader, writer)
    try:
        yield peer
    finally:
        await peer.close()


async def ask(port: int, raw: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
    """One answer to raw bytes on a connection of their own."""
    async with connected(port) as peer:
        await peer.send(raw)
        return await peer.answer()


async def eventually(condition: Callable[[], bool]) -> None:
    """Let the loop run until something that is under way has happened."""
    async with asyncio.timeout(WITHIN):
        while not condition():
            await asyncio.sleep(0.001)


Step = Callable[[], Awaitable[None]]
