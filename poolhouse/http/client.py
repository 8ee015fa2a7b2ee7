"""A pooled HTTP/1.1 client for integrations: streams both ways, bounds every wait.

Owns exchanges and their timers; connections are kept by `client_pool`. It goes wherever it is told:
it is not the guarded fetcher for addresses that strangers choose.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

from poolhouse.http.client_connection import (
    ResponseHead,
    UpstreamBroken,
    UpstreamConnection,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from poolhouse.http.client_pool import ClientLimits, Origin, Pool
from poolhouse.http.connection_write import join_head
from poolhouse.http.message import RawHeaders

__all__ = [
    "Client",
    "ClientLimits",
    "Origin",
    "UpstreamBody",
    "UpstreamBroken",
    "UpstreamError",
    "UpstreamResponse",
    "UpstreamTimeout",
    "UpstreamUnreachable",
]

_IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE"))
_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"connection"))


class UpstreamBody:
    """An answer's body; iterate it or close it: its connection hangs on it."""

    def __init__(self, exchange: "_Exchange") -> None:
        self._exchange = exchange

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._exchange.next_piece()
        if not piece:
            raise StopAsyncIteration
        return piece

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises UpstreamError, also when it is longer than `limit` bytes."""
        pieces: list[bytes] = []
        size = 0
        async for piece in self:
            size += len(piece)
            if size > limit:
                self._exchange.abandon()
                raise UpstreamBroken("answer too large")
            pieces.append(piece)
        return b"".join(pieces)

    def whole(self) -> bytes | None:
        """The body, if all of it is here already; None if it has to be waited for. Before any iteration only."""
        return self._exchange.whole()

    async def aclose(self) -> None:
        """Give the rest up."""
        self._exchange.abandon()


@dataclass(slots=True)
class UpstreamResponse:
    """An upstream's answer, whose body may still be on its way."""

    status: int
    headers: RawHeaders
    body: UpstreamBody


