"""Open connections to upstreams, by origin: making them, keeping them while idle, counting them.

Owns the rules of reuse. Knows nothing of requests.
"""

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass
from typing import Literal

from poolhouse.http.client_connection import UpstreamBroken, UpstreamConnection, UpstreamUnreachable


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an upstream listens."""

    scheme: Literal["http", "https"]
    host: str
    port: int

    @property
    def authority(self) -> bytes:
        """The Host header's value: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.scheme == "https" else 80
        return (host if self.port == usual else f"{host}:{self.port}").encode("ascii")


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """Bounds of one client. Seconds, bytes, counts."""

    connect_timeout: float = 5.0
    response_timeout: float = 29.0
    """From the request to the answer's head."""
    idle_timeout: float = 60.0
    """Longest silence inside a body, in either direction."""
    keep_idle: float = 4.0
    """How long an idle connection may be reused: below the 5 s after which common servers close theirs."""
    max_idle: int = 64
    """Idle connections kept for each origin."""
    max_connections: int = 512
    """Open connections to each origin."""
    max_head: int = 64 << 10


class _Shelf:
    """Connections to one origin."""

    __slots__ = ("idle", "open")

    def __init__(self) -> None:
        self.idle: deque[UpstreamConnection] = deque()
        self.open = 0


class Pool:
    """Connections of one client. Belongs to the running event loop."""

    def __init__(self, limits: ClientLimits, tls: ssl.SSLContext | None) -> None:
        self._limits = limits
        self._tls = tls
        self._shelves: dict[Origin, _Shelf] = {}
        self._reaper: asyncio.TimerHandle | None = None

    def take_idle(self, origin: Origin) -> UpstreamConnection | None:
        """The connection used last, if one is still good."""
        shelf = self._shelves.get(origin)
        oldest = asyncio.get_running_loop().time() - self._limits.keep_idle
        while shelf is not None and shelf.idle:
            connection = shelf.idle.pop()
            if connection.usable and connection.idle_since >= oldest:
                return connection
            self._discard(origin, shelf, connection)
        return None

    async def connect(self, origin: Origin) -> UpstreamConnection:
        """A new connection. Raises UpstreamUnreachable."""
        shelf = self._shelves.setdefault(origin, _Shelf())
        if shelf.open >= self._limits.max_connections:
            raise UpstreamUnreachable("too many connections")
        shelf.open += 1
        loop = asyncio.get_running_loop()
        tls = None
        if origin.scheme == "https":
            tls = self._tls = self._tls or ssl.create_default_context()
        try:
            _, connection = await loop.create_connection(
                lambda: UpstreamConnection(self._limits.max_head),
                origin.host,
                origin.port,
                ssl=tls,
                server_hostname=origin.host if tls is not None else None,
            )
        except (OSError, UnicodeError) as error:  # UnicodeError: a host that IDNA cannot encode
            self._free(origin, shelf)
            raise UpstreamUnreachable(type(error).__name__) from error
        except BaseException:
            self._free(origin, shelf)
            raise
        return connection

    def give_back(self, origin: Origin, connection: UpstreamConnection) -> None:
        """Keep a connection for the next exchange, or drop it if it cannot serve one."""
        shelf = self._shelves.get(origin)
        if shelf is None or not connection.usable or len(shelf.idle) >= self._limits.max_idle:
            self._discard(origin, shelf, connection)
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        shelf.idle.append(connection)
        if self._reaper is None:
            self._reaper = loop.call_later(self._limits.keep_idle, self._reap)

    def _discard(self, origin: Origin, shelf: _Shelf | None, connection: UpstreamConnection) -> None:
        connection.abort(UpstreamBroken("connection dropped"))
        if shelf is not None:
            self._free(origin, shelf)

    def _free(self, origin: Origin, shelf: _Shelf) -> None:
        shelf.open -= 1
        if not shelf.open and self._shelves.get(origin) is shelf:
            del self._shelves[origin]

    def _reap(self) -> None:
        """Close what has been idle for too long."""
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._limits.keep_idle
        for origin, shelf in tuple(self._shelves.items()):
            while shelf.idle and (shelf.idle[0].idle_since <= oldest or not shelf.idle[0].usable):
                self._discard(origin, shelf, shelf.idle.popleft())
        busy = any(shelf.idle for shelf in self._shelves.values())
        self._reaper = loop.call_later(self._limits.keep_idle, self._reap) if busy else None

    def close(self) -> None:
        """Drop the idle connections; those in use are dropped when they are given back."""
        for shelf in self._shelves.values():
            while shelf.idle:
                shelf.idle.popleft().abort(UpstreamBroken("client closed"))
        self._shelves.clear()
        if self._reaper is not None:
            self._reaper.cancel()
            self._reaper = None
