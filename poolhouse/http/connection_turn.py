"""One request's turn on its connection: run the handler, turn its failures into answers, write them.

Owns the boundary where an exception becomes a status. Knows the connection only as a `Line`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Literal, Protocol, Self

from poolhouse.http.connection_answer import SLICE, AnswerWriter
from poolhouse.http.connection_body import IncomingBody, Tap
from poolhouse.http.connection_head import Refused
from poolhouse.http.connection_write import UnsafeHeader
from poolhouse.http.limits import Limits
from poolhouse.http.message import (
    AnswerBroken,
    BadBody,
    BodyTimeout,
    BodyTooLarge,
    ClientVanished,
    Handler,
    Request,
    Response,
)

if TYPE_CHECKING:
    from poolhouse.http.connection import Connection

_CLOSE = b"Connection: close\r\n"
_KEEP_ALIVE = b"Connection: keep-alive\r\n"
_BODY_FAILURES: dict[type[Exception], tuple[int, str]] = {
    BodyTooLarge: (413, "request body too large"),
    BodyTimeout: (408, "request body not received in time"),
    BadBody: (400, "malformed request body"),
}


class Service:
    """What all connections of one server share."""

    def __init__(
        self,
        handler: Handler,
        limits: Limits,
        *,
        scheme: Literal["http", "https"],
        on_error: Callable[[int, str], Response],
        on_crash: Callable[[Request, Exception], None],
        clock: Callable[[], float],
    ) -> None:
        self.handler = handler
        self.limits = limits
        self.scheme: Literal["http", "https"] = scheme
        self.on_error = on_error
        self.on_crash = on_crash
        self.clock = clock
        self.connections: set[Connection] = set()
        self.running: set[asyncio.Task[None]] = set()
        self.stopping = False
        self.quiet: asyncio.Event | None = None
        self.date = b""
        """The `Date` line of this second."""

    def changed(self) -> None:
        """A connection or a handler has ended; `Server.stop` waits for the last."""
        if self.quiet is not None and not self.connections and not self.running:
            self.quiet.set()


class Turn:
    """One request (or one refusal) in its place in the connection's order of arrival."""

    __slots__ = ("body", "http10", "keep_alive", "refusal", "request", "task")

    def __init__(self, request: Request | None, body: IncomingBody, keep_alive: bool, http10: bool) -> None:
        self.request = request
        self.body = body
        self.keep_alive = keep_alive
        self.http10 = http10
        self.refusal: Refused | None = None
        self.task: asyncio.Task[None] | None = None

    @classmethod
    def refused(cls, tap: Tap, limits: Limits, refusal: Refused) -> Self:
        """A turn that only says why the connection ends."""
        turn = cls(None, IncomingBody(tap, limits, 0, False), False, False)
        turn.refusal = refusal
        return turn

    def start(self, loop: asyncio.AbstractEventLoop, service: Service, work: Coroutine[None, None, None]) -> None:
        """Run `work` as this turn's task; the service keeps it from being collected."""
        self.task = task = loop.create_task(work)
        service.running.add(task)

    def fail(self, failure: Exception) -> None:
        """The body will not be whole."""
        self.body.fail(failure)

    def cancel(self, service: Service) -> None:
        """Nobody wants the answer any more."""
        if self.task is not None:
            # A task that is cancelled before its first step never reaches its own clean-up.
            self.task.add_done_callback(service.running.discard)
            self.task.cancel()


class Line(Protocol):
    """What a turn needs of its connection."""

    transport: asyncio.Transport
    writer: AnswerWriter
    streaming: bool

    def may_persist(self, turn: Turn) -> bool:
        """Whether the connection may carry another request afterwards."""
        ...

    def end_turn(self, turn: Turn, *, persist: bool) -> None:
        """The answer is written: go on with the next request, or close."""
        ...


