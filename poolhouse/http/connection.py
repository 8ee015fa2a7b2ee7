"""One client connection of the server: parse, take turns, run the handler, answer in order.

Owns the socket's state: what may be read, what is being answered, which deadline runs. Knows nothing of
what handlers do; head checks are in `connection_head`, bodies in `connection_body`, answers in
`connection_answer`.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import httptools

from poolhouse.http.connection_answer import NEVER, AnswerWriter
from poolhouse.http.connection_body import IncomingBody
from poolhouse.http.connection_head import Refused, read_head, size_of_head
from poolhouse.http.connection_turn import Service, Turn, serve
from poolhouse.http.message import BadBody, BodyTimeout, ClientVanished, RawHeaders, Request

_FRAMING_ALLOWANCE = 16 << 10
"""Bytes of chunk sizes, extensions and trailers that any body may bring."""


class Connection(asyncio.Protocol):
    """Protocol of one accepted socket; implements `Tap` for its bodies and `Line` for its turns."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: RawHeaders = []
        self._head_bytes = 0
        self._chunk = 0
        self._receiving: Turn | None = None
        self._overhead = 0
        self._completed = False
        self._resumed: IncomingBody | None = None
        self._replaying = False
        self._deaf = False
        self._active: Turn | None = None
        self._queue: deque[Turn] = deque()
        self._holds = 0
        self._eof = False
        self._gone: asyncio.Future[None] | None = None
        self._on_gone: Callable[[], object] | None = None
        self._read_deadline = NEVER
        self.streaming = False
        self.transport: asyncio.Transport
        self.writer: AnswerWriter

    # -- what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        service = self._service
        # uvloop's transports are not subclasses of asyncio's.
        self.transport = cast("asyncio.Transport", transport)
        self.writer = AnswerWriter(self.transport, service.clock, service.limits.write_timeout)
        peer = transport.get_extra_info("peername")
        self._peer: str = peer[0] if isinstance(peer, tuple) else ""
        if service.stopping or len(service.connections) >= service.limits.max_connections:
            self._deaf = True
            self.transport.abort()
            return
        service.connections.add(self)
        self._read_deadline = service.clock() + service.limits.keep_alive

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._completed = False
        self._chunk = self._head_bytes + len(data)
        receiving = self._receiving
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, Refused) else Refused(400, "malformed request"))
        else:
            if receiving is not None:
                self._check_overhead(receiving, len(data))
            elif not self._completed and self._receiving is None:
                self._grow_head(len(data))

    def eof_received(self) -> bool:
        self._eof = True
        self._tell_gone()
        if self._receiving is not None:
            self._receiving.fail(ClientVanished())
        turn = self._active
        if turn is None:
            return False
        if self.streaming:
            # A client that closes its side in the middle of a streamed answer has left: an upstream that
            # is silent for long would otherwise keep a socket and a task for nobody.
            turn.cancel(self._service)
        return self._service.scheme == "http"

    def connection_lost(self, exc: Exception | None) -> None:
        service = self._service
        service.connections.discard(self)
        self.writer.lose()
        self._tell_gone()
        self._deaf = True
        self._queue.clear()
        self._read_deadline = NEVER
        if self._receiving is not None:
            self._receiving.fail(ClientVanished())
        if self._active is not None and self.streaming:
            self._active.cancel(self._service)
        del self._parser
        service.changed()

    def pause_writing(self) -> None:
        self.writer.pause()

    def resume_writing(self) -> None:
        self.writer.resume()

    # -- what the parser says

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if value[-1:] <= b" ":
            value = value.rstrip(b" \t")  # the parser leaves trailing blanks in place
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        target, headers = self._target, self._headers
        self._target, self._headers = b"", []
        if self._replaying:
            self._replaying = False
            return
        self._head_bytes = 0
        parser, service = self._parser, self._service
        limits = service.limits
        version = parser.get_http_version()
        method, target, index = read_head(parser.get_method(), target, headers, version, limits)
        # What came in one short read cannot be too long; only otherwise is it worth counting.
        if self._chunk > limits.max_header_bytes and size_of_head(target, headers) > limits.max_header_bytes:
            raise Refused(431, "request header fields too large")
        if len(self._queue) >= limits.max_pipelined:
            raise Refused(503, "too many pipelined requests")
        chunked = b"transfer-encoding" in index
        length = None if chunked else int(index.get(b"content-length", b"0"))
        body = IncomingBody(self, limits, length, b"expect" in index and version != "1.0")
        if length != 0 and parser.should_upgrade():
            self._resumed = body
        request = Request(
            method,
            target,
            headers,
            scheme=service.scheme,
            peer=self._peer,
            received_at=service.clock(),
            body=body,
            index=index,
        )
        turn = Turn(request, body, parser.should_keep_alive(), version == "1.0")
        self._receiving = turn
        self._overhead = 0
        self._take(turn)

    def on_body(self, data: bytes) -> None:
        if self._receiving is not None:
            self._receiving.body.feed(data)

    def on_message_complete(self) -> None:
        if self._resumed is not None:
            return
        self._completed = True
        if self._receiving is not None:
            self._receiving.body.finish()
            self._receiving = None
        self._headers = []

    # -- reading

    def _grow_head(self, size: int) -> None:
        """Bound a head that comes in pieces, in time and in size."""
        limits = self._service.limits
        if self._head_bytes == 0 and self._active is None:
            self._read_deadline = self._service.clock() + limits.header_timeout
        self._head_bytes += size
        if self._head_bytes > limits.max_header_bytes:
            self._refuse(Refused(431, "request header fields too large"))

    def _check_overhead(self, turn: Turn, size: int) -> None:
        """Bound chunk sizes, extensions and trailers: they are no body bytes, so no body limit sees them."""
        self._overhead += size
        if self._overhead > _FRAMING_ALLOWANCE + 16 * turn.body.received and not turn.body.complete:
            self._refuse(Refused(400, "too much chunk framing"))

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Go on in HTTP/1.1 (RFC 9110 section 7.8): the parser has stopped for a protocol we do not speak.

        It also takes the body for the other protocol's, so a new parser is given the same framing first.
        curl --http2 and java.net.http do this with bodies.
        """
        body, self._resumed = self._resumed, None
        if body is not None:
            self._parser = httptools.HttpRequestParser(self)
            self._replaying = True
            chunked = body.length is None
            framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % (body.length or 0)
            self._parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n\r\n")
        if rest:
            self.data_received(rest)

    def _refuse(self, refused: Refused) -> None:
        """Answer what cannot be understood, after the requests before it; then close."""
        self._deaf = True
        turn = self._receiving
        if turn is not None:
            turn.keep_alive = False
            turn.body.fail(BadBody(refused.reason))
            return
        last = self._queue[-1] if self._queue else self._active
        if last is None or last.keep_alive:
            # After `Connection: close` whatever follows is nobody's request.
            self._take(Turn.refused(self, self._service.limits, refused))

    # -- taking turns

    def _take(self, turn: Turn) -> None:
        """Begin a turn now, or when those before it are answered; nothing more is read meanwhile."""
        if self._active is None:
            self._begin(turn)
        else:
            if not self._queue:
                self._hold()
            self._queue.append(turn)

    def _begin(self, turn: Turn) -> None:
        self._active = turn
        self._read_deadline = NEVER
        turn.start(self._loop, self._service, serve(self._service, self, turn))

    def may_persist(self, turn: Turn) -> bool:
        """Whether the connection may carry another request after this turn; see `Line`."""
        if not turn.keep_alive or self._service.stopping or (self._eof and not self._queue):
            return False
        return turn.body.complete or turn.body.cheap_to_drop

    def end_turn(self, turn: Turn, *, persist: bool) -> None:
        """The answer is written; see `Line`."""
        self._active = None
        self._on_gone = None
        self.streaming = False
        if self.transport.is_closing():
            return
        if not persist:
            self._close(linger=turn.refusal is not None or not turn.body.complete)
            return
        if not turn.body.complete:
            turn.body.drop()
        if self._queue:
            following = self._queue.popleft()
            if not self._queue:
                self._release()
            self._begin(following)
        elif self._eof:
            self.transport.close()
        else:
            limits = self._service.limits
            partial = self._head_bytes or self._receiving is not None
            self._read_deadline = self._service.clock() + (limits.header_timeout if partial else limits.keep_alive)

    # -- Tap: what bodies ask for

    def hold_body(self) -> None:
        self._hold()

    def release_body(self) -> None:
        self._release()

    def send_continue(self) -> None:
        self.writer.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def expect_by(self, seconds: float) -> None:
        self._read_deadline = self._service.clock() + seconds

    def now(self) -> float:
        return self._service.clock()

    async def wait_disconnect(self) -> None:
        if self._eof or self.writer.lost:
            return
        if self._gone is None:
            self._gone = self._loop.create_future()
        await asyncio.shield(self._gone)

    def on_disconnect(self, callback: Callable[[], object]) -> None:
        if self._eof or self.writer.lost:
            self._loop.call_soon(callback)
        else:
            self._on_gone = callback

    def _tell_gone(self) -> None:
        if self._on_gone is not None:
            callback, self._on_gone = self._on_gone, None
            callback()
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    def _hold(self) -> None:
        self._holds += 1
        if self._holds == 1 and not self.transport.is_closing():
            self.transport.pause_reading()

    def _release(self) -> None:
        if not self._holds:
            return
        self._holds -= 1
        if self._holds == 0 and not self.transport.is_closing():
            self.transport.resume_reading()

    # -- the end

    def sweep(self, now: float) -> None:
        """Act on deadlines that have passed; the server calls it every `Limits.sweep_interval`."""
        if now >= self.writer.deadline:
            self.transport.abort()
        elif now >= self._read_deadline:
            self._read_deadline = NEVER
            if self._deaf and self._active is None:
                self.transport.abort()
            elif self._active is not None:
                self._active.body.fail_if_awaited(BodyTimeout())
            elif self._head_bytes:
                self._refuse(Refused(408, "request head not received in time"))
            else:
                self._close(linger=False)

    def shut(self) -> None:
        """The server stops: close if idle, else after the requests in flight."""
        if self._active is None and self._receiving is None and not self._head_bytes and not self._deaf:
            self._close(linger=False)

    def abort(self) -> None:
        """Close now, whatever is in flight."""
        if self._active is not None:
            self._active.cancel(self._service)
        self.transport.abort()

    def _close(self, *, linger: bool) -> None:
        self._deaf = True
        limits, now = self._service.limits, self._service.clock()
        if linger and not self._eof and self.transport.can_write_eof():
            with suppress(OSError):  # the peer has reset the connection meanwhile
                self.transport.write_eof()
            if self._holds:
                self._holds = 0
                self.transport.resume_reading()
            self._read_deadline = now + limits.linger
        else:
            self.transport.close()
            self.writer.deadline = now + limits.write_timeout
