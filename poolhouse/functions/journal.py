"""A sandbox's log: output cut into lines, START/END/REPORT around each call, a tail for the caller.

Owns format and size caps (lambda-runtime.md section 2). Knows nothing of where a LogSink keeps the lines.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from .spec import LOG_TAIL

_LINE_LIMIT = 256 << 10
"""CloudWatch's limit on one event."""


class LogSource(NamedTuple):
    """Which function's log, and which sandbox's stream in it."""

    function: str
    stream: str


class LogLine(NamedTuple):
    """One event: epoch seconds and the text without its line feed."""

    at: float
    text: bytes


class LogSink(Protocol):
    """Where function logs go. Called in the event loop: must not block."""

    def write(self, source: LogSource, lines: Sequence[LogLine]) -> None:
        """Take lines in order."""
        ...


class RecentLogs:
    """A LogSink that keeps each function's last lines in memory."""

    def __init__(self, lines: int = 1000) -> None:
        self._limit = lines
        self._kept: dict[str, deque[LogLine]] = {}

    def write(self, source: LogSource, lines: Sequence[LogLine]) -> None:
        """See LogSink."""
        kept = self._kept.get(source.function)
        if kept is None:
            kept = self._kept[source.function] = deque(maxlen=self._limit)
        kept.extend(lines)

    def recent(self, function: str) -> list[LogLine]:
        """The function's last lines, oldest first."""
        return list(self._kept.get(function, ()))


class Report(NamedTuple):
    """The figures of one call's REPORT line."""

    duration_ms: float
    memory_mb: int
    used_mb: int
    init_ms: float | None


class Journal:
    """The log of one sandbox."""

    __slots__ = ("_budget", "_clock", "_dropped", "_limit", "_partial", "_sink", "_source", "_tail")

    def __init__(self, source: LogSource, sink: LogSink, clock: Callable[[], float], limit: int) -> None:
        self._source = source
        self._sink = sink
        self._clock = clock
        self._limit = limit
        self._budget = limit
        self._dropped = 0
        self._partial = b""
        self._tail = bytearray()

    @property
    def tail(self) -> bytes:
        """The last 4 KB since the call began (since the start, before the first)."""
        return bytes(self._tail[-LOG_TAIL:])

    def feed(self, data: bytes) -> None:
        """Raw output. Lines end with LF alone: a CR inside is a runtime's folded line break."""
        if self._budget <= 0:
            self._dropped += len(data)
            return
        self._budget -= len(data)
        *whole, rest = (self._partial + data).split(b"\n") if self._partial else data.split(b"\n")
        if len(rest) >= _LINE_LIMIT:
            whole.append(rest)
            rest = b""
        self._partial = rest
        if whole:
            self._write([line[:_LINE_LIMIT] for line in whole])

    def begin(self, request_id: str) -> None:
        """A call begins."""
        self._flush()
        self._tail.clear()
        self._budget = self._limit
        self._write([b"START RequestId: %b Version: $LATEST" % request_id.encode()])

    def end(self, request_id: str, report: Report, note: bytes | None = None) -> None:
        """A call has ended; `note` is a line of the platform's own before END."""
        self._flush()
        lines = [] if note is None else [note]
        lines.append(b"END RequestId: %b" % request_id.encode())
        lines.append(_report_line(request_id, report))
        self._write(lines)

    def close(self) -> None:
        """The sandbox is gone: what had no line feed is a line all the same."""
        self._flush()

    def _flush(self) -> None:
        lines = []
        if self._partial:
            lines.append(self._partial)
            self._partial = b""
        if self._dropped:
            lines.append(b"[poolhouse] %d bytes of output dropped: over the limit of one call" % self._dropped)
            self._dropped = 0
        if lines:
            self._write(lines)

    def _write(self, lines: list[bytes]) -> None:
        at = self._clock()
        tail = self._tail
        for line in lines:
            tail += line
            tail += b"\n"
        if len(tail) > 4 * LOG_TAIL:
            del tail[:-LOG_TAIL]
        self._sink.write(self._source, [LogLine(at, line) for line in lines])


def _report_line(request_id: str, report: Report) -> bytes:
    text = (
        f"REPORT RequestId: {request_id}\tDuration: {report.duration_ms:.2f} ms"
        f"\tBilled Duration: {math.ceil(report.duration_ms)} ms"
        f"\tMemory Size: {report.memory_mb} MB\tMax Memory Used: {report.used_mb} MB"
    )
    if report.init_ms is not None:
        text += f"\tInit Duration: {report.init_ms:.2f} ms"
    return text.encode()
