"""A request body on its way in: collected or streamed, bounded in size, time and memory.

Owns the buffer between the socket and the handler. Knows the connection only as a `Tap`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from poolhouse.http.limits import Limits
from poolhouse.http.message import BodyTooLarge, ClientVanished

HIGH_WATER = 128 << 10
"""Bytes that may wait for a handler that streams (or has not begun to read) before the socket is paused."""

_DISCARDABLE = 64 << 10
_NEVER = float("inf")


class Tap(Protocol):
    """What a body needs of its connection."""

    def hold_body(self) -> None:
        """Stop reading from the socket: the handler is behind."""
        ...

    def release_body(self) -> None:
        """Read on."""
        ...

    def send_continue(self) -> None:
        """Tell the client that its body is wanted (RFC 9110 section 10.1.1)."""
        ...

    def expect_by(self, seconds: float) -> None:
        """The next body bytes are due in so many seconds; the body fails with BodyTimeout otherwise."""
        ...

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    async def wait_disconnect(self) -> None:
        """Return when the peer has gone."""
        ...

    def on_disconnect(self, callback: Callable[[], object]) -> None:
        """Call back when the peer goes during this turn."""
        ...


class IncomingBody:
    """The body of one request; implements `BodySource`."""

    __slots__ = (
        "_chunks",
        "_continue",
        "_failure",
        "_held",
        "_limit",
        "_limits",
        "_tap",
        "_waited",
        "_waiter",
        "buffered",
        "complete",
        "length",
        "received",
    )

    def __init__(self, tap: Tap, limits: Limits, length: int | None, expects_continue: bool) -> None:
        self._tap = tap
        self._limits = limits
        self._chunks: list[bytes] = []
        self._continue = expects_continue
        self._failure: Exception | None = None
        self._held = False
        self._limit: int | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._waited = 0.0
        self.buffered = 0
        self.complete = False
        self.length = length
        self.received = 0

    # -- the connection's side

    def feed(self, data: bytes) -> None:
        """Body bytes have arrived."""
        self._continue = False
        self.received += len(data)
        if self._failure is not None:
            return
        if self._limit is not None and self.received > self._limit:
            self.fail(BodyTooLarge())
            return
        self._chunks.append(data)
        self.buffered += len(data)
        if self._limit is None and self.buffered >= HIGH_WATER and not self._held:
            self._held = True
            self._tap.hold_body()
        self._wake()

    def finish(self) -> None:
        """The body is whole."""
        self.complete = True
        self._continue = False
        # What still waits is all there is: holding the socket back would only deafen it to the next request.
        self._release()
        self._wake()

    def fail(self, failure: Exception) -> None:
        """The body will never be whole; whoever reads it gets `failure`."""
        if self._failure is None and not self.complete:
            self._failure = failure
            self._chunks.clear()
            self.buffered = 0
            self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def fail_if_awaited(self, failure: Exception) -> None:
        """Fail only if the handler waits: a deadline that nobody waits for is no one's fault."""
        if self._waiter is not None:
            self.fail(failure)

    @property
    def cheap_to_drop(self) -> bool:
        """Whether reading the rest to throw it away costs less than a new connection."""
        if self._continue or self._failure is not None or self.length is None:
            return False
        return self.length - self.received <= _DISCARDABLE

    def drop(self) -> None:
        """The handler has answered without reading the rest: throw it away."""
        self.fail(ClientVanished())
        self._release()

    # -- the handler's side

    async def read(self, limit: int | None = None) -> bytes:
        """See `BodySource.read`."""
        bound = self._limits.max_body if limit is None else limit
        if self.received > bound or (self.length is not None and self.length > bound):
            raise BodyTooLarge
        if not self.complete:
            self._limit = bound
            self._release()
            while not self.complete:
                await self._wait()
        if self._failure is not None:
            raise self._failure
        return self._take()

    async def stream(self) -> AsyncIterator[bytes]:
        """See `BodySource.stream`."""
        while True:
            if self._chunks:
                data = self._take()
                self._release()
                yield data
            elif self._failure is not None:
                raise self._failure
            elif self.complete:
                return
            else:
                await self._wait()

    async def wait_disconnect(self) -> None:
        """See `BodySource.wait_disconnect`."""
        await self._tap.wait_disconnect()

    def on_disconnect(self, callback: Callable[[], object]) -> None:
        """See `BodySource.on_disconnect`."""
        self._tap.on_disconnect(callback)

    def _take(self) -> bytes:
        chunks = self._chunks
        if not chunks:
            return b""
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._chunks = []
        self.buffered = 0
        return data

    def _release(self) -> None:
        if self._held:
            self._held = False
            self._tap.release_body()

    async def _wait(self) -> None:
        """Wait for bytes, the end or a failure; only time spent here counts against the client."""
        if self._failure is not None:
            raise self._failure
        if self._continue:
            self._continue = False
            self._tap.send_continue()
        limits = self._limits
        allowed = limits.body_timeout + self.received / limits.min_body_rate
        self._tap.expect_by(max(0.0, allowed - self._waited))
        begun = self._tap.now()
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._tap.expect_by(_NEVER)
            self._waited += self._tap.now() - begun
