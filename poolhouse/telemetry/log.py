"""The structured log: one JSON object (or one readable line) per event, on standard error.

Owns format and destination. Never sees a secret: callers pass ids, names of fields and outcomes.
"""

import sys
from typing import Literal

import structlog
from structlog.typing import FilteringBoundLogger

LogFormat = Literal["json", "text"]


def configure_logging(log_format: LogFormat, level: Literal["debug", "info", "warning", "error"] = "info") -> None:
    """Set the process's one log format; call once, from the composition root."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def get_logger(room: str) -> FilteringBoundLogger:
    """A logger whose events carry `room`, the module that speaks."""
    logger: FilteringBoundLogger = structlog.get_logger(room=room)
    return logger
