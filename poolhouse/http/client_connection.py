"""One connection to an upstream HTTP/1.1 server: one exchange at a time, streamed both ways.

Owns the socket, the response parser and their back-pressure. Knows nothing of pools or of who asks.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import httptools

from poolhouse.http.message import RawHeaders

_HIGH_WATER = 256 << 10
_BUFFER = 64 << 10


class UpstreamError(Exception):
    """The upstream did not give a usable answer."""


class UpstreamUnreachable(UpstreamError):
    """No connection could be made: refused, unknown host, TLS failure, too many connections."""


class UpstreamTimeout(UpstreamError):
    """The upstream did not connect, answer or go on in time."""


class UpstreamBroken(UpstreamError):
    """The upstream broke off or did not speak HTTP. `untouched`: before any byte of an answer."""

    def __init__(self, reason: str, *, untouched: bool = False) -> None:
        super().__init__(reason)
        self.untouched = untouched


class ResponseHead:
    """Status and headers of an upstream's answer."""

    __slots__ = ("headers", "status")

    def __init__(self, status: int, headers: RawHeaders) -> None:
        self.status = status
        self.headers = headers


class UpstreamConnection(asyncio.Protocol):
    """Protocol of one upstream socket. Used for one exchange at a time: `begin`, send, `head`, `next_piece`."""

    def __init__(self, max_head: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._max_head = max_head
        self._transport: asyncio.Transport
        self._parser: httptools.HttpResponseParser | None = None
        self._headers: RawHeaders = []
        self._head: ResponseHead | None = None
        self._head_bytes = 0
        self._pieces: list[bytes] = []
        self._buffered = 0
        self._reading_held = False
        self._bodiless = False
        self._until_close = False
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._write_paused = False
        self._failure: UpstreamError | None = None
        self._touched = False
        self.complete = True
        """The answer is whole (or none is expected)."""
        self.reusable = True
        """Nothing has happened that makes another exchange unsafe."""
        self.progress = 0.0
        """Loop time at which the last bytes moved."""
        self.idle_since = 0.0

    # -- what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_BUFFER)

    def data_received(self, data: bytes) -> None:
        self.progress = self._loop.time()
        if self._parser is None or self.complete:
            # Bytes that nobody asked for would be taken for the next answer.
            self.abort(UpstreamBroken("unsolicited data"))
            return
        self._touched = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self.complete:
                self.abort(UpstreamBroken("malformed answer"))
            self.reusable = False
            return
        if self._head is None:
            self._head_bytes += len(data)
            if self._head_bytes > self._max_head:
                self.abort(UpstreamBroken("answer head too large"))

    def eof_received(self) -> bool:
        self.reusable = False
        if self._until_close and self._head is not None:
            self._finish()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        self._fail(UpstreamBroken("connection lost", untouched=not self._touched))
        self._parser = None

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False
        self.progress = self._loop.time()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # -- what the parser says

    def on_header(self, name: bytes, value: bytes) -> None:
        if value[-1:] <= b" ":
            value = value.rstrip(b" \t")
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status: int = self._parser.get_status_code()
        headers, self._headers = self._headers, []
        if self.complete:
            # A second answer to one request: the first stands, the connection does not.
            self.reusable = False
            return
        if sum(len(name) + len(value) + 4 for name, value in headers) > self._max_head:
            raise UpstreamBroken("answer head too large")
        if status < 200:
            return
        self._head = ResponseHead(status, headers)
        names = {name.lower() for name, _ in headers}
        bodiless = self._bodiless or status in {204, 304}
        self._until_close = not bodiless and not names & {b"content-length", b"transfer-encoding"}
        if self._bodiless:
            # The parser does not know that HEAD was asked and waits for the body that GET would have.
            self.reusable = self.reusable and bool(self._parser.should_keep_alive())
            self._finish()
        self._wake()

    def on_body(self, data: bytes) -> None:
        if self.complete:
            self.reusable = False
            return
        self._pieces.append(data)
        self._buffered += len(data)
        if self._buffered >= _HIGH_WATER and not self._reading_held:
            self._reading_held = True
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        self._headers = []
        if self._head is None or self.complete:
            return
        assert self._parser is not None
        self.reusable = self.reusable and bool(self._parser.should_keep_alive())
        self._finish()

    def _finish(self) -> None:
        self.complete = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, failure: UpstreamError) -> None:
        if self._failure is None:
            self._failure = failure
        self._wake()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # -- one exchange

    def begin(self, head: bytes, *, is_head: bool) -> None:
        """Start an exchange by sending its head (and, for a short request, its body)."""
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._head, self._head_bytes = [], None, 0
        self._pieces, self._buffered = [], 0
        self._bodiless, self._until_close = is_head, False
        self._touched = self.complete = False
        self.progress = self._loop.time()
        self._transport.write(head)

    async def send_body(self, body: AsyncIterator[bytes], *, chunked: bool) -> None:
        """Send a request body as fast as the upstream takes it; stops quietly once an answer is whole."""
        async for piece in body:
            if self.complete or self._failure is not None:
                self.reusable = False
                return
            if not piece:
                continue
            if chunked:
                self._transport.writelines((b"%x\r\n" % len(piece), piece, b"\r\n"))
            else:
                self._transport.write(piece)
            self.progress = self._loop.time()
            while self._write_paused and self._failure is None:
                self._drained = self._loop.create_future()
                await self._drained
        if chunked:
            self._transport.write(b"0\r\n\r\n")

    async def head(self) -> ResponseHead:
        """The answer's head. Raises UpstreamError."""
        while self._head is None:
            await self._wait()
        return self._head

    async def next_piece(self) -> bytes:
        """What has arrived of the body; empty at its end. Raises UpstreamError."""
        while not self._pieces:
            if self.complete:
                return b""
            await self._wait()
        return self._take()

    def _take(self) -> bytes:
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._pieces, self._buffered = [], 0
        if self._reading_held:
            self._reading_held = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
        return data

    def whole(self) -> bytes | None:
        """The body, if all of it has arrived and nothing of it was taken; None otherwise."""
        return self._take() if self.complete else None

    async def _wait(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # -- the end

    @property
    def stalled(self) -> bool:
        """Whether it is the upstream that is waited for, not whoever takes the answer from us."""
        return not self.complete and not self._reading_held

    @property
    def usable(self) -> bool:
        """Whether another exchange may begin."""
        return self.reusable and self.complete and not self._pieces and not self._transport.is_closing()

    def abort(self, failure: UpstreamError) -> None:
        """Drop the connection; whoever waits on it gets `failure`."""
        self.reusable = False
        self._fail(failure)
        self._transport.abort()
