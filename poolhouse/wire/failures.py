"""What becomes of an exception that nobody foresaw: one log event with its place, nothing of its values.

Owns the event. Knows nothing of answers.
"""

import traceback

from poolhouse.telemetry.log import get_logger

log = get_logger(__name__)

_MAX_CAUSES = 5


def log_failure(request_id: str, operation: str | None, failure: BaseException) -> None:
    """Log where `failure` arose, under the request id.

    The exception's own text is left out: drivers and parsers quote values in theirs.
    """
    log.error(
        "operation_failed",
        request_id=request_id,
        operation=operation,
        error=_type_name(failure),
        trace=places(failure),
    )


def places(failure: BaseException) -> list[str]:
    """The frames of an exception and of its causes, innermost last, each as file:line:function."""
    found: list[str] = []
    current: BaseException | None = failure
    for _ in range(_MAX_CAUSES):
        if current is None:
            break
        frames = traceback.extract_tb(current.__traceback__)
        found.append(_type_name(current))
        found += [f"{frame.filename}:{frame.lineno}:{frame.name}" for frame in frames]
        current = current.__cause__ or current.__context__
    return found


def _type_name(failure: BaseException) -> str:
    kind = type(failure)
    return f"{kind.__module__}.{kind.__qualname__}"
