"""An HTTP server that looks at who connects before it reads a byte.

Owns the accepting. Who may connect is its owner's decision; what is said is the handler's affair.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

from poolhouse.http.server import Server

_BACKLOG = 64
_PAUSE = 0.05


class PrivateServer:
    """Has `server` serve the connections that `admits` lets in; the others are closed unread."""

    def __init__(self, server: Server, admits: Callable[[socket.socket], Awaitable[bool]]) -> None:
        self._server = server
        self._admits = admits
        self._accepting: asyncio.Task[None] | None = None
        self.port = 0
        """The port that is listened on; 0 before that."""

    def listen(self, host: str) -> None:
        """Listen on a free port of an IPv4 address. Raises OSError."""
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.bind((host, 0))
            listening.listen(_BACKLOG)
        except OSError:
            listening.close()
            raise
        listening.setblocking(False)
        self.port = listening.getsockname()[1]
        self._accepting = asyncio.get_running_loop().create_task(self._accept_all(listening))

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
        if admitted:
            await self._server.adopt(connection)
        else:
            connection.close()

    async def stop(self, grace: float) -> None:
        """Accept nothing more, then as Server."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.wait([self._accepting])
        await self._server.stop(grace)
