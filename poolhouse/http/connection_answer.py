"""Sends answers down one socket, with back-pressure and a deadline for clients that do not read.

Owns the outgoing side of a connection. Knows nothing of requests beyond what the framing needs.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from poolhouse.http.connection_write import Framing, bodiless, head_of_stream, head_of_whole
from poolhouse.http.message import ClientVanished, Response

SLICE = 256 << 10
"""Longest body handed to the transport at once; a longer one is sent as fast as the client reads."""
_BUFFER = 64 << 10
NEVER = float("inf")


class WrongLength(Exception):
    """A streamed body is not as long as its Content-Length said."""


class AnswerWriter:
    """The outgoing side of one connection."""

    __slots__ = ("_clock", "_drained", "_paused", "_timeout", "_transport", "deadline", "lost")

    def __init__(self, transport: asyncio.Transport, clock: Callable[[], float], timeout: float) -> None:
        transport.set_write_buffer_limits(high=_BUFFER)
        self._transport = transport
        self._clock = clock
        self._timeout = timeout
        self._paused = False
        self._drained: asyncio.Future[None] | None = None
        self.deadline = NEVER
        """When the connection is given up unless the client has read what is buffered by then."""
        self.lost = False

    def pause(self) -> None:
        """The transport's buffer is full."""
        self._paused = True
        self.deadline = self._clock() + self._timeout

    def resume(self) -> None:
        """The transport's buffer has room again."""
        self._paused = False
        self.deadline = NEVER
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def lose(self) -> None:
        """The connection is gone; whoever waits for room gets ClientVanished."""
        self.lost = True
        self.deadline = NEVER
        if self._drained is not None and not self._drained.done():
            self._drained.set_exception(ClientVanished())

    async def drained(self) -> None:
        """Wait until the client has read enough. Raises ClientVanished."""
        while self._paused or self.lost:
            if self.lost:
                raise ClientVanished
            self._drained = asyncio.get_running_loop().create_future()
            try:
                await self._drained
            finally:
                self._drained = None

    def check(self) -> None:
        """Raise ClientVanished if nothing can be written any more."""
        if self.lost:
            raise ClientVanished

    @property
    def full(self) -> bool:
        """Whether the next write should wait for `drained`."""
        return self._paused

    def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        self._transport.write(data)

    def send_whole(self, response: Response, body: bytes, is_head: bool, own: bytes) -> None:
        """Head and a short body in one write. Raises UnsafeHeader before anything is written."""
        head = head_of_whole(response.status, response.headers, len(body), is_head, own)
        self._transport.write(head if is_head or bodiless(response.status) else head + body)

    async def send_long(self, response: Response, body: bytes, is_head: bool, own: bytes) -> None:
        """Head and a long body in slices, as fast as the client reads. Raises ClientVanished."""
        head = head_of_whole(response.status, response.headers, len(body), is_head, own)
        self._transport.write(head)
        if is_head or bodiless(response.status):
            return
        view = memoryview(body)
        for start in range(0, len(view), SLICE):
            await self.drained()
            self._transport.write(view[start : start + SLICE])

    async def send_stream(
        self,
        response: Response,
        body: AsyncIterator[bytes],
        is_head: bool,
        http10: bool,
        own: bytes,
    ) -> bool:
        """Head and a body that comes piece by piece; returns whether the connection may live on.

        Raises UnsafeHeader before anything is written; ClientVanished, WrongLength and whatever `body` raises
        after that: the answer is then broken off and the connection must be dropped.
        """
        head, framing, length = head_of_stream(response.status, response.headers, is_head, http10, own)
        self._transport.write(head)
        if framing is not Framing.EMPTY:
            await self._send_pieces(body, framing, length)
        return framing is not Framing.CLOSE

    async def _send_pieces(self, body: AsyncIterator[bytes], framing: Framing, length: int) -> None:
        left = length
        async for piece in body:
            if self.lost:
                raise ClientVanished
            if not piece:
                continue
            if framing is Framing.CHUNKED:
                self._transport.writelines((b"%x\r\n" % len(piece), piece, b"\r\n"))
            else:
                left -= len(piece)
                if framing is Framing.LENGTH and left < 0:
                    raise WrongLength
                self._transport.write(piece)
            if self._paused:
                await self.drained()
        if framing is Framing.CHUNKED:
            self._transport.write(b"0\r\n\r\n")
        elif framing is Framing.LENGTH and left:
            raise WrongLength