class Client:
    """Sends requests to upstreams, reusing connections. Belongs to the running event loop."""

    def __init__(self, limits: ClientLimits | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self._limits = limits if limits is not None else ClientLimits()
        self._pool = Pool(self._limits, tls)
        self._exchanges: set[_Exchange] = set()

    async def send(
        self,
        origin: Origin,
        method: str,
        target: bytes,
        headers: RawHeaders,
        body: bytes | AsyncIterator[bytes] = b"",
        *,
        length: int | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 -- also bounds the body's silences, beyond this call
    ) -> UpstreamResponse:
        """Send one request; returns once the answer's head is here.

        `headers` carry Host and no framing. A streamed body goes out chunked unless its `length` is given.
        `timeout` (seconds) replaces the limits' response_timeout and covers connecting too. Raises
        UpstreamError, UnsafeHeader and what `body` raises. A request whose reused connection turns out to be
        dead before any byte came back is sent once more, if it is idempotent and its body is at hand
        (RFC 9112 section 9.3.1). If the caller is cancelled the connection is dropped.
        """
        head = _request_head(method, target, headers, body, length)
        replayable = isinstance(body, bytes) and method in _IDEMPOTENT
        while True:
            exchange = _Exchange(self._pool, self._exchanges, origin, self._limits, timeout)
            try:
                answer = await exchange.run(head, method, body, length)
            except UpstreamBroken as broken:
                if replayable and broken.untouched and exchange.reused:
                    continue
                raise
            return UpstreamResponse(answer.status, answer.headers, UpstreamBody(exchange))

    async def close(self) -> None:
        """Drop every connection."""
        for exchange in tuple(self._exchanges):
            exchange.abandon()
        self._pool.close()


class _Exchange:
    """One request and its answer on one connection, with its one timer."""

    __slots__ = (
        "_broken_source",
        "_connection",
        "_limits",
        "_origin",
        "_pool",
        "_running",
        "_sender",
        "_timeout",
        "_timer",
        "reused",
    )

    def __init__(
        self, pool: Pool, running: "set[_Exchange]", origin: Origin, limits: ClientLimits, within: float | None
    ) -> None:
        self._pool = pool
        self._running = running
        self._origin = origin
        self._limits = limits
        self._timeout = limits.response_timeout if within is None else within
        self._connection: UpstreamConnection | None = None
        self._broken_source: Exception | None = None
        self._sender: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.reused = False

    async def run(
        self, head: bytes, method: str, body: bytes | AsyncIterator[bytes], length: int | None
    ) -> ResponseHead:
        """Send the request, wait for the answer's head."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout
        connection = self._pool.take_idle(self._origin)
        self.reused = connection is not None
        if connection is None:
            try:
                async with asyncio.timeout(min(self._timeout, self._limits.connect_timeout)):
                    connection = await self._pool.connect(self._origin)
            except TimeoutError:
                raise UpstreamTimeout("connect") from None
        self._connection = connection
        self._running.add(self)
        self._timer = loop.call_at(deadline, self._expire)
        try:
            connection.begin(head + body if isinstance(body, bytes) else head, is_head=method == "HEAD")
            if not isinstance(body, bytes):
                self._sender = loop.create_task(self._send(connection, body, chunked=length is None))
            answer = await connection.head()
        except UpstreamBroken as broken:
            self.abandon()
            raise self._broken_source or broken from None
        except BaseException:
            self.abandon()
            raise
        self._timer.cancel()
        self._timer = None if connection.complete else loop.call_later(self._limits.idle_timeout, self._check_idle)
        return answer

    async def next_piece(self) -> bytes:
        """The next part of the answer's body; empty at its end. Raises UpstreamError."""
        connection = self._connection
        if connection is None:
            return b""
        try:
            piece = await connection.next_piece()
        except BaseException:
            self.abandon()
            raise
        if not piece:
            self._release(connection)
        return piece

    def whole(self) -> bytes | None:
        """The answer's body if it has all arrived, which ends the exchange."""
        connection = self._connection
        data = None if connection is None else connection.whole()
        if connection is not None and data is not None:
            self._release(connection)
        return data

    def abandon(self) -> None:
        """Drop the connection, whatever is in flight on it."""
        connection = self._connection
        if connection is not None:
            connection.abort(UpstreamBroken("abandoned"))
            self._release(connection)

    def _release(self, connection: UpstreamConnection) -> None:
        self._connection = None
        self._running.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sender is not None:
            if not self._sender.done():
                connection.reusable = False
                self._sender.cancel()
            self._sender = None
        self._pool.give_back(self._origin, connection)

    async def _send(self, connection: UpstreamConnection, body: AsyncIterator[bytes], *, chunked: bool) -> None:
        """Pass the request's body on; if its source fails the upstream must not take it for whole."""
        try:
            await connection.send_body(body, chunked=chunked)
        except Exception as failure:  # noqa: BLE001 -- whatever ends the source ends the exchange
            self._broken_source = failure
            connection.abort(UpstreamBroken("request body broke off"))
        finally:
            close = getattr(body, "aclose", None)
            if close is not None:
                with contextlib.suppress(RuntimeError):  # it is running: cancelled inside its own step
                    await close()

    def _expire(self) -> None:
        """The answer is overdue, unless the request itself is still on its way out."""
        connection, loop = self._connection, asyncio.get_running_loop()
        if connection is None:
            return
        due = connection.progress + self._timeout
        if self._sender is not None and not self._sender.done() and due > loop.time():
            self._timer = loop.call_at(due, self._expire)
        else:
            connection.abort(UpstreamTimeout("response"))

    def _check_idle(self) -> None:
        connection = self._connection
        if connection is None:
            return
        loop = asyncio.get_running_loop()
        due = connection.progress + self._limits.idle_timeout
        if connection.stalled and due <= loop.time():
            connection.abort(UpstreamTimeout("idle"))
        else:
            self._timer = loop.call_at(max(due, loop.time() + 1.0), self._check_idle)


def _request_head(
    method: str, target: bytes, headers: RawHeaders, body: bytes | AsyncIterator[bytes], length: int | None
) -> bytes:
    lines = [method.encode("ascii") + b" " + target + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in headers if name.lower() not in _FRAMING]
    if not isinstance(body, bytes):
        lines.append(b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length)
    elif body or method in {"POST", "PUT", "PATCH"}:
        lines.append(b"Content-Length: %d" % len(body))
    return join_head(lines, b"")
