"""A relay in front of a server under test that writes down what passes, and changes no byte of it.

Clients stay unmodified: they are given the relay's address as the service's. Knows HTTP/1.1 framing and nothing else.
"""

import asyncio
import contextlib
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httptools

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request's head and the status that answered it. Header names are lower case."""

    method: str
    target: str
    headers: dict[str, str]
    status: int

    @property
    def operation(self) -> str:
        """The operation's name, or nothing where the request named none."""
        return self.headers.get("x-amz-target", "").rpartition(".")[2]


@dataclass(slots=True)
class _Head:
    method: str = ""
    target: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class _Requests:
    """What httptools tells about a connection's requests."""

    def __init__(self) -> None:
        self.waiting: list[_Head] = []
        self._head = _Head()
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._head = _Head()

    def on_url(self, url: bytes) -> None:
        self._head.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._head.method = self._parser.get_method().decode("latin-1")
        self.waiting.append(self._head)


class _Responses:
    """What httptools tells about the answers, paired with the requests in their order."""

    def __init__(self, requests: _Requests, exchanges: list[Exchange]) -> None:
        self._requests = requests
        self._exchanges = exchanges
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            return
        head = self._requests.waiting.pop(0)
        self._exchanges.append(Exchange(head.method, head.target.decode("latin-1"), head.headers, status))


class Recorder:
    """Listens on a loopback port and relays to another; `exchanges` grows with every answered request.

    With `opaque` (TLS) it relays only.
    """

    def __init__(self, upstream: int, *, opaque: bool = False) -> None:
        self.exchanges: list[Exchange] = []
        self.port = 0
        self._upstream = upstream
        self._opaque = opaque
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._relay(reader, writer)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            return
        requests = _Requests()
        responses = _Responses(requests, self.exchanges)
        forth = asyncio.create_task(_pump(reader, up_writer, None if self._opaque else requests))
        back = asyncio.create_task(_pump(up_reader, writer, None if self._opaque else responses))
        try:
            await back
        finally:
            forth.cancel()
            back.cancel()
            await asyncio.gather(forth, back, return_exceptions=True)
            up_writer.close()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener: _Requests | _Responses | None
) -> None:
    """Pass on bytes until one side ends; the listener hears them first, so that a pairing is never late."""
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            if listener is not None:
                listener.feed(data)
            writer.write(data)
            await writer.drain()
        writer.write_eof()