async def serve(service: Service, line: Line, turn: Turn) -> None:
    """Answer one request, whatever its handler does."""
    task = turn.task
    persist = False
    try:
        response = await _respond(service, turn)
        body = response.body
        if type(body) is bytes and len(body) <= SLICE:
            persist = _send_short(service, line, turn, response, body)
        else:
            persist = await _send_long(service, line, turn, response)
        if line.writer.full:
            await line.writer.drained()
    except ClientVanished:
        line.transport.abort()
    except asyncio.CancelledError:
        line.transport.abort()
        raise
    finally:
        if task is not None:
            service.running.discard(task)
        if service.quiet is not None:
            service.changed()
    line.end_turn(turn, persist=persist)


async def _respond(service: Service, turn: Turn) -> Response:
    """The handler's response, or the one that its failure deserves. Raises ClientVanished."""
    request = turn.request
    if request is None or len(service.running) > service.limits.max_concurrency:
        return _refusal(service, turn)
    try:
        return await service.handler(request)
    except (BodyTooLarge, BodyTimeout, BadBody) as failure:
        return service.on_error(*_BODY_FAILURES[type(failure)])
    except ClientVanished:
        raise
    except Exception as crash:  # noqa: BLE001 -- the boundary: a request's defect must not end the connection
        return _crashed(service, turn, crash)


def _refusal(service: Service, turn: Turn) -> Response:
    """The answer to what never reaches the handler."""
    if turn.refusal is not None:
        return service.on_error(turn.refusal.status, turn.refusal.reason)
    response = service.on_error(503, "too many requests at once")
    response.headers.append((b"Retry-After", b"1"))
    return response


def _crashed(service: Service, turn: Turn, crash: Exception) -> Response:
    """The answer in place of one that could not be made."""
    if turn.request is not None:
        service.on_crash(turn.request, crash)
    return service.on_error(500, "internal error")


def _send_short(service: Service, line: Line, turn: Turn, response: Response, body: bytes) -> bool:
    """Write an answer at once; returns whether the connection may live on. Raises ClientVanished."""
    writer, request = line.writer, turn.request
    writer.check()
    persist = line.may_persist(turn)
    own = service.date + _connection_line(turn, persist)
    is_head = request is not None and request.method == "HEAD"
    try:
        writer.send_whole(response, body, is_head, own)
    except UnsafeHeader as unsafe:
        plain = _crashed(service, turn, unsafe)
        assert isinstance(plain.body, bytes)
        writer.send_whole(plain, plain.body, is_head, own)
    return persist


async def _send_long(service: Service, line: Line, turn: Turn, response: Response) -> bool:
    """Write an answer as fast as the client reads it; otherwise as `_send_short`."""
    writer, request, body = line.writer, turn.request, response.body
    persist = line.may_persist(turn)
    own = service.date + _connection_line(turn, persist)
    is_head = request is not None and request.method == "HEAD"
    line.streaming = not isinstance(body, bytes)
    try:
        writer.check()
        if isinstance(body, bytes):
            await writer.send_long(response, body, is_head, own)
            return persist
        lives = await writer.send_stream(response, body, is_head, turn.http10, own)
    except UnsafeHeader as unsafe:
        plain = _crashed(service, turn, unsafe)
        assert isinstance(plain.body, bytes)
        return _send_short(service, line, turn, plain, plain.body)
    except ClientVanished:
        raise
    except AnswerBroken:
        raise ClientVanished from None
    except Exception as crash:
        # The head is out: breaking off is the only way left to say that the answer is not whole.
        _crashed(service, turn, crash)
        raise ClientVanished from crash
    finally:
        line.streaming = False
        # Whether or not it was ever begun: an upstream connection may hang on it.
        close = getattr(body, "aclose", None)
        if close is not None:
            await close()
    return persist and lives


def _connection_line(turn: Turn, persist: bool) -> bytes:
    if not persist:
        return _CLOSE
    return _KEEP_ALIVE if turn.http10 else b""
