"""The structured log: one JSON object (or one readable line) per event, on standard error.

Owns format and destination. Never sees a secret: callers pass ids, names of fields and outcomes.
"""

import io
import os
import sys
from contextlib import suppress
from typing import Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger

LogFormat = Literal["json", "text"]


class _Patient(io.TextIOBase):
    """A stream that never fails: a full disk or a closed pipe under the log must not undo what is being logged."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def configure_logging(log_format: LogFormat, level: Literal["debug", "info", "warning", "error"] = "info") -> None:
    """Set the process's one log format; call once, from the composition root."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=_is_coloured(), pad_event_to=0, pad_level=False)
    )
    # A person reads along: the time of day is enough, and an event's name says more than its room.
    stamp: list[structlog.typing.Processor] = (
        [structlog.processors.TimeStamper(fmt="iso", utc=True)]
        if log_format == "json"
        else [_without_room, structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            *stamp,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _Patient(sys.stderr))),
        cache_logger_on_first_use=True,
    )


def configure_command_logging() -> None:
    """For a command, whose answer has standard output for itself: only warnings, on standard error."""
    structlog.configure(
        processors=[structlog.processors.add_log_level, _without_room, _one_line],
        wrapper_class=structlog.make_filtering_bound_logger("warning"),
        logger_factory=lambda *_: structlog.PrintLogger(cast(TextIO, _Patient(sys.stderr))),
    )


def _is_coloured() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _without_room(_logger: object, _method: str, event: EventDict) -> EventDict:
    event.pop("room", None)
    return event


def _one_line(_logger: object, _method: str, event: EventDict) -> str:
    """`warning: event name=value …`, as commands speak."""
    level, name = event.pop("level"), event.pop("event")
    return " ".join([f"{level}: {name}", *(f"{key}={value}" for key, value in event.items())])


def get_logger(room: str) -> FilteringBoundLogger:
    """A logger whose events carry `room`, the module that speaks."""
    logger: FilteringBoundLogger = structlog.get_logger(room=room)
    return logger
