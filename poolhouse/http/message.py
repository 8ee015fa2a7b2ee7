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


class BadBody(Exception):
    """The request body's framing is broken: a bad chunk, for one (HTTP 400)."""


class AnswerBroken(Exception):
    """Raised by a streamed answer that cannot go on, for a known cause: the connection is broken off, so that
    the client sees that the answer is not whole, and nothing is reported as a defect."""


class BodySource(Protocol):
    """Where a request's body comes from; the server's connection implements it."""

    async def read(self, limit: int | None = None) -> bytes:
        """The whole body, at most `limit` bytes (default: the listener's `max_body`).

        Raises BodyTooLarge, BodyTimeout, BadBody, ClientVanished.
        """
        ...

    def stream(self) -> AsyncIterator[bytes]:
        """The body as it arrives, with back-pressure and without a limit. Raises as `read`."""
        ...

    async def wait_disconnect(self) -> None:
        """Return when the peer has closed its side of the connection or the connection is lost."""
        ...

    def on_disconnect(self, callback: Callable[[], object]) -> None:
        """Call `callback` when `wait_disconnect` would return, unless the answer is out by then."""
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
        index: dict[bytes, bytes] | None = None,
    ) -> None:
        self.method = method
        self.target = target
        """The request target, in origin form (RFC 9112 section 3.2.1)."""
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
        self._index = index

    def header(self, name: bytes) -> str | None:
        """First value of the header `name` (lower case), decoded as latin-1."""
        index = self._index
        if index is None:
            index = {}
            for key, value in self.headers:
                index.setdefault(key.lower(), value)
            self._index = index
        found = index.get(name)
        return None if found is None else found.decode("latin-1")

    def header_values(self, name: bytes) -> list[str]:
        """All values of the header `name` (lower case), in wire order."""
        return [value.decode("latin-1") for key, value in self.headers if key.lower() == name]

    @property
    def content_length(self) -> int | None:
        """The announced length of the body in bytes; None if it is chunked or there is none."""
        length = self.header(b"content-length")
        return None if length is None else int(length)

    def read(self, limit: int | None = None) -> Awaitable[bytes]:
        """The whole body; see `BodySource.read`."""
        return self.body.read(limit)

    def stream(self) -> AsyncIterator[bytes]:
        """The body as it arrives; see `BodySource.stream`."""
        return self.body.stream()

    def disconnected(self) -> Awaitable[None]:
        """Awaitable that ends when the client has gone; see `BodySource.wait_disconnect`."""
        return self.body.wait_disconnect()

    def on_disconnect(self, callback: Callable[[], object]) -> None:
        """Call `callback` once if the client goes before its answer is out; cheaper than awaiting."""
        self.body.on_disconnect(callback)


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
