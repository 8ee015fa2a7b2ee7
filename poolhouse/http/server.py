"""The HTTP/1.1 server: listens, keeps the deadlines, stops gracefully.

Owns listeners and the one timer. Knows nothing of what handlers do.
"""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Callable
from email.utils import formatdate

from poolhouse.http.connection import Connection
from poolhouse.http.connection_turn import Service
from poolhouse.http.limits import Limits
from poolhouse.http.message import Handler, Request, Response

__all__ = ["Limits", "Server"]

_BACKLOG = 1024


def plain_error(status: int, reason: str) -> Response:
    """The answer to a protocol error where the listener has no format of its own."""
    return Response(status, [(b"Content-Type", b"text/plain; charset=utf-8")], f"{reason}\n".encode())


def _report_crash(request: Request, crash: Exception) -> None:
    asyncio.get_running_loop().call_exception_handler(
        {"message": f"unhandled exception answering {request.method} {request.path}", "exception": crash}
    )


class Server:
    """Serves one handler on any number of sockets, in the running event loop.

    `on_error(status, reason)` makes the answer to protocol errors (400, 408, 413, 414, 417, 431, 501, 503, 505)
    and to a handler's crash (500); `reason` is for people and holds nothing of the request.
    `on_crash` is told of the crash itself. `clock` is monotonic seconds.
    """

    def __init__(
        self,
        handler: Handler,
        limits: Limits | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        on_error: Callable[[int, str], Response] = plain_error,
        on_crash: Callable[[Request, Exception], None] = _report_crash,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits if limits is not None else Limits()
        self._tls = tls
        self._service = Service(
            handler,
            self._limits,
            scheme="https" if tls is not None else "http",
            on_error=on_error,
            on_crash=on_crash,
            clock=clock,
        )
        self._listeners: list[asyncio.AbstractServer] = []
        self._timer: asyncio.TimerHandle | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """Port of the first socket listened on; 0 before that and for a Unix socket."""
        return self._port

    @property
    def in_flight(self) -> int:
        """Requests being handled now."""
        return len(self._service.running)

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._service.connections)

    async def listen(self, host: str, port: int) -> None:
        """Listen on a TCP address (port 0: any free one). Raises OSError: in use, not permitted, unknown host."""
        loop = asyncio.get_running_loop()
        infos = await loop.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_ADDRCONFIG
        )
        family, kind, protocol, _, address = infos[0]
        listening = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
        except OSError:
            listening.close()
            raise
        await self.listen_socket(listening)

    async def listen_socket(self, listening: socket.socket) -> None:
        """Listen on a bound socket, which becomes the server's own."""
        loop = asyncio.get_running_loop()
        listening.setblocking(False)
        handshake = self._limits.header_timeout if self._tls is not None else None
        listener = await loop.create_server(
            lambda: Connection(self._service),
            sock=listening,
            ssl=self._tls,
            backlog=_BACKLOG,
            ssl_handshake_timeout=handshake,
        )
        self._listeners.append(listener)
        name = listening.getsockname()
        if not self._port and isinstance(name, tuple):
            self._port = name[1]
        self._start_timer()

    async def adopt(self, accepted: socket.socket) -> None:
        """Serve a connection that its owner has accepted; it becomes the server's own. Raises OSError: it is gone."""
        self._start_timer()
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: Connection(self._service), accepted, ssl=self._tls)

    def _start_timer(self) -> None:
        if self._timer is None:
            self._tick()

    def sweep(self) -> None:
        """Act on every deadline that has passed; the timer does it by itself."""
        now = self._service.clock()
        for connection in tuple(self._service.connections):
            connection.sweep(now)

    def _tick(self) -> None:
        self._service.date = b"Date: " + formatdate(usegmt=True).encode() + b"\r\n"
        self.sweep()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._limits.sweep_interval, self._tick)

    async def stop(self, grace: float) -> None:
        """Accept nothing more, close idle connections, give requests in flight `grace` seconds, then cut."""
        service = self._service
        service.stopping = True
        service.quiet = asyncio.Event()
        for listener in self._listeners:
            listener.close()
        for connection in tuple(service.connections):
            connection.shut()
        service.changed()
        try:
            await asyncio.wait_for(service.quiet.wait(), grace)
        except TimeoutError:
            await self._cut()
        finally:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    async def _cut(self) -> None:
        """End what the grace period did not; handlers get a moment to clean up after their cancellation."""
        for connection in tuple(self._service.connections):
            connection.abort()
        running = tuple(self._service.running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=1.0)
