"""An HTTP server that looks at who connects before it reads a byte.

Owns the accepting. Who may connect is its owner's decision; what is said is the handler's affair.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

from poolhouse.http.connection import Connection
from poolhouse.http.limits import Limits
from poolhouse.http.message import Handler, Response
from poolhouse.http.server import Server

_BACKLOG = 64
_PAUSE = 0.05


class PrivateServer(Server):
    """Serves the connections that `admits` lets in; the others are closed unread."""

    def __init__(
        self,
        handler: Handler,
        limits: Limits,
        *,
        on_error: Callable[[int, str], Response],
        admits: Callable[[socket.socket], Awaitable[bool]],
    ) -> None:
        super().__init__(handler, limits, on_error=on_error)
        self._admits = admits
        self._accepting: asyncio.Task[None] | None = None

    async def listen_socket(self, listening: socket.socket) -> None:
        """Listen on a bound socket, which becomes the server's own."""
        listening.setblocking(False)
        listening.listen(_BACKLOG)
        self._port = listening.getsockname()[1]
        self._accepting = asyncio.get_running_loop().create_task(self._accept_all(listening))
        self._tick()

    async def _accept_all(self, listening: socket.socket) -> None:
        """One after the other: who knocks often waits longest."""
        loop = asyncio.get_running_loop()
        with listening:
            while True:
                try:
                    connection, _ = await loop.sock_accept(listening)
                except OSError:  # no descriptor is left, or the runtime has gone again
                    await asyncio.sleep(_PAUSE)
                    continue
                with contextlib.suppress(OSError):
                    await self._take(connection)

    async def _take(self, connection: socket.socket) -> None:
        try:
            connection.setblocking(False)
            admitted = await self._admits(connection)
        except BaseException:
            connection.close()
            raise
        if not admitted:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: Connection(self._service), connection)

    async def stop(self, grace: float) -> None:
        """See Server."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.wait([self._accepting])
        await super().stop(grace)
