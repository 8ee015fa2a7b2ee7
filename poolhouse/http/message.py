"""One HTTP exchange as the rest of the house sees it: a request with a readable body, a response.

Owns the shapes only. Knows nothing of sockets, of AWS or of any room that answers.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Literal, Protocol

RawHeaders = list[tuple[bytes, bytes]]
"""Header lines in wire order, with the sender's spelling of the names."""


class BodyTooLarge(Exception):
    """The request body is longer than the listener allows (HTTP 413)."""


class ClientVanished(Exception):
    """The peer closed the connection before its request was whole."""


class BodyTimeout(Exception):
    """The request body did not arrive within the listener's time (HTTP 408)."""


class BodySource(Protocol):
    """Where a request's body comes from; the server's connection implements it."""

    async def read(self) -> bytes:
        """The whole body. Raises BodyTooLarge, BodyTimeout, ClientVanished."""
        ...

    def stream(self) -> AsyncIterator[bytes]:
        """The body as it arrives, with back-pressure. Raises as `read`."""
        ...

    async def wait_disconnect(self) -> None:
        """Return when the peer has gone away."""
        ...


class Request:
    """A request whose head has been read; the body may still be on its way."""

    __slots__ = (
        "_index",
        "body",
        "headers",
        "method",
        "path",
        "peer",
        "query",
        "received_at",
        "scheme",
        "target",
    )

    def __init__(
        self,
        method: str,
        target: bytes,
        headers: RawHeaders,
        *,
        scheme: Literal["http", "https"],
        peer: str,
        received_at: float,
        body: BodySource,
    ) -> None:
        self.method = method
        self.target = target
        path, _, query = target.decode("latin-1").partition("?")
        self.path = path
        """Undecoded path, as sent."""
        self.query = query
        """Undecoded query string without the question mark; empty if there was none."""
        self.headers = headers
        self.scheme = scheme
        self.peer = peer
        """IP address of the socket's other end; proxy headers are not looked at here."""
        self.received_at = received_at
        """Monotonic seconds at which the head was complete."""
        self.body = body
        self._index: dict[bytes, str] | None = None

    def header(self, name: bytes) -> str | None:
        """First value of the header `name` (lower case), decoded as latin-1."""
        index = self._index
        if index is None:
            index = {}
            for key, value in self.headers:
                index.setdefault(key.lower(), value.decode("latin-1"))
            self._index = index
        return index.get(name)

    def header_values(self, name: bytes) -> list[str]:
        """All values of the header `name` (lower case), in wire order."""
        return [value.decode("latin-1") for key, value in self.headers if key.lower() == name]


class Response:
    """An answer: whole bytes get a Content-Length; an iterator is streamed (chunked unless a length is given)."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self, status: int, headers: RawHeaders | None = None, body: bytes | AsyncIterator[bytes] = b""
    ) -> None:
        self.status = status
        self.headers: RawHeaders = headers if headers is not None else []
        self.body = body


Handler = Callable[[Request], Awaitable[Response]]
